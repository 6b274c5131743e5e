"""What every provider promises of calls that are answered with the result: kept whole before submit returns, or in doubt."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from tests.contract.error_checks import promised
from tests.contract.input_pictures import noise, opened
from tests.contract.stage_marks import needs, per_stage
from tests.contract.stages.base import Stage
from tests.contract.stages.simulated import SimulatedStage

from darkroom.errors import DarkroomError, OperatorFault, ProviderRejected, SubmitInDoubt, Throttled
from darkroom.model import ProcessState, Submission
from darkroom.ports import Provider

PIECE_BYTES = 256 * 1024
LARGE_SIDE = 1_024  # of a result
AFTER_ACCEPTANCE = ("error_after", "lost_answer", "garbage")


def doubt(stage: SimulatedStage, provider: Provider | None = None, *, late: bool = False) -> Submission | None:
    """A held call that goes wrong after it was accepted: in doubt, or a submission whose result was not kept."""
    submission = None
    try:
        submission = stage.submit_held(provider)
    except DarkroomError as error:
        what, shown = type(error), str(error)
    else:
        what, shown = None, ""
    if late:
        stage.await_fault("delay")
    assert what is SubmitInDoubt or (submission is not None and not submission.staged)
    assert not [secret for secret in stage.secrets if secret in shown]
    assert stage.kept == {}
    assert stage.paid() == len(stage.requests("submit", "edit")) == 1
    return submission


def check_aftermath(stage: SimulatedStage, submission: Submission | None) -> None:
    """What the vendor's list or log shows of a result that was paid for and not kept."""
    found = stage.find(**stage.held_tags)
    if "traceless" in stage.can:
        assert found is None
        return
    (process,) = found or ()
    if "log" in stage.can:
        assert (process.state, process.credits) == (ProcessState.EXPIRED, stage.price)
        return
    assert submission is None or process.process_id == submission.process_id
    stage.finish(process.process_id)
    with stage.provider.result(process.process_id) as link:
        assert opened(b"".join(link.stream())).width == stage.result_side


@needs("held")
def test_the_result_is_kept_whole_before_the_submit_returns(stage: SimulatedStage) -> None:
    submission = stage.submit_held()
    assert submission.staged
    assert list(stage.kept) == [submission.process_id]
    assert opened(stage.kept[submission.process_id]).size == (stage.result_side, stage.result_side)
    assert stage.paid() == 1


@needs("held", "result", "picture answer")
def test_what_was_kept_is_what_can_be_fetched(stage: SimulatedStage) -> None:
    submission = stage.submit_held()
    with stage.provider.result(submission.process_id) as link:
        assert b"".join(link.stream()) == stage.kept[submission.process_id]


@needs("traceless")
def test_a_held_call_that_leaves_no_trace_is_never_proven_absent(stage: SimulatedStage) -> None:
    stage.submit_held()
    assert stage.find(**stage.held_tags) is None
    assert stage.find() == ()


@needs("held")
def test_a_result_of_several_megabytes_comes_in_small_pieces(stage: SimulatedStage) -> None:
    submission = stage.submit_held(content=noise(LARGE_SIDE // stage.factor))
    assert len(stage.kept[submission.process_id]) > 2_000_000
    assert max(stage.pieces) <= PIECE_BYTES


@needs("base64 answer")
@pytest.mark.parametrize("side", [16, 128, LARGE_SIDE])
def test_a_result_inside_the_answer_is_the_one_behind_a_link(stage: SimulatedStage, side: int) -> None:
    side //= stage.factor
    behind = stage.kept[stage.submit_held(content=noise(side)).process_id]
    stage.kept.clear()
    stage.fault(stage.embeds, on="held")
    inside = stage.kept[stage.submit_held(content=noise(side)).process_id]
    assert inside == behind
    assert max(stage.pieces) <= PIECE_BYTES


@needs("base64 answer")
def test_a_result_inside_the_answer_is_not_downloaded(stage: SimulatedStage) -> None:
    stage.fault(stage.embeds, on="held")
    assert stage.submit_held().staged
    assert stage.requests("result", "file") == []


@needs("usage")
@pytest.mark.parametrize(
    ("fault", "is_said"),
    [(None, True), ("usage_tokens_only", True), ("usage_credits", True), ("usage_headers_only", True),
     ("usage_texts", True), ("usage_usd_only", True), ("usage_usd_header", True),
     ("usage_nowhere", False)],
)  # fmt: skip
def test_the_answer_says_what_was_charged_in_any_of_its_shapes(
    stage: SimulatedStage, fault: str | None, is_said: bool
) -> None:
    if fault:
        stage.fault(fault)
    assert stage.submit_held().credits == (stage.price if is_said else None)
    stage.fault(fault or "created")
    stage.fault(stage.embeds)
    assert stage.submit_held().credits == (stage.price if is_said else None)


@needs("usage")
def test_an_answer_of_201_counts_as_one_of_200(stage: SimulatedStage) -> None:
    stage.fault("created")
    submission = stage.submit_held()
    assert (submission.staged, submission.credits) == (True, stage.price)


@needs("usage")
def test_an_answer_without_a_result_is_in_doubt_and_logged_with_what_it_cost(stage: SimulatedStage) -> None:
    stage.fault("no_data")
    check_aftermath(stage, doubt(stage))


@needs("held")
@pytest.mark.parametrize("fault", AFTER_ACCEPTANCE)
def test_whatever_fails_after_acceptance_is_in_doubt_and_never_sent_again(stage: SimulatedStage, fault: str) -> None:
    stage.fault(fault, on="held")
    check_aftermath(stage, doubt(stage))


@needs("held")
def test_a_held_call_that_outlasts_our_patience_is_in_doubt(stage: SimulatedStage) -> None:
    stage.fault("delay", on="held", seconds=0.6)
    check_aftermath(stage, doubt(stage, stage.impatient(), late=True))


@needs("held", "late fetch")
@per_stage("fault", "delays")
def test_a_held_call_that_takes_longer_is_waited_for(stage: SimulatedStage, fault: str) -> None:
    if fault != "hold":
        stage.fault(fault, on="held")
    assert stage.submit_held().staged


@needs("held")
def test_a_result_that_cannot_be_kept_is_in_doubt_or_can_be_fetched(stage: SimulatedStage) -> None:
    def full(process_id: str, pieces: Iterator[bytes]) -> None:
        next(pieces)
        raise OSError("the bucket did not answer")

    stage.keep = full  # type: ignore[method-assign]
    check_aftermath(stage, doubt(stage))


@needs("base64 answer")
def test_a_result_inside_the_answer_that_cannot_be_kept_is_in_doubt(stage: SimulatedStage) -> None:
    def full(process_id: str, pieces: Iterator[bytes]) -> None:
        raise OSError("the bucket did not answer")

    stage.keep = full  # type: ignore[method-assign]
    stage.fault(stage.embeds, on="held")
    check_aftermath(stage, doubt(stage))


@needs("picture answer")
def test_a_picture_that_breaks_off_is_not_kept_and_can_be_fetched(stage: SimulatedStage) -> None:
    stage.fault("cut_answer")
    submission = doubt(stage)
    assert submission is not None
    check_aftermath(stage, submission)


@needs("picture answer")
def test_what_is_no_picture_is_not_kept_and_the_picture_can_be_fetched(stage: SimulatedStage) -> None:
    stage.fault("no_picture")
    submission = doubt(stage)
    assert submission is not None
    check_aftermath(stage, submission)


@needs("no held calls later")
def test_where_there_is_no_held_call_any_more_the_same_is_sent_to_the_queue_once(stage: SimulatedStage) -> None:
    stage.fault("no_synchronous")
    submission = stage.submit_held()
    assert (submission.staged, stage.kept, stage.paid(), len(stage.requests("submit"))) == (False, {}, 1, 2)
    check_aftermath(stage, submission)


@needs("url answer")
@per_stage("fault", "broken")
def test_a_download_that_breaks_once_is_tried_again(stage: SimulatedStage, fault: str) -> None:
    stage.fault(fault, on="result")
    submission = stage.submit_held()
    assert submission.staged
    assert opened(stage.kept[submission.process_id]).width == stage.result_side
    assert stage.paid() == 1


@needs("url answer")
@per_stage("fault", "broken")
def test_a_download_that_stays_broken_is_in_doubt(stage: SimulatedStage, fault: str) -> None:
    stage.fault(fault, on="result", times=None)
    check_aftermath(stage, doubt(stage))


@needs("url answer", "faults")
def test_a_slow_download_is_kept_whole(stage: SimulatedStage) -> None:
    right = stage.kept[stage.submit_held().process_id]
    stage.kept.clear()
    stage.fault("slow", on="result", times=2)
    assert stage.kept[stage.submit_held().process_id] == right


@needs("url answer")
def test_a_download_of_the_wrong_bytes_is_kept_for_the_caller_to_recognise(stage: SimulatedStage) -> None:
    right = stage.kept[stage.submit_held().process_id]
    stage.kept.clear()
    stage.fault("corrupt", on="result", times=2)
    wrong = stage.kept[stage.submit_held().process_id]
    assert len(wrong) == len(right)
    assert wrong != right


@needs("url answer")
def test_a_link_to_a_result_that_is_unsafe_is_in_doubt_and_not_followed(stage: SimulatedStage) -> None:
    submission = doubt(stage, stage.strict())
    assert stage.requests("result", "file") == []
    check_aftermath(stage, submission)


@needs("held")
@per_stage("fault", "operator_faults")
def test_a_held_call_the_account_cannot_make_is_the_operators_fault_and_unpaid(
    stage: SimulatedStage, fault: str
) -> None:
    stage.fault(fault, on="held")
    with promised(OperatorFault, stage) as caught:
        stage.submit_held()
    assert caught.value.code is stage.operator_faults[fault]
    assert stage.paid() == 0


@needs("held")
@pytest.mark.parametrize(("fault", "kind"), [("throttle", Throttled), ("moved", ProviderRejected)])
def test_a_held_call_that_is_not_taken_is_unpaid(stage: Stage, fault: str, kind: type[DarkroomError]) -> None:
    assert isinstance(stage, SimulatedStage)
    stage.fault(fault, on="held")
    with promised(kind, stage):
        stage.submit_held()
    assert (stage.paid(), stage.kept) == (0, {})


@needs("held")
def test_a_held_call_that_is_tried_in_vain_keeps_nothing_and_charges_nothing(stage: SimulatedStage) -> None:
    stage.fault("failed_job", on="held")
    with promised(SubmitInDoubt, stage):
        stage.submit_held()
    assert stage.kept == {}
    assert stage.simulator.account.consumed_credits == stage.consumed_before


@needs("held")
def test_a_held_result_of_another_size_than_planned_is_kept_and_can_be_told(stage: SimulatedStage) -> None:
    stage.fault("wrong_size", on="held")
    submission = stage.submit_held()
    sides = {opened(stage.kept[submission.process_id]).width}
    if "sides" in stage.can:
        sides.add(stage.provider.progress(submission.process_id).output_width or 0)
    assert stage.result_side + 16 in sides


@needs("held")
def test_a_held_call_is_charged_what_was_planned(stage: SimulatedStage) -> None:
    stage.submit_held()
    charged = Decimal(stage.simulator.account.consumed_credits - stage.consumed_before)
    assert charged == stage.price
