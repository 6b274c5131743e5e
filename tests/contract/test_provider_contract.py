"""What every provider promises its callers, whichever it is: the calls. Results are in test_result_contract.py."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.contract.conftest import SIDE_PIXELS, Stage, finished, handle, image_of, make_plan, noise, submit
from tests.contract.promises import promised

from darkroom.errors import (
    ErrorCode,
    NothingSent,
    OperatorFault,
    ProcessUnknown,
    ProviderRejected,
    ProviderUnavailable,
    ResultNotReady,
    SourceGone,
    SubmitInDoubt,
    Throttled,
)
from darkroom.model import ProcessState
from darkroom.ports import ImageStream

UNKNOWN = "00000000-0000-4000-8000-000000000000"
OPERATOR_FAULTS = [
    ("auth", ErrorCode.AUTH_FAILED),
    ("forbidden", ErrorCode.AUTH_FAILED),
    ("no_funds", ErrorCode.OUT_OF_CREDITS),
    ("no_subscription", ErrorCode.OUT_OF_CREDITS),
    ("topping_up", ErrorCode.OUT_OF_CREDITS),
]
NO_ANSWER = ["reset_before", "error_before", "error_after", "lost_answer", "garbage"]
ACCEPTED = {"error_after", "lost_answer", "garbage"}
READS = {
    "status": lambda stage, process_id: stage.provider.progress(process_id),
    "list": lambda stage, process_id: stage.provider.find(handle()),
    "cancel": lambda stage, process_id: stage.provider.cancel(process_id),
    "delete": lambda stage, process_id: stage.provider.forget(process_id),
    "download": lambda stage, process_id: stage.provider.result(process_id).__enter__(),
    "estimate": lambda stage, process_id: stage.provider.estimate(make_plan(), SIDE_PIXELS, SIDE_PIXELS),
    "account": lambda stage, process_id: stage.provider.balance(),
}


def test_a_submit_answers_with_a_process_id_and_an_aware_eta(stage: Stage) -> None:
    submission = submit(stage)
    assert submission.process_id
    assert submission.eta.utcoffset() == timedelta(0)


def test_one_submit_is_paid_once(stage: Stage) -> None:
    submit(stage)
    assert stage.paid() == 1


def test_a_submitted_job_runs(stage: Stage) -> None:
    process_id = submit(stage, held=True).process_id
    assert stage.provider.progress(process_id).state is ProcessState.RUNNING


def test_an_unpublished_status_word_counts_as_running(stage: Stage) -> None:
    stage.fault("unknown_status")
    process_id = submit(stage, held=True).process_id
    progress = stage.provider.progress(process_id)
    assert (progress.state, progress.vendor_word) == (ProcessState.RUNNING, "Queued2")


def test_a_finished_job_is_completed_with_its_price_and_sides(stage: Stage) -> None:
    progress = stage.provider.progress(finished(stage))
    assert progress.state is ProcessState.COMPLETED
    assert progress.credits == Decimal(1)
    assert (progress.output_width, progress.output_height) == (SIDE_PIXELS, SIDE_PIXELS)


@pytest.mark.parametrize(
    ("fault", "state"), [("failed_job", ProcessState.FAILED), ("cancelled_job", ProcessState.CANCELLED)]
)
def test_a_job_that_ends_without_a_result_says_so(stage: Stage, fault: str, state: ProcessState) -> None:
    stage.fault(fault)
    process_id = finished(stage)
    assert stage.provider.progress(process_id).state is state


@pytest.mark.parametrize("process_id", [UNKNOWN, "", "..", "../status", "a/b"])
@pytest.mark.parametrize("call", ["status", "cancel", "download"])
def test_an_unknown_process_is_unknown_to_every_call(stage: Stage, call: str, process_id: str) -> None:
    with promised(ProcessUnknown, stage):
        READS[call](stage, process_id)


def test_a_running_job_is_cancelled_and_the_vendor_confirms(stage: Stage) -> None:
    process_id = submit(stage, held=True).process_id
    assert stage.provider.cancel(process_id) is True
    assert stage.provider.progress(process_id).state is ProcessState.CANCELLED


def test_a_finished_job_can_no_longer_be_cancelled(stage: Stage) -> None:
    process_id = finished(stage)
    assert stage.provider.cancel(process_id) is False
    assert stage.provider.progress(process_id).state is ProcessState.COMPLETED


def test_a_submit_is_found_by_its_handle(stage: Stage) -> None:
    submission = submit(stage)
    (found,) = stage.provider.find(handle())
    assert found.process_id == submission.process_id
    assert found.handle.startswith(str(handle()))


def test_every_attempt_of_a_run_is_found_oldest_first(stage: Stage) -> None:
    submitted = [submit(stage, attempt).process_id for attempt in (1, 2, 10)]
    assert [found.process_id for found in stage.provider.find(handle(attempt=3))] == submitted


def test_other_runs_and_other_jobs_are_not_found(stage: Stage) -> None:
    submit(stage, run=1)
    assert stage.provider.find(handle(run=11)) == ()
    assert stage.provider.find(handle(job_id="f" * 32)) == ()


def test_a_cancelled_submit_is_still_found(stage: Stage) -> None:
    stage.provider.cancel(submit(stage, held=True).process_id)
    assert [found.state for found in stage.provider.find(handle())] == [ProcessState.CANCELLED]


def test_a_job_that_the_list_does_not_show_yet_is_not_found(stage: Stage) -> None:
    stage.fault("list_lag")
    submit(stage)
    assert stage.provider.find(handle()) == ()


@pytest.mark.parametrize(("fault", "code"), OPERATOR_FAULTS)
def test_a_submit_the_account_cannot_make_is_the_operators_fault_and_unpaid(
    stage: Stage, fault: str, code: ErrorCode
) -> None:
    stage.fault(fault)
    with promised(OperatorFault, stage) as caught:
        submit(stage)
    assert caught.value.code is code
    assert stage.paid() == 0


@pytest.mark.parametrize("call", READS)
def test_a_wrong_key_is_the_operators_fault_on_every_call(stage: Stage, call: str) -> None:
    process_id = finished(stage)
    stage.fault("auth", on=call)
    with promised(OperatorFault, stage):
        READS[call](stage, process_id)


def test_a_throttled_submit_is_unpaid(stage: Stage) -> None:
    stage.fault("throttle")
    with promised(Throttled, stage):
        submit(stage)
    assert stage.paid() == 0


@pytest.mark.parametrize("call", READS)
def test_every_call_may_be_throttled(stage: Stage, call: str) -> None:
    process_id = finished(stage)
    stage.fault("throttle", on=call)
    with promised(Throttled, stage):
        READS[call](stage, process_id)


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_refused_image_or_value_is_rejected_and_unpaid(stage: Stage, status: int) -> None:
    plan, image = stage.refused_with(status)
    with promised(ProviderRejected, stage):
        stage.provider.submit(plan, image, handle())
    assert stage.paid() == 0


def test_a_redirected_submit_is_rejected_and_unpaid(stage: Stage) -> None:
    stage.fault("moved")
    with promised(ProviderRejected, stage):
        submit(stage)
    assert stage.paid() == 0


def test_a_refused_connection_proves_that_nothing_was_sent(stage: Stage) -> None:
    provider = stage.unreachable()
    with promised(NothingSent, stage):
        provider.submit(make_plan(), image_of(noise()), handle())
    assert stage.paid() == 0


def test_a_refused_connection_makes_a_read_unavailable(stage: Stage) -> None:
    provider = stage.unreachable()
    with promised(ProviderUnavailable, stage):
        provider.progress(UNKNOWN)


@pytest.mark.parametrize("fault", NO_ANSWER)
def test_a_submit_without_a_usable_answer_is_in_doubt(stage: Stage, fault: str) -> None:
    stage.fault(fault)
    with promised(SubmitInDoubt, stage):
        submit(stage)


@pytest.mark.parametrize("fault", NO_ANSWER)
def test_the_list_tells_what_became_of_a_submit_in_doubt(stage: Stage, fault: str) -> None:
    stage.fault(fault)
    with pytest.raises(SubmitInDoubt):
        submit(stage)
    assert len(stage.provider.find(handle())) == stage.paid() == (1 if fault in ACCEPTED else 0)


@pytest.mark.parametrize("fault", NO_ANSWER)
@pytest.mark.parametrize("call", READS)
def test_a_read_without_a_usable_answer_is_unavailable(stage: Stage, call: str, fault: str) -> None:
    process_id = submit(stage, held=True).process_id if call == "cancel" else finished(stage)
    stage.fault(fault, on=call)
    with promised(ProviderUnavailable, stage):
        READS[call](stage, process_id)


class Broken(io.BytesIO):
    """A source that breaks after its first bytes."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            raise OSError("the source broke")
        return super().read(10)


@pytest.mark.parametrize("content", [Broken(noise()), io.BytesIO(noise()[:-1]), io.BytesIO(noise() + b"x")])
def test_a_source_of_another_length_than_announced_is_in_doubt_and_unpaid(stage: Stage, content: io.BytesIO) -> None:
    content = type(content)(content.getvalue())  # each implementation closes its own
    image = ImageStream(lambda: content, len(noise()), "image/png", ".png")
    with promised(SubmitInDoubt, stage):
        stage.provider.submit(make_plan(), image, handle())
    assert content.closed
    assert stage.paid() == 0


def test_a_source_that_is_gone_is_said_to_be_gone(stage: Stage) -> None:
    def gone() -> io.BytesIO:
        raise SourceGone("in/cat.png is no longer there")

    with promised(SourceGone, stage):
        stage.provider.submit(make_plan(), replace(image_of(b"x"), open=gone), handle())


def test_a_forgotten_process_is_unknown(stage: Stage) -> None:
    process_id = finished(stage)
    stage.provider.forget(process_id)
    with promised(ProcessUnknown, stage):
        stage.provider.progress(process_id)


@pytest.mark.parametrize("process_id", [UNKNOWN, "", ".."])
def test_forgetting_again_or_nothing_is_fine_and_spares_the_others(stage: Stage, process_id: str) -> None:
    kept, gone = finished(stage), finished(stage)
    for _ in range(2):
        stage.provider.forget(gone)
        stage.provider.forget(process_id)
    assert stage.provider.progress(kept).state is ProcessState.COMPLETED


def test_an_estimate_costs_nothing_and_names_credits(stage: Stage) -> None:
    assert stage.provider.estimate(make_plan(), SIDE_PIXELS, SIDE_PIXELS).credits == Decimal(1)
    assert stage.paid() == 0


def test_the_fingerprint_is_twelve_hex_digits_that_change_with_the_key(stage: Stage) -> None:
    before = stage.provider.key_fingerprint()
    stage.rotate_key()
    stage.provider.refresh_key()
    after = stage.provider.key_fingerprint()
    assert before != after
    assert all(len(mark) == 12 and int(mark, 16) >= 0 and mark not in stage.secrets[0] for mark in (before, after))


def test_no_text_form_of_a_provider_shows_its_key(stage: Stage) -> None:
    submit(stage)
    assert stage.secrets[0] not in repr(stage.provider)


def test_a_job_that_is_not_finished_has_no_result_yet(stage: Stage) -> None:
    process_id = submit(stage, held=True).process_id
    with promised(ResultNotReady, stage), stage.provider.result(process_id):
        pass
