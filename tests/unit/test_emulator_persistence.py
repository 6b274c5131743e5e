"""Tests that the emulator writes its tables to the disk before it answers, so that no answered write is lost in a kill."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from darkroom_local.emulator.ledger_journal import rows_of
from darkroom_local.emulator.persistence import _keep_results, _Tables


class Service(SimpleNamespace):
    """Replaces the emulator's DynamoDB service. It has one table, and each request sets two items in it."""

    def __init__(self) -> None:
        super().__init__()
        self.items: dict[tuple[str, str], Any] = {}
        self.handle_request = self._handle
        self._set_item = lambda table, pk, sk, item: self.items.update({(pk, sk): item})
        self._remove_item = lambda table, pk, sk: self.items.pop((pk, sk))
        self._tables = SimpleNamespace(all_items=lambda: [("name", "table")])

    async def _handle(self, item: Any) -> str:
        self._set_item("table", "JOB#a", "JOB", item)
        self._set_item("table", "BUDGET#topaz", "2026-11", item)
        return "answer"


@contextlib.contextmanager
def kept(service: Service, path: Path) -> Iterator[None]:
    """Keep the service's table in a journal until the block ends."""
    with contextlib.closing(_Tables(service, path)) as tables:
        tables.attach()
        yield


def test_what_a_request_changed_is_one_line_on_the_disk_before_it_answers(tmp_path: Path) -> None:
    service, path = Service(), tmp_path / "ledger.jsonl"
    with kept(service, path):
        assert asyncio.run(service.handle_request({"S": "x"})) == "answer"
        assert path.read_bytes().count(b"\n") == 1
        assert rows_of(path) == service.items


def test_a_new_emulator_has_the_rows_of_the_one_that_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text('[["JOB#old", "JOB", {"S": "x"}]]\n')
    service = Service()
    with kept(service, path):
        asyncio.run(service.handle_request({"S": "y"}))
    assert service.items["JOB#old", "JOB"] == {"S": "x"}
    assert rows_of(path) == service.items


def test_the_emulator_ends_before_it_keeps_a_result_where_its_folder_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(code: int) -> None:
        raise SystemExit(code)

    def persist(bucket: str, key: str, obj: dict[str, Any]) -> None:
        (results / key).parent.mkdir(parents=True, exist_ok=True)
        (results / key).write_bytes(obj["body"])
        obj["body"] = None

    results = tmp_path / "out" / "results"
    results.mkdir(parents=True)
    s3 = SimpleNamespace(
        _persist_object=persist, _persist_displaced_version=None, handle_request=None, _object_versions={}
    )
    _keep_results(s3, results)
    s3._persist_object("outputbucket", "a.jpg", {"body": b"paid"})
    assert (results / "a.jpg").read_bytes() == b"paid"
    (tmp_path / "out").rename(tmp_path / "renamed")
    monkeypatch.setattr("os._exit", ends)
    with pytest.raises(SystemExit):
        s3._persist_object("outputbucket", "b.jpg", {"body": b"paid"})
    assert not results.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_the_emulator_ends_before_it_answers_if_a_write_cannot_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr("os._exit", ends)
    # This replaces reading the file, because /dev/full has no end.
    monkeypatch.setattr("darkroom_local.emulator.persistence.rows_of", lambda path: {})
    service = Service()
    with kept(service, Path("/dev/full")), pytest.raises(SystemExit):
        asyncio.run(service.handle_request({"S": "x"}))
