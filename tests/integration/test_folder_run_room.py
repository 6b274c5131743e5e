"""Tests what a local run holds in the buckets of its embedded cloud: few pictures at a time, and none whose result is home. No
function runs here, so the tests write the rows of the ledger themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from tests.fakes.aws_account import INPUT, OUTPUT, Cloud
from tests.integration.folder_run_support import Room, Silent, interrupt, made

from darkroom.output_keys import RECEIPT_JOB
from darkroom_local.folder.uploads import Item
from darkroom_local.run import folder_run
from darkroom_local.run.folder_run import run

pytestmark = pytest.mark.emulated("s3", "dynamodb", "sqs")


@pytest.fixture
def room(account: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    """Return a room whose run looks at the jobs as often as it can."""
    monkeypatch.setattr(folder_run, "_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(folder_run, "_PAUSE_SHARE", 0)
    return made(account, tmp_path)


def versions(room: Room, bucket: str) -> list[str]:
    return [one["Key"] for one in room.account.s3.list_object_versions(Bucket=bucket).get("Versions", [])]


def gets_result(room: Room, key: str, job: str = "") -> None:
    """Let a job complete: by default that of the newest version, with a result that has its receipt."""
    job = job or room.job_id(key)
    room.account.s3.put_object(Bucket=OUTPUT, Key=key, Body=b"better", Metadata={RECEIPT_JOB: job})
    room.row(key, "COMPLETED", job_id=job, output_key=key)


def test_once_a_result_is_home_the_cloud_holds_neither_it_nor_its_source(room: Room) -> None:
    def moment() -> None:
        gets_result(room, "a.jpg")
        room.row("b.jpg", "FAILED")

    room.run(room.items("a.jpg", "b.jpg"), moment)
    assert (room.out / "a.jpg").read_bytes() == b"better"
    assert (versions(room, INPUT), versions(room, OUTPUT)) == ([], [])


def test_what_may_still_be_needed_stays_in_the_cloud(room: Room) -> None:
    room.out.mkdir()
    (room.out / "lost.jpg").mkdir()

    def moment() -> None:
        gets_result(room, "lost.jpg")
        gets_result(room, "replaced.jpg")
        room.account.s3.put_object(Bucket=OUTPUT, Key="replaced.jpg", Body=b"x", Metadata={RECEIPT_JOB: "another job"})
        room.row("doubt.jpg", "IN_DOUBT")
        room.row("waits.jpg", "CLAIMED", error_code="OutOfCredits")

    room.run(room.items("doubt.jpg", "lost.jpg", "replaced.jpg", "waits.jpg"), moment)
    assert versions(room, INPUT) == ["doubt.jpg", "lost.jpg", "waits.jpg"]
    assert versions(room, OUTPUT) == ["lost.jpg", "replaced.jpg"]


def test_a_newer_version_of_a_picture_stays_when_the_older_one_is_done(room: Room) -> None:
    (item,) = room.items("a.jpg")

    def arrivals() -> Iterator[Item]:
        yield item
        older = room.job_id("a.jpg")
        item.path.write_bytes(b"edited")
        yield item
        gets_result(room, "a.jpg", older)

    def moment() -> None:
        assert len(versions(room, INPUT)) == 1
        assert room.account.body("a.jpg", INPUT) == b"edited"
        gets_result(room, "a.jpg")

    outcomes = run(room.stack, arrivals(), room.out, cast(Any, Silent()), lambda _: moment())
    assert [outcome.is_completed for outcome in outcomes] == [True, True]


@pytest.mark.parametrize("bound", ["MOST_JOBS", "MOST_BYTES"])
def test_no_more_is_sent_than_may_be_open(room: Room, monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    items = room.items("a.jpg", "b.jpg", "c.jpg")
    most = {"MOST_JOBS": 2, "MOST_BYTES": 2 * items[0].path.stat().st_size}
    monkeypatch.setattr(f"darkroom_local.run.open_uploads.{bound}", most[bound])

    def first() -> None:
        assert versions(room, INPUT) == ["a.jpg", "b.jpg"]
        gets_result(room, "a.jpg")

    def second() -> None:
        assert versions(room, INPUT) == ["b.jpg", "c.jpg"]
        gets_result(room, "b.jpg")
        gets_result(room, "c.jpg")

    assert [outcome.is_completed for outcome in room.run(items, first, second)] == [True] * 3


def test_when_all_that_may_be_open_waits_for_the_operator_no_more_is_sent(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("darkroom_local.run.open_uploads.MOST_JOBS", 1)
    outcomes = room.run(room.items("a.jpg", "b.jpg"), lambda: room.row("a.jpg", "CLAIMED", error_code="OutOfCredits"))
    assert [outcome.word for outcome in outcomes] == ["CLAIMED (OutOfCredits)", "NOT SENT"]
    assert "nothing more was sent" in outcomes[1].message


def test_a_run_that_leaves_while_it_waits_for_room_sends_no_more(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darkroom_local.run.open_uploads.MOST_JOBS", 1)
    left: list[bool] = []

    def leaves(_: float) -> None:
        left.append(True)
        gets_result(room, "a.jpg")

    items = room.items("a.jpg", "b.jpg")
    outcomes = run(room.stack, items, room.out, cast(Any, Silent()), leaves, is_leaving=lambda: bool(left))
    assert [outcome.item.key for outcome in outcomes] == ["a.jpg"]


def test_one_look_saves_all_results_that_it_has_time_for(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_run, "_SAVE_SECONDS", 60.0)
    names = [f"{number:02}.jpg" for number in range(12)]

    def arrivals() -> Iterator[Item | None]:
        yield from room.items(*names)
        for name in names:
            gets_result(room, name)
        yield None
        assert set(room.statuses()) == set(names)

    run(room.stack, arrivals(), room.out, cast(Any, Silent()), lambda _: None)


def test_a_second_interrupt_does_not_first_save_a_long_backlog(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_run, "_LAST_SAVES_SECONDS", 0.0)

    def moment() -> None:
        for name in ("a.jpg", "b.jpg"):
            gets_result(room, name)
        interrupt()

    with pytest.raises(KeyboardInterrupt) as raised:
        room.run(room.items("a.jpg", "b.jpg"), moment)
    assert [path.name for path in room.out.glob("*.jpg")] == ["a.jpg"]
    assert "process-of-b.jpg" in raised.value.__notes__[0]
    assert (versions(room, INPUT), versions(room, OUTPUT)) == (["b.jpg"], ["b.jpg"])
