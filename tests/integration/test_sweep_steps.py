"""What one step of the sweep does with each job: how many it handles and counts, and when a job is looked at again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.fakes.application import INVOCATION, START, ApplicationUnderTest
from tests.integration.test_forgotten import many
from tests.integration.test_sweep import sent, waiting_rows
from tests.integration.time_support import LEASE, MINUTE, Replaced, uploads

from darkroom.errors import ErrorCode, LostClaim, ProviderUnavailable
from darkroom.model import Alarm, Job, JobStatus
from darkroom.pipeline import sweep
from darkroom.pipeline.sweep import PAUSED_RECHECK, REQUEUE_INTERVAL, TIME_TO_ASK, WAIT_NOTED

RETRY_AT = START + timedelta(minutes=7)


def shut(application: ApplicationUnderTest) -> None:
    """Open the provider's circuit until RETRY_AT."""
    application.ports["circuits"].open("topaz", ErrorCode.AUTH_FAILED, "HTTP 401", START, RETRY_AT)


def without_executions(application: ApplicationUnderTest, count: int) -> list[Job]:
    """Return jobs at the provider whose executions are gone, and which are due."""
    for upload in uploads(application, count):
        application.submit(upload)
    application.executions.running.clear()
    application.clock.advance(LEASE * 3)
    return sorted(application.cloud.jobs(), key=lambda job: (job.due_at, job.job_id))


def test_a_sweep_that_finds_nothing_counts_nothing(application: ApplicationUnderTest) -> None:
    application.sweep()
    application.clock.advance(MINUTE)
    assert application.sweep() == {}


def test_each_job_that_is_handled_counts_once(application: ApplicationUnderTest) -> None:
    without_executions(application, 3)
    assert application.sweep()["Runs"] == 3


def test_a_job_that_another_worker_has_does_not_keep_the_others_waiting(application: ApplicationUnderTest) -> None:
    first, *others = without_executions(application, 3)
    start = application.executions.start

    def held(tick: Any, attempt: int) -> None:
        if tick.job_id == first.job_id:
            raise LostClaim("another worker has it")
        start(tick, attempt)

    application.ports["executions"] = Replaced(application.executions, start=held)
    application.sweep()
    assert {job_id for job_id, _, _ in application.executions.running} == {job.job_id for job in others}


def test_an_execution_that_was_restarted_is_left_alone_for_a_quarter_of_an_hour(
    application: ApplicationUnderTest,
) -> None:
    without_executions(application, 1)
    assert application.sweep()["Runs"] == 1
    application.clock.advance(REQUEUE_INTERVAL - MINUTE)
    assert "Runs" not in application.sweep()


def test_no_more_claims_are_sent_than_submits_can_handle(
    application: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "MAX_REQUEUED_CLAIMS", 2)
    waiting_rows(application, 5, "topaz")
    counts = [application.sweep().get("Claims") for _ in range(4)]
    assert (counts, len(set(sent(application)))) == ([2, 2, 1, None], 5)


def test_without_time_for_another_claim_no_further_page_is_read(
    application: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "BATCH", 2)
    waiting_rows(application, 5, "topaz")
    queries, asked = application.ports["sweep_queries"], list[str]()

    def due(word: str, *rest: Any) -> list[Job]:
        asked.append(word)
        return queries.due(word, *rest)  # type: ignore[no-any-return]

    def slow(*what: Any) -> None:
        application.clock.advance(INVOCATION)

    application.ports |= {
        "sweep_queries": Replaced(queries, due=due),
        "intake": Replaced(application.queue, requeue=slow),
    }
    assert application.sweep() == {"Claims": 1}
    assert asked.count(JobStatus.CLAIMED) == 1


@pytest.mark.parametrize(("paused", "again"), [(False, RETRY_AT), (True, START + PAUSED_RECHECK)])
def test_a_held_back_job_is_looked_at_when_its_provider_may_be_tried(
    application: ApplicationUnderTest, paused: bool, again: Any
) -> None:
    waiting_rows(application, 1, "topaz")
    shut(application)
    if paused:
        application.operate.pause("topaz", "a bill")
    application.sweep()
    assert (application.job().due_at, application.queue.sent) == (again, [])


def test_the_alarm_of_a_circuit_ends_twenty_minutes_after_a_job_waited(application: ApplicationUnderTest) -> None:
    waiting_rows(application, 1, "topaz")
    shut(application)
    application.clock.advance(5 * MINUTE)
    application.sweep()
    assert application.alerts.rung == [Alarm.CIRCUIT_OPEN]
    application.operate.cancel(application.job().job_id)
    application.clock.advance(WAIT_NOTED - MINUTE)
    application.sweep()
    assert application.alerts.rung == [Alarm.CIRCUIT_OPEN] * 2
    application.clock.advance(MINUTE)
    application.sweep()
    assert application.alerts.rung == [Alarm.CIRCUIT_OPEN] * 2


def test_a_provider_that_does_not_answer_has_one_page_of_its_entries_put_off(
    application: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "REMOVE_BATCH", 2)
    many(application, 5)

    def silent(process_id: str) -> None:
        raise ProviderUnavailable("HTTP 503")

    application.ports["provider"] = Replaced(application.provider, forget=silent)
    application.sweep()
    assert sum(job.due_at > application.clock() for job in application.cloud.jobs()) == 2


@pytest.fixture
def pages(application: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let pages have two entries, and return the length of each page of entries that is read. Ten pages are too many."""
    monkeypatch.setattr(sweep, "REMOVE_BATCH", 2)
    queries, pages = application.ports["sweep_queries"], list[int]()

    def due(word: str, *rest: Any) -> list[Job]:
        found = queries.due(word, *rest)
        pages.extend([len(found)] if word == sweep.LISTED else [])
        assert len(pages) < 10
        return found

    application.ports["sweep_queries"] = Replaced(queries, due=due)
    return pages


def test_the_last_page_of_entries_is_not_followed_by_another_query(
    application: ApplicationUnderTest, pages: list[int]
) -> None:
    many(application, 3)
    assert application.sweep()["Forgotten"] == 3
    assert pages == [2, 1]


def test_without_time_for_another_answer_no_further_page_is_read(
    application: ApplicationUnderTest, pages: list[int]
) -> None:
    many(application, 5)

    def slow(process_id: str) -> None:
        application.clock.advance(INVOCATION - TIME_TO_ASK + timedelta(seconds=1))
        application.provider.forget(process_id)

    application.ports["provider"] = Replaced(application.provider, forget=slow)
    assert application.sweep()["Forgotten"] == 1
    assert pages == [2]
