"""Submits by link whose answer was lost, at a vendor whose list names nothing but which keeps the images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from tests.fakes import small_catalogs
from tests.fakes.application import DEADLINE, INVOCATION, MONTH, ApplicationUnderTest, picture
from tests.fakes.simple_provider import FakeLink, Process

from darkroom.errors import Inapplicable, ProcessUnknown, ProviderUnavailable, SubmitInDoubt
from darkroom.model import FoundProcess, JobStatus, ProcessState, UnnamedProcess, Upload
from darkroom.pipeline.kept_input_lookup import MAX_CANDIDATES, MAX_COMPARED
from darkroom.ports import ResultLink

LOST = SubmitInDoubt("the answer was lost (ReadTimeout)")


@dataclass
class KeptImages:
    """Fulfils `ports.KeptInputs` over the processes of a provider. Each has kept the one picture, unless `other` or `gone` has
    its id. Each image takes `slowness` to be read."""

    application: ApplicationUnderTest
    other: dict[str, bytes] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    slowness: timedelta = timedelta(0)

    def unnamed(self, since: datetime) -> tuple[UnnamedProcess, ...]:
        self.application.provider._fault("unnamed")
        made = self.application.provider.processes.values()
        return tuple(_unnamed(process) for process in made if process.created_at >= since)

    @contextmanager
    def open(self, process_id: str) -> Iterator[ResultLink]:
        assert process_id in self.application.provider.processes
        if process_id in self.gone:
            raise ProcessUnknown("HTTP 404")
        self.application.clock.advance(self.slowness)
        yield FakeLink(self.other.get(process_id, picture()))  # type: ignore[misc]


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


def lose_among(
    application: ApplicationUnderTest, strangers: int, state: ProcessState = ProcessState.RUNNING
) -> KeptImages:
    """Lose the answer to a submit that is accepted as process-1. Return the kept images, of it and of as many processes of
    strangers, which have the same request and are listed behind it."""
    lose(application, "a.jpg")
    made = application.provider.processes
    for number in range(2, strangers + 2):
        stranger = replace(made["process-1"], process_id=f"process-{number}")
        made[stranger.process_id] = replace(stranger, progress=replace(stranger.progress, state=state))
    kept = application.provider.inputs
    assert isinstance(kept, KeptImages)
    return kept


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


@pytest.mark.parametrize("changed", [{"key": "another-key"}, {"base_url": "https://other.example.test"}])
def test_another_key_or_base_url_proves_nothing(application: ApplicationUnderTest, changed: dict[str, str]) -> None:
    lose(application, "a.jpg")
    vars(application.provider).update(changed)
    resolve(application)
    assert "the API key or the base URL changed" in (application.job().error or "")
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


# --- which of several images is the job's own -------------------------------------------------------------------------

SAME_LENGTH = picture()[:-1] + b"?"  # another image with as many bytes
LONGER = picture() + b"?"


def own_process(application: ApplicationUnderTest) -> str | None:
    """Return the process that the lookup takes for the job's own, or None if it leaves the job in doubt."""
    resolve(application)
    job = application.job()
    assert job.status in (JobStatus.PROCESSING, JobStatus.IN_DOUBT)
    return job.process.process_id if job.status is JobStatus.PROCESSING else None


def test_an_image_with_as_many_bytes_is_not_the_jobs_own(application: ApplicationUnderTest) -> None:
    lose_among(application, 0).other["process-1"] = SAME_LENGTH
    assert own_process(application) is None


def test_images_of_other_lengths_do_not_end_the_search(application: ApplicationUnderTest) -> None:
    kept = lose_among(application, 2)
    kept.other |= {"process-1": LONGER, "process-2": LONGER}
    assert own_process(application) == "process-3"


@pytest.mark.parametrize(("strangers", "own"), [(MAX_COMPARED - 1, "process-1"), (MAX_COMPARED, None)])
def test_only_a_few_images_of_the_right_length_are_read(
    application: ApplicationUnderTest, strangers: int, own: str | None
) -> None:
    kept = lose_among(application, strangers)
    kept.other |= {f"process-{number}": SAME_LENGTH for number in range(2, strangers + 2)}
    assert own_process(application) == own
    assert ("more than 3 have this image's length" in (application.job().error or "")) is (own is None)


@pytest.mark.parametrize(("strangers", "own"), [(MAX_CANDIDATES - 1, "process-1"), (MAX_CANDIDATES, None)])
def test_of_too_many_candidates_no_image_is_asked_for(
    application: ApplicationUnderTest, strangers: int, own: str | None
) -> None:
    kept = lose_among(application, strangers)
    kept.other |= {f"process-{number}": LONGER for number in range(2, strangers + 2)}
    assert own_process(application) == own


@pytest.mark.parametrize(
    ("state", "own"), [(ProcessState.FAILED, "process-1"), (ProcessState.CANCELLED, "process-1"), (ProcessState.RUNNING, None)]
)  # fmt: skip
def test_only_an_unpaid_process_may_lack_its_image(
    application: ApplicationUnderTest, state: ProcessState, own: str | None
) -> None:
    """The image that nobody can read any more may be the job's, and its process may be the one that was charged."""
    lose_among(application, 1, state).gone.add("process-2")
    assert own_process(application) == own
    assert ("a kept one cannot be read" in (application.job().error or "")) is (own is None)


def test_a_process_that_began_after_the_answer_was_lost_is_a_strangers(application: ApplicationUnderTest) -> None:
    lose_among(application, 1)
    made = application.provider.processes
    made["process-2"] = replace(made["process-2"], created_at=application.clock() + timedelta(seconds=30))
    assert own_process(application) == "process-1"


@pytest.mark.parametrize(("left", "own"), [(31, "process-1"), (29, None)])
def test_what_was_found_must_be_written_down_before_the_invocation_ends(
    application: ApplicationUnderTest, left: int, own: str | None
) -> None:
    """A worker that is cut off while it reads would leave the job to another one, which would be cut off too."""
    lose_among(application, 0).slowness = INVOCATION - timedelta(seconds=left)
    assert own_process(application) == own
    assert ("one invocation is too short" in (application.job().error or "")) is (own is None)
