"""Tests that the sweep brings every unfinished job to its end, even if all messages are lost. A job is paid once, and nothing
is done twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.fakes.application import START, ApplicationUnderTest
from tests.fakes.aws_account import TABLE, Cloud
from tests.integration.time_support import (
    LEASE,
    MINUTE,
    Replaced,
    WorkerDied,
    dead_after,
    die,
    submit_and_die,
    uploads,
)

from darkroom.aws import items
from darkroom.errors import SubmitInDoubt, Throttled
from darkroom.model import Alarm, Job, JobDue, JobStatus, ProcessState
from darkroom.pipeline.sweep import MAX_REQUEUED_CLAIMS, SweepFailed

DAY = timedelta(hours=24)
Death = Callable[[ApplicationUnderTest], tuple[str, dict[str, Any]]]
# The places at which a worker dies. Each function returns the name of a port and the method of it that kills the worker.
DEATHS: dict[str, Death] = {
    "after the claim": lambda application: ("sources", {"tags": die}),
    "after the reservation": lambda application: ("sources", {"open": die}),
    "during the call, not accepted": lambda application: ("provider", {"submit": die}),
    "during the call, accepted": lambda application: ("provider", {"submit": dead_after(application.provider.submit)}),
    "after the bind": lambda application: ("executions", {"start": die}),
}


def sweep_until(application: ApplicationUnderTest, *statuses: JobStatus, minutes: int = 60) -> None:
    """Run the sweep every minute until every job has one of these statuses."""
    for _ in range(minutes):
        if {job.status for job in application.cloud.jobs()} <= set(statuses):
            return
        application.clock.advance(MINUTE)
        application.sweep_and_deliver()
    left = [job.status for job in application.cloud.jobs()]
    raise AssertionError(f"after {minutes} sweeps, the jobs still have the statuses {left}")


def sent(application: ApplicationUnderTest) -> list[str]:
    return [what.job_id for what, _ in application.queue.sent if isinstance(what, JobDue)]


def waiting_rows(application: ApplicationUnderTest, count: int, provider: str) -> None:
    """Write `count` claimed jobs that wait for `provider` and are due."""
    like = Job(
        job_id="",
        run=1,
        attempt=1,
        status=JobStatus.CLAIMED,
        source_bucket="b",
        source_key="k",
        source_version="v",
        source_order="o",
        created_at=START,
        deadline_at=START + DAY,
        provider=provider,
        due_at=START,
    )
    for number in range(count):
        job = replace(like, job_id=f"{number:032x}")
        application.cloud.dynamodb.put_item(TableName=TABLE, Item=items.job_item(job))


@pytest.mark.parametrize("where", DEATHS)
def test_a_job_whose_worker_died_is_ended_by_the_sweep_alone_paid_once(
    application: ApplicationUnderTest, where: str
) -> None:
    port, methods = DEATHS[where](application)
    submit_and_die(application, uploads(application, 1)[0], port, **methods)
    application.clock.advance(MINUTE)  # let the sweep's clock be a minute ahead of the dead worker's
    sweep_until(application, JobStatus.PROCESSING)
    application.clock.advance(LEASE)
    application.sweep()
    assert len(application.executions.running) == 1
    application.provider.become(ProcessState.COMPLETED)
    application.finalize(application.job())
    assert (application.job().status, application.provider.charged, application.job().run) == (
        JobStatus.COMPLETED,
        1,
        1,
    )
    assert (application.bus.kinds, application.cloud.keys()) == (["Job Completed"], {"000.jpg"})
    application.assert_books_balance()


def test_an_event_whose_sender_died_after_the_settlement_is_sent_by_the_sweep(
    application: ApplicationUnderTest,
) -> None:
    application.deliver(uploads(application, 1)[0])
    application.provider.become(ProcessState.COMPLETED)
    application.ports["events"] = Replaced(application.bus, publish=die)
    with pytest.raises(WorkerDied):
        application.finalize(application.job())
    application.ports["events"] = application.bus
    assert (application.job().status, application.bus.kinds) == (JobStatus.COMPLETED, [])
    application.clock.advance(timedelta(minutes=3))
    application.sweep()
    application.clock.advance(timedelta(minutes=3))
    application.sweep()
    assert application.bus.kinds == ["Job Completed"]
    assert application.job().published_at is not None


def test_a_live_workers_job_is_left_alone(application: ApplicationUnderTest) -> None:
    submit_and_die(application, uploads(application, 1)[0], "provider", submit=die)
    for _ in range(5):
        application.clock.advance(MINUTE)
        application.sweep()
    assert sent(application) == []


def test_a_job_sent_to_the_queue_is_not_sent_again_within_the_minute(application: ApplicationUnderTest) -> None:
    submit_and_die(application, uploads(application, 1)[0], "sources", tags=die)
    application.clock.advance(LEASE)
    application.sweep()
    application.sweep()
    assert sent(application) == [application.job().job_id]


def test_a_message_of_the_sweep_that_was_lost_is_sent_again(application: ApplicationUnderTest) -> None:
    submit_and_die(application, uploads(application, 1)[0], "sources", tags=die)
    application.clock.advance(LEASE)
    application.sweep()
    application.clock.advance(timedelta(minutes=15))
    application.sweep_and_deliver()
    assert (len(sent(application)), application.job().status) == (2, JobStatus.PROCESSING)


def test_two_sweeps_that_race_end_the_job_paid_once(application: ApplicationUnderTest) -> None:
    submit_and_die(application, uploads(application, 1)[0], "sources", tags=die)
    application.clock.advance(LEASE)
    reschedule = application.ports["sweep_queries"].reschedule

    def overtaken(*args: Any) -> None:
        application.ports["sweep_queries"] = backlog
        application.sweep()
        reschedule(*args)

    backlog = application.ports["sweep_queries"]
    application.ports["sweep_queries"] = Replaced(backlog, reschedule=overtaken)
    application.sweep()
    for what, _ in application.queue.sent:
        application.submit(what)
    assert (len(application.provider.processes), application.job().status) == (1, JobStatus.PROCESSING)
    application.assert_books_balance()


def test_one_run_sends_a_bounded_number_of_jobs_and_the_next_runs_the_rest(application: ApplicationUnderTest) -> None:
    waiting_rows(application, MAX_REQUEUED_CLAIMS + 30, "topaz")
    application.sweep()
    first = sent(application)
    application.sweep()
    application.sweep()
    assert len(first) == MAX_REQUEUED_CLAIMS
    assert Counter(sent(application)) == Counter({f"{number:032x}": 1 for number in range(MAX_REQUEUED_CLAIMS + 30)})


def test_the_backlog_of_a_paused_provider_does_not_keep_others_waiting(account: Cloud) -> None:
    class TwoProviders(ApplicationUnderTest):
        @property
        def _providers(self) -> dict[str, Any]:
            return {"other": self.ports["provider"], "topaz": self.ports["provider"]}

    application = TwoProviders(account)
    waiting_rows(application, 300, "other")
    application.operate.pause("other", "a bill")
    upload = uploads(application, 1)[0]
    application.provider.refusals = [Throttled("HTTP 429")]
    application.submit(upload)
    application.clock.advance(MINUTE)
    application.sweep_and_deliver()
    (mine,) = [job for job in application.cloud.jobs() if job.provider == "topaz"]
    assert (mine.status, len(application.provider.processes), sent(application)) == (
        JobStatus.PROCESSING,
        1,
        [mine.job_id],
    )


def test_a_step_that_fails_keeps_no_other_from_being_taken(application: ApplicationUnderTest) -> None:
    upload = uploads(application, 1)[0]
    submit_and_die(application, upload, "sources", tags=die)
    application.clock.advance(LEASE)
    application.ports["circuits"] = Replaced(application.ports["circuits"], get=lambda provider: 1 / 0)
    application.ports["outputs"] = Replaced(application.ports["outputs"], list_unfinished=lambda: 1 / 0)
    told = {"status": JobStatus.IN_DOUBT, "published_at": application.clock()}
    waiting = replace(application.job(), job_id="d" * 32, **told)
    application.cloud.dynamodb.put_item(TableName=TABLE, Item=items.job_item(waiting))
    with pytest.raises(SweepFailed, match=r"Claims, CircuitsOpen, AbandonedUploads"):
        application.sweep()
    assert application.alerts.rung == [Alarm.IN_DOUBT]


def test_one_job_that_cannot_be_dealt_with_does_not_keep_the_others_waiting(application: ApplicationUnderTest) -> None:
    for upload in uploads(application, 3):
        application.submit(upload)
    application.executions.running.clear()
    application.clock.advance(LEASE)
    broken = sorted(application.cloud.jobs(), key=lambda job: (job.due_at, job.job_id))[0].job_id
    start = application.executions.start

    def sometimes(tick: Any, attempt: int) -> None:
        if tick.job_id == broken:
            raise RuntimeError("the state machine says no")
        start(tick, attempt)

    application.ports["executions"] = Replaced(application.executions, start=sometimes)
    with pytest.raises(SweepFailed, match="Runs"):
        application.sweep()
    assert {job_id for job_id, _, _ in application.executions.running} == {
        j.job_id for j in application.cloud.jobs()
    } - {broken}


def test_a_job_in_doubt_calls_for_a_person_at_every_run(application: ApplicationUnderTest) -> None:
    application.provider.lists, application.provider.refusals = False, [SubmitInDoubt("lost")]
    application.deliver(uploads(application, 1)[0])
    application.alerts.rung.clear()
    for _ in range(3):
        application.clock.advance(MINUTE)
        application.sweep()
    assert application.alerts.rung == [Alarm.IN_DOUBT] * 3


class Counting:
    """Wraps a client and counts its calls by name."""

    def __init__(self, client: Any) -> None:
        self._client, self.calls = client, Counter[str]()

    def __getattr__(self, name: str) -> Any:
        self.calls[name] += 1
        return getattr(self._client, name)


def test_an_empty_sweep_makes_a_handful_of_calls_and_writes_nothing_but_its_turns(account: Cloud) -> None:
    s3, dynamodb = Counting(account.s3), Counting(account.dynamodb)
    application = ApplicationUnderTest(Cloud(s3, dynamodb))
    application.sweep()
    before = account.rows()
    s3.calls.clear()
    dynamodb.calls.clear()
    application.clock.advance(MINUTE)
    application.sweep()
    assert account.rows() == before
    assert dynamodb.calls.total() + s3.calls.total() <= 12
    # No write is tried, because AWS charges for a refused write, too.
    assert dynamodb.calls.keys() <= {"query", "get_item"}
    application.clock.advance(timedelta(minutes=30))
    s3.calls.clear()
    dynamodb.calls.clear()
    application.sweep()
    assert dynamodb.calls.total() + s3.calls.total() <= 21
    assert {row["pk"]["S"] for row in account.rows()} == {"SWEEP", "LEDGER"}
