"""Tests what every provider promises about synchronous calls. Either the whole result is stored before submit returns, or the
submit is in doubt.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from tests.contract.capability_marks import each_row, needs, per_provider
from tests.contract.error_checks import raises_safely
from tests.contract.faulty_transports import OUTLASTING_SECONDS
from tests.contract.input_pictures import noise, opened
from tests.contract.providers_under_test.base import ProviderUnderTest
from tests.contract.providers_under_test.simulated import SimulatedProvider

from darkroom.errors import DarkroomError, OperatorFault, ProviderRejected, SubmitInDoubt, Throttled
from darkroom.model import ProcessState, Submission
from darkroom.ports import Provider

PIECE_BYTES = 256 * 1024
LARGE_SIDE = 1_024  # the side of a large result, in pixels
AFTER_ACCEPTANCE = ("error_after", "lost_answer", "garbage")


def doubt(under_test: SimulatedProvider, provider: Provider | None = None) -> Submission | None:
    """Make a synchronous call that fails after the vendor accepted it. Return its submission, or None if it is in doubt."""
    submission = None
    try:
        submission = under_test.submit_synchronous(provider)
    except DarkroomError as error:
        what, shown = type(error), str(error)
    else:
        what, shown = None, ""
    assert what is SubmitInDoubt or (submission is not None and not submission.staged)
    assert not [secret for secret in under_test.secrets if secret in shown]
    assert under_test.kept == {}
    assert under_test.paid() == len(under_test.requests("submit", "edit")) == 1
    return submission


def check_aftermath(under_test: SimulatedProvider, submission: Submission | None) -> None:
    """Check what the vendor's list or log shows about a call that was paid, but whose result was not stored."""
    found = under_test.find(**under_test.synchronous_tags)
    if "traceless" in under_test.capabilities:
        assert found is None
        return
    (process,) = found or ()
    if "log" in under_test.capabilities:
        assert (process.state, process.credits) == (ProcessState.EXPIRED, under_test.price)
        return
    assert submission is None or process.process_id == submission.process_id
    under_test.await_end(process.process_id)
    with under_test.provider.result(process.process_id) as link:
        assert opened(b"".join(link.stream())).width == under_test.result_side


@needs("synchronous")
def test_the_result_is_kept_whole_before_the_submit_returns(under_test: SimulatedProvider) -> None:
    submission = under_test.submit_synchronous()
    assert submission.staged
    assert list(under_test.kept) == [submission.process_id]
    assert opened(under_test.kept[submission.process_id]).size == (under_test.result_side, under_test.result_side)
    assert under_test.paid() == 1


@needs("synchronous", "result", "picture answer")
def test_the_staged_result_equals_the_one_that_can_be_fetched(under_test: SimulatedProvider) -> None:
    submission = under_test.submit_synchronous()
    with under_test.provider.result(submission.process_id) as link:
        assert b"".join(link.stream()) == under_test.kept[submission.process_id]


@needs("traceless")
def test_a_synchronous_call_that_leaves_no_trace_is_never_proven_absent(under_test: SimulatedProvider) -> None:
    under_test.submit_synchronous()
    assert under_test.find(**under_test.synchronous_tags) is None
    assert under_test.find() == ()


@needs("synchronous")
def test_a_result_of_several_megabytes_comes_in_small_pieces(under_test: SimulatedProvider) -> None:
    submission = under_test.submit_synchronous(content=noise(LARGE_SIDE // under_test.factor))
    assert len(under_test.kept[submission.process_id]) > 2_000_000
    assert max(under_test.pieces) <= PIECE_BYTES


@needs("base64 answer")
@each_row("side", [16, 128, LARGE_SIDE])
def test_a_result_inside_the_answer_is_the_one_behind_a_link(under_test: SimulatedProvider, side: int) -> None:
    side //= under_test.factor
    behind = under_test.kept[under_test.submit_synchronous(content=noise(side)).process_id]
    under_test.kept.clear()
    under_test.add_fault(under_test.inline_fault, on="synchronous")
    inside = under_test.kept[under_test.submit_synchronous(content=noise(side)).process_id]
    assert inside == behind
    assert max(under_test.pieces) <= PIECE_BYTES


@needs("base64 answer")
def test_a_result_inside_the_answer_is_not_downloaded(under_test: SimulatedProvider) -> None:
    under_test.add_fault(under_test.inline_fault, on="synchronous")
    assert under_test.submit_synchronous().staged
    assert under_test.requests("result", "file") == []


@needs("usage")
@each_row(
    ("fault", "is_said"),
    [(None, True), ("usage_tokens_only", True), ("usage_credits", True), ("usage_headers_only", True),
     ("usage_texts", True), ("usage_usd_only", True), ("usage_usd_header", True),
     ("usage_nowhere", False)],
)  # fmt: skip
def test_the_answer_says_what_was_charged_in_any_of_its_shapes(
    under_test: SimulatedProvider, fault: str | None, is_said: bool
) -> None:
    if fault:
        under_test.add_fault(fault)
    assert under_test.submit_synchronous().credits == (under_test.price if is_said else None)
    under_test.add_fault(fault or "created")
    under_test.add_fault(under_test.inline_fault)
    assert under_test.submit_synchronous().credits == (under_test.price if is_said else None)


@needs("usage")
def test_an_answer_of_201_counts_as_one_of_200(under_test: SimulatedProvider) -> None:
    under_test.add_fault("created")
    submission = under_test.submit_synchronous()
    assert (submission.staged, submission.credits) == (True, under_test.price)


@needs("usage")
def test_an_answer_without_a_result_is_in_doubt_and_logged_with_what_it_cost(under_test: SimulatedProvider) -> None:
    under_test.add_fault("no_data")
    check_aftermath(under_test, doubt(under_test))


@needs("synchronous")
@each_row("fault", AFTER_ACCEPTANCE)
def test_whatever_fails_after_acceptance_is_in_doubt_and_never_sent_again(
    under_test: SimulatedProvider, fault: str
) -> None:
    under_test.add_fault(fault, on="synchronous")
    check_aftermath(under_test, doubt(under_test))


@needs("synchronous")
def test_a_synchronous_call_that_outlasts_our_patience_is_in_doubt(under_test: SimulatedProvider) -> None:
    under_test.add_fault("delay", on="synchronous", seconds=OUTLASTING_SECONDS)
    check_aftermath(under_test, doubt(under_test, under_test.impatient()))


@needs("synchronous", "late fetch")
@per_provider("fault", "delay_faults")
def test_a_synchronous_call_that_takes_longer_is_waited_for(under_test: SimulatedProvider, fault: str) -> None:
    if fault != "hold":
        under_test.add_fault(fault, on="synchronous")
    assert under_test.submit_synchronous().staged


@needs("synchronous")
def test_a_result_that_cannot_be_kept_is_in_doubt_or_can_be_fetched(under_test: SimulatedProvider) -> None:
    def full(process_id: str, pieces: Iterator[bytes]) -> None:
        next(pieces)
        raise OSError("the bucket did not answer")

    under_test.keep = full  # type: ignore[method-assign]
    check_aftermath(under_test, doubt(under_test))


@needs("base64 answer")
def test_a_result_inside_the_answer_that_cannot_be_kept_is_in_doubt(under_test: SimulatedProvider) -> None:
    def full(process_id: str, pieces: Iterator[bytes]) -> None:
        raise OSError("the bucket did not answer")

    under_test.keep = full  # type: ignore[method-assign]
    under_test.add_fault(under_test.inline_fault, on="synchronous")
    check_aftermath(under_test, doubt(under_test))


@needs("picture answer")
def test_a_picture_that_breaks_off_is_not_kept_and_can_be_fetched(under_test: SimulatedProvider) -> None:
    under_test.add_fault("cut_answer")
    submission = doubt(under_test)
    assert submission is not None
    check_aftermath(under_test, submission)


@needs("picture answer")
def test_an_answer_that_is_not_a_picture_is_not_kept_and_the_picture_can_be_fetched(
    under_test: SimulatedProvider,
) -> None:
    under_test.add_fault("no_picture")
    submission = doubt(under_test)
    assert submission is not None
    check_aftermath(under_test, submission)


@needs("no synchronous calls later")
def test_where_there_is_no_synchronous_call_any_more_the_same_is_sent_to_the_queue_once(
    under_test: SimulatedProvider,
) -> None:
    under_test.add_fault("no_synchronous")
    submission = under_test.submit_synchronous()
    assert (submission.staged, under_test.kept, under_test.paid(), len(under_test.requests("submit"))) == (
        False,
        {},
        1,
        2,
    )
    check_aftermath(under_test, submission)


@needs("url answer")
@per_provider("fault", "download_faults")
def test_a_download_that_breaks_once_is_tried_again(under_test: SimulatedProvider, fault: str) -> None:
    under_test.add_fault(fault, on="result")
    submission = under_test.submit_synchronous()
    assert submission.staged
    assert opened(under_test.kept[submission.process_id]).width == under_test.result_side
    assert under_test.paid() == 1


@needs("url answer")
@per_provider("fault", "download_faults")
def test_a_download_that_stays_broken_is_in_doubt(under_test: SimulatedProvider, fault: str) -> None:
    under_test.add_fault(fault, on="result", times=None)
    check_aftermath(under_test, doubt(under_test))


@needs("url answer", "faults")
def test_a_slow_download_is_kept_whole(under_test: SimulatedProvider) -> None:
    right = under_test.kept[under_test.submit_synchronous().process_id]
    under_test.kept.clear()
    under_test.add_fault("slow", on="result", times=2)
    assert under_test.kept[under_test.submit_synchronous().process_id] == right


@needs("url answer")
def test_a_download_of_the_wrong_bytes_is_kept_for_the_caller_to_recognise(under_test: SimulatedProvider) -> None:
    right = under_test.kept[under_test.submit_synchronous().process_id]
    under_test.kept.clear()
    under_test.add_fault("corrupt", on="result", times=2)
    wrong = under_test.kept[under_test.submit_synchronous().process_id]
    assert len(wrong) == len(right)
    assert wrong != right


@needs("url answer")
def test_a_link_to_a_result_that_is_unsafe_is_in_doubt_and_not_followed(under_test: SimulatedProvider) -> None:
    submission = doubt(under_test, under_test.strict())
    assert under_test.requests("result", "file") == []
    check_aftermath(under_test, submission)


@needs("synchronous")
@per_provider("fault", "operator_faults")
def test_a_synchronous_call_the_account_cannot_make_is_the_operators_fault_and_unpaid(
    under_test: SimulatedProvider, fault: str
) -> None:
    under_test.add_fault(fault, on="synchronous")
    with raises_safely(OperatorFault, under_test) as caught:
        under_test.submit_synchronous()
    assert caught.value.code is under_test.operator_faults[fault]
    assert under_test.paid() == 0


@needs("synchronous")
@each_row(("fault", "kind"), [("throttle", Throttled), ("moved", ProviderRejected)])
def test_a_synchronous_call_that_is_not_taken_is_unpaid(
    under_test: ProviderUnderTest, fault: str, kind: type[DarkroomError]
) -> None:
    assert isinstance(under_test, SimulatedProvider)
    under_test.add_fault(fault, on="synchronous")
    with raises_safely(kind, under_test):
        under_test.submit_synchronous()
    assert (under_test.paid(), under_test.kept) == (0, {})


@needs("synchronous")
def test_a_synchronous_call_that_fails_keeps_nothing_and_charges_nothing(
    under_test: SimulatedProvider,
) -> None:
    under_test.add_fault("failed_job", on="synchronous")
    with raises_safely(SubmitInDoubt, under_test):
        under_test.submit_synchronous()
    assert under_test.kept == {}
    assert under_test.simulator.account.consumed_credits == under_test.consumed_before


@needs("synchronous")
def test_a_synchronous_result_of_another_size_than_planned_is_kept_and_can_be_told(
    under_test: SimulatedProvider,
) -> None:
    under_test.add_fault("wrong_size", on="synchronous")
    submission = under_test.submit_synchronous()
    sides = {opened(under_test.kept[submission.process_id]).width}
    if "sides" in under_test.capabilities:
        sides.add(under_test.provider.progress(submission.process_id).output_width or 0)
    assert under_test.result_side + 16 in sides


@needs("synchronous")
def test_a_synchronous_call_is_charged_what_was_planned(under_test: SimulatedProvider) -> None:
    under_test.submit_synchronous()
    charged = Decimal(under_test.simulator.account.consumed_credits - under_test.consumed_before)
    assert charged == under_test.price
