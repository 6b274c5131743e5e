"""Tests what every provider promises about a process: its state, its end, its cost, and whether it can be cancelled."""

from __future__ import annotations

from dataclasses import replace

from tests.contract.capability_marks import each_row, needs, per_provider, small_pictures
from tests.contract.error_checks import raises_safely
from tests.contract.input_pictures import opened
from tests.contract.providers_under_test.base import ProviderUnderTest
from tests.contract.providers_under_test.simulated import SimulatedProvider

from darkroom.errors import ProcessUnknown, ResultNotReady
from darkroom.model import ProcessState

pytestmark = small_pictures


@needs("queue")
def test_a_submitted_job_runs(under_test: ProviderUnderTest) -> None:
    assert under_test.provider.progress(under_test.running()).state is ProcessState.RUNNING


@needs("queue")
def test_an_unpublished_status_word_counts_as_running(under_test: ProviderUnderTest) -> None:
    under_test.add_fault("unknown_status")
    progress = under_test.provider.progress(under_test.running())
    assert (progress.state, progress.vendor_word) == (ProcessState.RUNNING, under_test.unknown_status_word)


@needs("queue")
def test_a_finished_job_is_completed(under_test: ProviderUnderTest) -> None:
    assert under_test.provider.progress(under_test.finished()).state is ProcessState.COMPLETED


@needs("queue", "credits")
def test_a_finished_job_says_its_price(under_test: ProviderUnderTest) -> None:
    assert under_test.provider.progress(under_test.finished()).credits == under_test.price


@needs("charge in details")
def test_a_finished_job_says_what_was_charged_wherever_the_vendor_says_it(under_test: SimulatedProvider) -> None:
    assert under_test.provider.progress(under_test.finished()).credits == under_test.price
    dearer = under_test.set_up(price_units=725)
    process_id = dearer.finished()
    assert dearer.provider.progress(process_id).credits == 725
    for fault in ("no_cost", "error_before", "throttle", "forbidden", "garbage", "lost_answer"):
        dearer.add_fault(fault, on="history")
        progress = dearer.provider.progress(process_id)
        assert (progress.state, progress.credits) == (ProcessState.COMPLETED, None), fault


@needs("queue", "sides")
def test_a_finished_job_says_how_large_its_result_is(under_test: ProviderUnderTest) -> None:
    progress = under_test.provider.progress(under_test.finished())
    assert (progress.output_width, progress.output_height) == (under_test.result_side, under_test.result_side)


@needs("queue")
@per_provider("fault", "ending_faults")
def test_a_job_that_ends_without_a_result_says_so(under_test: ProviderUnderTest, fault: str) -> None:
    under_test.add_fault(fault)
    assert under_test.provider.progress(under_test.finished()).state == under_test.ending_faults[fault]


@needs("queue")
@per_provider("fault", "ending_faults")
def test_a_job_that_ended_without_a_result_has_none(under_test: ProviderUnderTest, fault: str) -> None:
    under_test.add_fault(fault)
    process_id = under_test.finished()
    with raises_safely(ResultNotReady, under_test), under_test.provider.result(process_id):
        pass


@needs("reasons")
def test_the_reason_of_a_failure_is_the_vendors_without_any_link(under_test: SimulatedProvider) -> None:
    under_test.link = lambda content, handle: under_test.site.publish_input(b"", handle)  # type: ignore[method-assign]
    reason = under_test.provider.progress(under_test.finished()).reason
    assert reason.startswith("404 Client Error: Not Found")
    assert not [secret for secret in under_test.secrets if secret in reason]


@needs("reasons")
def test_only_a_failure_has_a_reason(under_test: ProviderUnderTest) -> None:
    assert under_test.provider.progress(under_test.finished()).reason == ""
    under_test.add_fault("failed_job")
    assert under_test.provider.progress(under_test.finished()).reason == "The model failed to produce a result"


@needs("late check")
def test_a_value_that_is_looked_at_only_when_the_job_runs_fails_it_for_nothing(under_test: SimulatedProvider) -> None:
    plan = under_test.plan()
    wrong = replace(plan, parameters={**plan.parameters, "enhance_model": "Sharpest"})
    process_id = under_test.provider.submit(wrong, under_test.image(), under_test.handle(), under_test.keep).process_id
    under_test.await_end(process_id)
    progress = under_test.provider.progress(process_id)
    assert progress.state is ProcessState.FAILED
    assert "enhance_model must be one of" in progress.reason
    assert under_test.simulator.account.consumed_credits == under_test.consumed_before


@needs("queue", "faults")
@per_provider("fault", "delay_faults")
def test_a_job_that_is_late_runs_until_it_is_completed(under_test: SimulatedProvider, fault: str) -> None:
    under_test.add_fault(fault, **under_test.duration_option(fault, 60))
    under_test.add_fault(fault, **under_test.duration_option(fault, 0.3))
    stuck, late = under_test.submit().process_id, under_test.submit().process_id
    under_test.await_end(late)
    assert under_test.provider.progress(late).state is ProcessState.COMPLETED
    assert under_test.provider.progress(stuck).state is ProcessState.RUNNING


@needs("queue", "result")
def test_a_result_of_another_size_than_planned_can_be_told(under_test: ProviderUnderTest) -> None:
    under_test.add_fault("wrong_size")
    process_id = under_test.finished()
    told = under_test.provider.progress(process_id).output_width
    with under_test.provider.result(process_id) as link:
        sides = {told, opened(b"".join(link.stream())).width} - {None}
    assert under_test.result_side + 16 in sides


@needs("queue")
def test_a_job_that_is_not_finished_has_no_result_yet(under_test: ProviderUnderTest) -> None:
    process_id = under_test.running()
    with raises_safely(ResultNotReady, under_test), under_test.provider.result(process_id):
        pass


@each_row("call", ["status", "cancel", "download"])
@per_provider("process_id", "unknown_ids")
def test_an_unknown_process_is_unknown_to_every_call(under_test: ProviderUnderTest, call: str, process_id: str) -> None:
    with raises_safely(ProcessUnknown, under_test):
        under_test.ask(call, process_id)


@needs("cancel", "queue")
def test_a_running_job_is_cancelled_and_the_vendor_confirms(under_test: ProviderUnderTest) -> None:
    process_id = under_test.running()
    assert under_test.provider.cancel(process_id) is True
    assert under_test.provider.progress(process_id).state is ProcessState.CANCELLED


@needs("cancel", "queue")
def test_a_cancelled_job_stays_cancelled_when_it_is_asked_again(under_test: ProviderUnderTest) -> None:
    process_id = under_test.running()
    under_test.provider.cancel(process_id)
    under_test.provider.cancel(process_id)
    assert under_test.provider.progress(process_id).state is ProcessState.CANCELLED


@needs("queue")
def test_a_finished_job_can_no_longer_be_cancelled(under_test: ProviderUnderTest) -> None:
    process_id = under_test.finished()
    assert under_test.provider.cancel(process_id) is False
    assert under_test.provider.progress(process_id).state is ProcessState.COMPLETED


@needs("queue", "no reprieve")
def test_where_nothing_can_be_cancelled_a_running_job_runs_on(under_test: ProviderUnderTest) -> None:
    process_id = under_test.running()
    assert under_test.provider.cancel(process_id) is False
    assert under_test.provider.progress(process_id).state is ProcessState.RUNNING


@needs("forget")
def test_a_forgotten_process_is_unknown(under_test: ProviderUnderTest) -> None:
    process_id = under_test.finished()
    under_test.provider.forget(process_id)
    with raises_safely(ProcessUnknown, under_test):
        under_test.provider.progress(process_id)
    with raises_safely(ProcessUnknown, under_test), under_test.provider.result(process_id):
        pass


@needs("queue")
@per_provider("process_id", "unknown_ids")
def test_forgetting_again_or_nothing_is_fine_and_spares_the_others(
    under_test: ProviderUnderTest, process_id: str
) -> None:
    kept, gone = under_test.finished(), under_test.finished()
    for _ in range(2):
        under_test.provider.forget(gone)
        under_test.provider.forget(process_id)
    assert under_test.provider.progress(kept).state is ProcessState.COMPLETED


@needs("size of its own")
def test_no_size_is_left_to_the_vendor(under_test: SimulatedProvider) -> None:
    under_test.add_fault("own_size")
    process_id = under_test.finished()
    progress = under_test.provider.progress(process_id)
    assert (progress.output_width, progress.output_height) == (under_test.result_side, under_test.result_side)
    with under_test.provider.result(process_id) as link:
        assert opened(b"".join(link.stream())).size == (under_test.result_side, under_test.result_side)


@needs("removed entries")
def test_a_result_can_be_fetched_though_its_entry_was_removed(under_test: SimulatedProvider) -> None:
    process_id = under_test.finished()
    under_test.add_fault("kept_result", on="delete")
    under_test.provider.forget(process_id)
    assert under_test.provider.deletes_entries
    with raises_safely(ProcessUnknown, under_test):
        under_test.provider.progress(process_id)
    with under_test.provider.result(process_id) as link:
        assert opened(b"".join(link.stream())).width == under_test.result_side


@needs("forget", "faults")
def test_the_whole_list_is_never_deleted(under_test: SimulatedProvider) -> None:
    kept = under_test.finished()
    for process_id in ("", ".", "..", "%2e", "/", "?"):
        under_test.provider.forget(process_id)
    assert under_test.requests("delete") == []
    assert under_test.provider.progress(kept).state is ProcessState.COMPLETED
