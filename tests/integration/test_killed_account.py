"""The account of a folder after a kill in the middle of a paid call: the next run continues from the journal, and pays once.

The ledger is kept by the embedded cloud's own journal. Bugs are seeded to show that these checks would notice them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.fakes.application import ApplicationUnderTest, Clock, drawn, picture
from tests.fakes.aws_account import Cloud
from tests.fakes.memory_dynamodb import InMemoryDynamo
from tests.fakes.simple_provider import SimpleProvider
from tests.faults import seeded_bugs
from tests.integration.worker_death_support import WorkerDied, kill

from darkroom.model import JobStatus, ProcessState
from darkroom_local.emulator import ledger_journal
from darkroom_local.emulator.persistence import _Tables

LAG = timedelta(seconds=59)  # of the provider's list; Topaz' grace is 60 s


class KeptTable:
    """A table in memory that the journal keeps: each call is a request to the emulator."""

    def __init__(self, journal: Path, tables: type[_Tables] = _Tables) -> None:
        self._memory = InMemoryDynamo(on_write=self._written)
        self._service = SimpleNamespace(
            handle_request=self._handle, _set_item=self._set, _remove_item=self._set, _tables=SimpleNamespace()
        )
        self._service._tables.all_items = lambda: [("ledger", self._memory)]
        self._tables = tables(self._service, journal)
        self._tables.attach()

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return lambda **request: asyncio.run(self._service.handle_request(operation, request))

    def close(self) -> None:
        self._tables.close()

    async def _handle(self, operation: str, request: dict[str, Any]) -> Any:
        return getattr(self._memory, operation)(**request)

    def _written(self, key: tuple[str, str], before: Any, after: Any) -> None:
        self._service._set_item(None, *key, after)

    @staticmethod
    def _set(table: InMemoryDynamo | None, pk: str, sk: str, row: Any = None) -> None:
        """Store a row of the journal. Rows of requests are stored already."""
        if table is not None:
            table._rows[pk, sk] = {"pk": {"S": pk}, "sk": {"S": sk}, **row}


class LateTables(_Tables):
    """The seeded bug: a write reaches the journal when the next one is made, which may be after the call that costs money."""

    def _write(self, changes: list[ledger_journal.Change]) -> None:
        super()._write(getattr(self, "_late", []))
        self._late = changes


@dataclass
class Folder:
    """A folder's journal, and the world outside of it: the pictures and the provider."""

    s3: Any
    journal: Path
    clock: Clock
    provider: SimpleProvider

    @contextlib.contextmanager
    def run(self, tables: type[_Tables] = _Tables) -> Iterator[ApplicationUnderTest]:
        """One run of the command: its table is new, and filled from the journal."""
        ledger_journal.prepare(self.journal, self.clock(), ())
        with contextlib.closing(KeptTable(self.journal, tables)) as table:
            application = ApplicationUnderTest(Cloud(self.s3, table))
            application.clock, application.provider = self.clock, self.provider
            application.ports["provider"] = self.provider
            yield application

    def is_killed_and_repeated(
        self,
        *,
        accepted: bool,
        new_key: bool = False,
        after: timedelta = timedelta(0),
        tables: type[_Tables] = _Tables,
    ) -> tuple[int, JobStatus]:
        """Kill a run before or after the provider accepts the picture, and repeat it `after` that. Return what was charged, and
        the job's status."""
        with self.run(tables) as application:
            upload = application.cloud.put("a.jpg", picture())
            kill(application, "provider", "submit", after=accepted)
            with pytest.raises(WorkerDied):
                application.submit(upload)
        if new_key:
            self.provider.key, self.provider.listed_after = "another key", timedelta(days=1)  # another account's list
        self.clock.advance(after)
        with self.run(tables) as application:
            application.deliver(upload)
            self.provider.become(ProcessState.COMPLETED)
            if application.job().status is JobStatus.PROCESSING:
                self.clock.advance(60)
                application.finalize(application.job())
            application.assert_books_balance()
            return self.provider.charged, application.job().status


@pytest.fixture
def folder(account: Cloud, tmp_path: Path) -> Folder:
    clock = Clock()
    return Folder(account.s3, tmp_path / "ledger.jsonl", clock, SimpleProvider(clock, drawn, listed_after=LAG))


@pytest.mark.parametrize("accepted", [True, False], ids=["accepted", "not accepted"])
def test_a_submit_that_was_killed_is_paid_once(folder: Folder, accepted: bool) -> None:
    assert folder.is_killed_and_repeated(accepted=accepted) == (1, JobStatus.COMPLETED)


def test_with_another_key_than_the_killed_runs_the_job_is_left_in_doubt(folder: Folder) -> None:
    assert folder.is_killed_and_repeated(accepted=True, new_key=True) == (1, JobStatus.IN_DOUBT)


def test_a_submit_that_never_arrived_is_sent_once_also_by_a_run_after_its_deadline(folder: Folder) -> None:
    assert folder.is_killed_and_repeated(accepted=False, after=timedelta(days=2)) == (1, JobStatus.COMPLETED)


def test_a_submit_that_arrived_and_is_older_than_the_list_is_left_in_doubt_with_its_reservation(folder: Folder) -> None:
    folder.provider.list_reach = timedelta(days=7)
    assert folder.is_killed_and_repeated(accepted=True, after=timedelta(days=8)) == (1, JobStatus.IN_DOUBT)
    (job,) = ledger_journal.jobs_in(ledger_journal.rows_of(folder.journal))
    month = ledger_journal.rows_of(folder.journal)["BUDGET#topaz", f"{folder.clock():%Y-%m}"]
    assert (job.may_be_charged, month["reserved"]["N"], month["jobs"]["N"]) == (True, "1", "1")


def test_seeded_a_journal_written_after_the_call_is_noticed(folder: Folder) -> None:
    charged, _ = folder.is_killed_and_repeated(accepted=True, tables=LateTables)
    assert charged == 2


def test_seeded_a_fingerprint_that_is_not_compared_is_noticed(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    seeded_bugs.another_keys_list_believed(monkeypatch)
    charged, _ = folder.is_killed_and_repeated(accepted=True, new_key=True)
    assert charged == 2


def test_seeded_a_lookup_that_is_believed_before_its_grace_is_noticed(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded_bugs.no_grace(monkeypatch)
    charged, _ = folder.is_killed_and_repeated(accepted=True)
    assert charged == 2
