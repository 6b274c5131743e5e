"""Submits by link whose answer was lost, at a vendor whose list names nothing but which keeps the images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from tests.fakes import small_catalogs
from tests.fakes.application import DEADLINE, MONTH, ApplicationUnderTest, picture
from tests.fakes.simple_provider import FakeLink, Process

from darkroom.errors import Inapplicable, ProviderUnavailable, SubmitInDoubt
from darkroom.model import FoundProcess, JobStatus, ProcessState, UnnamedProcess, Upload
from darkroom.ports import ResultLink

LOST = SubmitInDoubt("the answer was lost (ReadTimeout)")


@dataclass
class KeptImages:
    """Fulfils `ports.KeptInputs` over the processes of a provider."""

    application: ApplicationUnderTest

    def unnamed(self, since: datetime) -> tuple[UnnamedProcess, ...]:
        self.application.provider._fault("unnamed")
        made = self.application.provider.processes.values()
        return tuple(_unnamed(process) for process in made if process.created_at >= since)

    @contextmanager
    def open(self, process_id: str) -> Iterator[ResultLink]:
        assert process_id in self.application.provider.processes
        yield FakeLink(picture())  # type: ignore[misc]


def _unnamed(process: Process) -> UnnamedProcess:
    progress = process.progress
    found = FoundProcess(process.process_id, "", progress.state, progress.eta, process.created_at)
    return UnnamedProcess(
        found, "One", {}, progress.output_width, progress.output_height, progress.output_format, is_synchronous=False
    )


@pytest.fixture
def application(application: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch) -> ApplicationUnderTest:
    small_catalogs.use(monkeypatch, small_catalogs.book('inputs = ["link"]\ncredits = 1'))
    application.provider.lists = False
    application.provider.inputs = KeptImages(application)
    return application


def put(application: ApplicationUnderTest, key: str) -> Upload:
    """Upload a picture. All pictures are equal."""
    return application.cloud.put(key, picture())


def lose(application: ApplicationUnderTest, *keys: str, accepted: bool = True) -> None:
    """Upload pictures, and lose the answer to each submit at about the same time, whether or not it was accepted."""
    for key in keys:
        lost: list[BaseException] = [LOST]
        application.provider.losses, application.provider.refusals = (lost, []) if accepted else ([], [LOST])
        application.submit(put(application, key))
        application.clock.advance(1)


def resolve(application: ApplicationUnderTest, times: int = 6) -> None:
    """Let the time pass by which lookups prove something, and run the sweep."""
    for _ in range(times):
        application.clock.advance(150)
        application.sweep_and_deliver()


def statuses(application: ApplicationUnderTest) -> dict[str, JobStatus]:
    return {job.source_key: job.status for job in application.cloud.jobs()}


def test_it_is_adopted_and_paid_once(application: ApplicationUnderTest) -> None:
    lose(application, "a.jpg")
    resolve(application)
    assert statuses(application) == {"a.jpg": JobStatus.PROCESSING}
    application.provider.become(ProcessState.COMPLETED)
    application.finalize(application.job())
    assert (application.job().status, application.job().credits, len(application.provider.processes)) == (
        JobStatus.COMPLETED,
        1,
        1,
    )
    application.assert_books_balance()


def test_nothing_found_is_no_proof(application: ApplicationUnderTest) -> None:
    lose(application, "a.jpg", accepted=False)
    resolve(application)
    assert statuses(application) == {"a.jpg": JobStatus.IN_DOUBT}
    assert "proves nothing" in (application.job().error or "")
    assert application.cloud.budget("topaz", MONTH)["reserved"] == 1


def test_the_process_of_another_job_is_left_alone(application: ApplicationUnderTest) -> None:
    lose(application, "a.jpg", accepted=False)
    application.provider.refusals = []
    application.submit(put(application, "b.jpg"))
    resolve(application)
    assert statuses(application) == {"a.jpg": JobStatus.IN_DOUBT, "b.jpg": JobStatus.PROCESSING}


def test_of_two_equal_lost_ones_none_is_chosen_and_none_cancelled(application: ApplicationUnderTest) -> None:
    lose(application, "a.jpg", "b.jpg")
    resolve(application)
    assert statuses(application) == {"a.jpg": JobStatus.IN_DOUBT, "b.jpg": JobStatus.IN_DOUBT}
    for job in application.cloud.jobs():
        assert "process-1, process-2" in (job.error or "")
    assert {p.progress.state for p in application.provider.processes.values()} == {ProcessState.RUNNING}


def test_of_two_equal_jobs_one_takes_the_only_process(application: ApplicationUnderTest) -> None:
    lose(application, "a.jpg")
    lose(application, "b.jpg", accepted=False)
    resolve(application)
    assert sorted(statuses(application).values()) == [JobStatus.IN_DOUBT, JobStatus.PROCESSING]
    assert len(application.provider.processes) == 1


def test_a_person_cannot_give_one_process_to_two_jobs(application: ApplicationUnderTest) -> None:
    lose(application, "a.jpg", "b.jpg")
    resolve(application)
    assert application.operate.adopt("a.jpg", "process-1", force=True).status is JobStatus.PROCESSING
    with pytest.raises(Inapplicable, match="another job has process process-1"):
        application.operate.adopt("b.jpg", "process-1", force=True)
    assert application.operate.adopt("b.jpg", "process-2", force=True).status is JobStatus.PROCESSING


def test_a_worker_whose_process_another_job_took_neither_binds_nor_cancels_it(
    application: ApplicationUnderTest,
) -> None:
    """Two jobs ask for the same. One finds the other's process before that one's answer arrives."""
    upload = put(application, "b.jpg")
    submit = application.provider.submit

    def slow(*told: object) -> object:
        submission = submit(*told)  # type: ignore[arg-type]
        application.clock.advance(85)
        lost = next(job for job in application.cloud.jobs() if job.source_key == "a.jpg")
        application.sweep_and_deliver()
        assert application.ledger.get(lost.job_id).status is JobStatus.PROCESSING  # type: ignore[union-attr]
        return submission

    lose(application, "a.jpg", accepted=False)
    application.provider.refusals = []
    application.provider.submit = slow  # type: ignore[method-assign, assignment]
    application.submit(upload)
    application.provider.submit = submit  # type: ignore[method-assign]
    assert statuses(application) == {"a.jpg": JobStatus.PROCESSING, "b.jpg": JobStatus.SUBMITTING}
    resolve(application)
    assert statuses(application) == {"a.jpg": JobStatus.PROCESSING, "b.jpg": JobStatus.IN_DOUBT}
    (process,) = application.provider.processes.values()
    assert process.progress.state is ProcessState.RUNNING


def test_another_key_proves_nothing(application: ApplicationUnderTest) -> None:
    lose(application, "a.jpg")
    application.provider.key = "another-key"
    resolve(application)
    assert "key changed" in (application.job().error or "")
    assert application.job().status is JobStatus.IN_DOUBT


def test_a_source_that_is_gone_leaves_it_in_doubt(application: ApplicationUnderTest) -> None:
    lose(application, "a.jpg")
    application.cloud.s3.delete_object(
        Bucket=application.job().source_bucket, Key="a.jpg", VersionId=application.job().source_version
    )
    resolve(application)
    assert application.job().status is JobStatus.IN_DOUBT
    assert "cannot be compared" in (application.job().error or "")


def test_a_list_that_cannot_be_read_is_asked_until_the_deadline(application: ApplicationUnderTest) -> None:
    lose(application, "a.jpg")
    application.provider.faults["unnamed"] = [ProviderUnavailable("502")] * 2
    resolve(application, times=10)
    assert application.job().status is JobStatus.PROCESSING
    assert application.clock() < application.job().created_at + DEADLINE


def test_a_process_that_is_older_than_the_job_is_not_its_own(application: ApplicationUnderTest) -> None:
    lose(application, "b.jpg")
    application.clock.advance(timedelta(minutes=10))
    lose(application, "a.jpg", accepted=False)
    resolve(application)
    assert statuses(application)["a.jpg"] is JobStatus.IN_DOUBT
    assert statuses(application)["b.jpg"] is JobStatus.PROCESSING
