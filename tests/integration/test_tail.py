"""Tests `darkroom tail`: each job is told once, as it ends, whatever way it ends and however quickly, and at a small cost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.fakes.application import ApplicationUnderTest, picture
from tests.unit.cli_support import Stack, deployed, doubted, failed, now, refused, run, sent

from darkroom.aws.ledger_table import LedgerTable
from darkroom.model import JobDue, JobStatus, ProcessState
from darkroom_cli.commands import tail
from darkroom_cli.stack.ended_jobs import Completions


@pytest.fixture
def stack() -> Iterator[Stack]:
    with deployed() as made:
        yield made


@pytest.fixture
def application(stack: Stack) -> ApplicationUnderTest:
    return stack.application


@pytest.fixture
def look(application: ApplicationUnderTest) -> Callable[[], list[tuple[str, int, JobStatus]]]:
    """Return a function that looks once, two seconds later than before."""
    completions = Completions(application.ports["operator_ledger"], application.ports["job_queries"])

    def look() -> list[tuple[str, int, JobStatus]]:
        application.clock.advance(2)
        return [(job.source_key, job.run, job.status) for job in completions.look(application.clock())]

    return look


Look = Callable[[], list[tuple[str, int, JobStatus]]]


def test_each_job_is_told_once_when_it_ends(application: ApplicationUnderTest, look: Look) -> None:
    before = failed(application, "before.jpg")
    running = sent(application, "running.jpg")
    assert look() == []
    application.complete(application.cloud.put("quick.jpg", picture()))
    refused(application, "refused.jpg")
    assert set(look()) == {("quick.jpg", 1, JobStatus.COMPLETED), ("refused.jpg", 1, JobStatus.REJECTED)}
    assert look() == []
    application.operate.cancel(running.job_id)
    assert look() == [("running.jpg", 1, JobStatus.CANCELLED)]
    application.clock.advance(60)
    assert look() == []
    application.operate.rerun(before.job_id)
    assert look() == []
    application.submit(JobDue(before.job_id))
    application.provider.become(ProcessState.COMPLETED)
    application.clock.advance(60)
    application.finalize(now(application, before))
    assert look() == [("before.jpg", 2, JobStatus.COMPLETED)]


def test_a_doubt_is_told_when_it_begins_and_when_it_ends(application: ApplicationUnderTest, look: Look) -> None:
    look()
    job = doubted(application)
    assert look() == [("a.jpg", 1, JobStatus.IN_DOUBT)]
    assert look() == []
    application.operate.abandon(job.job_id)
    assert look() == [("a.jpg", 1, JobStatus.CANCELLED)]


def test_a_doubt_from_before_is_not_told(application: ApplicationUnderTest, look: Look) -> None:
    doubted(application)
    assert look() == []
    assert look() == []


def test_a_look_costs_the_same_however_many_jobs_have_ended(
    application: ApplicationUnderTest, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    own = LedgerTable._with_retries

    def counted(table: LedgerTable, call: Callable[[], Any]) -> Any:
        calls.append(1)
        return own(table, call)

    monkeypatch.setattr(LedgerTable, "_with_retries", counted)

    def cost() -> int:
        look()
        calls.clear()
        look()
        return len(calls)

    few = cost()
    for number in range(30):
        refused(application, f"{number}.jpg")
    application.clock.advance(3600)
    look()
    assert cost() == few <= 6


def test_the_command_prints_events_until_ctrl_c(
    application: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = iter([lambda: refused(application, "no.jpg"), lambda: sent(application, "yes.jpg")])

    def work(seconds: float) -> None:
        turn = next(turns, None)
        if turn is None:
            raise KeyboardInterrupt
        turn()

    monkeypatch.setattr(tail, "pause", work)
    done = run("tail", "--json")
    assert done.exit_code == 130
    (line,) = done.stdout.splitlines()
    event = json.loads(line)
    assert (event["source"], event["detail-type"]) == ("darkroom", "Job Rejected")
    assert event["detail"] in [detail for _, detail in application.bus.sent]
