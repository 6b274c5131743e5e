"""Tests real threads that share one ledger, which conflicts, throttles and loses answers. Nothing is paid twice, and no
limit is exceeded.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.fakes.application import MONTH, ApplicationUnderTest
from tests.fakes.aws_account import TABLE, Cloud
from tests.fakes.simple_provider import SimpleProvider
from tests.integration.ledger_support import limits
from tests.integration.time_support import LEASE, assert_every_run_is_in_the_books, uploads

from darkroom.aws import items
from darkroom.errors import Inapplicable, LedgerBusy, LostClaim
from darkroom.model import TERMINAL, JobStatus, ProcessState
from darkroom.pipeline.sweep import SweepFailed

WORKERS, UPLOADS, BUDGET = 8, 12, 9
WRITES = ("put_item", "update_item", "transact_write_items")
ENDED = frozenset({*TERMINAL, JobStatus.PROCESSING})


def error(code: str, *reasons: str) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "injected"}}
    if reasons:
        answer["CancellationReasons"] = [{"Code": reason} for reason in reasons]
    return ClientError(answer, "injected")


REFUSED = {
    "transact_write_items": error("TransactionCanceledException", "None", "TransactionConflict"),
    "update_item": error("TransactionConflictException"),
    "put_item": error("TransactionConflictException"),
}
THROTTLED, LOST = error("ProvisionedThroughputExceededException"), error("InternalServerError")


class Stormy:
    """Wraps a DynamoDB client. Some calls fail at random, before or after their effect. One thread is served at a time.

    A transaction that comes again with the same token has no second effect, as DynamoDB promises. Moto would repeat it.
    """

    def __init__(self, client: Any, seed: int) -> None:
        self.lock = threading.Lock()
        self._client, self._made = client, set[str]()
        self.dice = random.Random(seed)
        self.committed: list[Decimal] = []

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)
        if name not in (*WRITES, "get_item", "query", "batch_get_item", "scan"):
            return real

        def call(**request: Any) -> Any:
            with self.lock:
                fate = self.dice.random()
                if fate < 0.06:
                    raise THROTTLED if fate < 0.03 else REFUSED.get(name, THROTTLED)
                answer = self._once(real, request)
                if name in WRITES:
                    self._look()
                    if fate > 0.94:
                        raise LOST
                return answer

        return call

    def _once(self, real: Callable[..., Any], request: dict[str, Any]) -> Any:
        token = request.pop("ClientRequestToken", None)
        if token in self._made:
            return {}
        answer = real(**request)
        if token:
            self._made.add(token)
        return answer

    def _look(self) -> None:
        item = self._client.get_item(TableName=TABLE, Key=items.budget_key("topaz", MONTH)).get("Item", {})
        self.committed.append(items.number(item, "committed"))


class Locked:
    """Wraps a client or port, and lets one thread at a time call it."""

    def __init__(self, real: Any) -> None:
        self._real, self._lock = real, threading.Lock()

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        if not callable(real):
            return real

        def call(*args: Any, **named: Any) -> Any:
            with self._lock:
                return real(*args, **named)

        return call


class Counted(SimpleProvider):
    """A simple provider that counts the submits that it accepts, by job and run."""

    def submit(self, *args: Any) -> Any:
        answer = super().submit(*args)
        handle = args[2]
        self.accepted = getattr(self, "accepted", Counter())
        self.accepted[handle.job_id, handle.run] += 1
        return answer


class Storm:
    """Holds an application with an unreliable ledger and a lock around every other port, and runs its workers on threads."""

    def __init__(self, account: Cloud, seed: int) -> None:
        self.client = Stormy(account.dynamodb, seed)
        self.application = ApplicationUnderTest(Cloud(Locked(account.s3), self.client), limits=limits(str(BUDGET)))
        self.account, self.dice = account, random.Random(seed)
        application = self.application
        application.provider = Counted(application.clock, application.provider.draw)
        application.ports["provider"] = Locked(application.provider)
        for name in ("executions", "events", "intake", "alerts"):
            application.ports[name] = Locked(application.ports[name])

    def jobs(self) -> list[Any]:
        """Return every job. While they are read, no thread can write."""
        with self.client.lock:
            return self.account.jobs()

    def together(self, *works: Callable[[], object]) -> None:
        """Run each function on its own thread, all started at the same moment. Raise what they raise."""
        start = threading.Barrier(len(works))

        def run(work: Callable[[], object]) -> object:
            start.wait()
            return work()

        with ThreadPoolExecutor(len(works)) as pool:
            for done in [pool.submit(run, work) for work in works]:
                done.result()

    def worker(self, messages: list[Any]) -> Callable[[], None]:
        """Return a function that delivers the messages in a random order."""
        mine = messages[:]
        self.dice.shuffle(mine)

        def work() -> None:
            for message in mine:
                self.application.submit(message)

        return work

    def sweeper(self) -> None:
        for _ in range(2):
            with suppress(SweepFailed):  # the next sweep tries the failed steps again
                self.application.sweep()

    def finisher(self) -> None:
        for job in self.jobs():
            if job.status is JobStatus.PROCESSING:
                try:
                    self.application.finalize(job)
                except Exception:
                    continue

    def deliver_until_all_are_decided(self, messages: list[Any]) -> None:
        for _ in range(40):
            due = [what for what, _ in self.application.queue.sent]
            self.application.queue.sent.clear()
            share = [*messages, *due]
            self.together(*(self.worker(share) for _ in range(WORKERS)), self.sweeper)
            jobs = self.jobs()
            if len(jobs) == len(messages) and {job.status for job in jobs} <= ENDED:
                return
            self.application.clock.advance(self.dice.choice([31, 61, LEASE.total_seconds()]))
        raise AssertionError(f"some jobs are still undecided: {Counter(job.status for job in self.jobs())}")

    def finish_all(self) -> None:
        self.application.provider.become(ProcessState.COMPLETED)
        for _ in range(40):
            self.together(*[self.finisher] * 3, self.sweeper)
            if {job.status for job in self.jobs()} <= TERMINAL:
                return
            self.application.clock.advance(LEASE)
        raise AssertionError(f"some jobs have not ended: {Counter(job.status for job in self.jobs())}")


@pytest.mark.parametrize("seed", [1])
def test_racing_workers_pay_once_for_each_upload_and_never_pass_the_limit(account: Cloud, seed: int) -> None:
    storm = Storm(account, seed)
    storm.deliver_until_all_are_decided(uploads(ApplicationUnderTest(account), UPLOADS))
    accepted: Counter[Any] = storm.application.provider.accepted  # type: ignore[attr-defined]
    assert max(accepted.values()) == 1
    assert accepted.total() == BUDGET
    assert Counter(job.status for job in storm.jobs()) == {
        JobStatus.PROCESSING: BUDGET,
        JobStatus.REJECTED: UPLOADS - BUDGET,
    }
    assert max(storm.client.committed) <= BUDGET
    assert_every_run_is_in_the_books(account)
    storm.finish_all()
    assert account.budget("topaz", MONTH)["spent"] == BUDGET == storm.application.provider.charged
    assert max(storm.client.committed) <= BUDGET
    assert len(account.keys()) == UPLOADS  # nine results, three reports
    assert {job.orphans for job in storm.jobs()} == {()}
    assert_every_run_is_in_the_books(account)


@pytest.mark.parametrize("seed", [3])
def test_racing_reruns_begin_one_run_and_pay_for_it_once(account: Cloud, seed: int) -> None:
    storm = Storm(account, seed)
    (upload,) = uploads(ApplicationUnderTest(account), 1)
    storm.deliver_until_all_are_decided([upload])
    storm.finish_all()
    job_id = storm.jobs()[0].job_id

    def rerun() -> None:
        with suppress(LostClaim, Inapplicable, LedgerBusy):
            storm.application.operate.rerun(job_id, completed=True)

    storm.together(*[rerun] * WORKERS)
    storm.deliver_until_all_are_decided([upload])
    (job,) = storm.jobs()
    assert (job.run, job.status) == (2, JobStatus.PROCESSING)
    assert sorted(storm.application.provider.accepted.values()) == [1, 1]  # type: ignore[attr-defined]
    assert_every_run_is_in_the_books(account)
