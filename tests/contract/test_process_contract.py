"""What every provider promises of a process: how it stands, how it ends, what it cost, whether it can be stopped."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.contract.error_checks import promised
from tests.contract.input_pictures import opened
from tests.contract.stage_marks import needs, per_stage
from tests.contract.stages.base import Stage
from tests.contract.stages.simulated import SimulatedStage

from darkroom.errors import ProcessUnknown, ResultNotReady
from darkroom.model import ProcessState


@needs("queue")
def test_a_submitted_job_runs(stage: Stage) -> None:
    assert stage.provider.progress(stage.running()).state is ProcessState.RUNNING


@needs("queue")
def test_an_unpublished_status_word_counts_as_running(stage: Stage) -> None:
    stage.fault("unknown_status")
    progress = stage.provider.progress(stage.running())
    assert (progress.state, progress.vendor_word) == (ProcessState.RUNNING, stage.strange_word)


@needs("queue")
def test_a_finished_job_is_completed(stage: Stage) -> None:
    assert stage.provider.progress(stage.finished()).state is ProcessState.COMPLETED


@needs("queue", "credits")
def test_a_finished_job_says_its_price(stage: Stage) -> None:
    assert stage.provider.progress(stage.finished()).credits == stage.price


@needs("charge in details")
def test_a_finished_job_says_what_was_charged_wherever_the_vendor_says_it(stage: SimulatedStage) -> None:
    assert stage.provider.progress(stage.finished()).credits == stage.price
    dearer = stage.set_up(price_units=725)
    process_id = dearer.finished()
    assert dearer.provider.progress(process_id).credits == 725
    for fault in ("no_cost", "error_before", "throttle", "forbidden", "garbage", "lost_answer"):
        dearer.fault(fault, on="history")
        progress = dearer.provider.progress(process_id)
        assert (progress.state, progress.credits) == (ProcessState.COMPLETED, None), fault


@needs("queue", "sides")
def test_a_finished_job_says_how_large_its_result_is(stage: Stage) -> None:
    progress = stage.provider.progress(stage.finished())
    assert (progress.output_width, progress.output_height) == (stage.result_side, stage.result_side)


@needs("queue")
@per_stage("fault", "endings")
def test_a_job_that_ends_without_a_result_says_so(stage: Stage, fault: str) -> None:
    stage.fault(fault)
    assert stage.provider.progress(stage.finished()).state == stage.endings[fault]


@needs("queue")
@per_stage("fault", "endings")
def test_a_job_that_ended_without_a_result_has_none(stage: Stage, fault: str) -> None:
    stage.fault(fault)
    process_id = stage.finished()
    with promised(ResultNotReady, stage), stage.provider.result(process_id):
        pass


@needs("reasons")
def test_the_reason_of_a_failure_is_the_vendors_without_any_link(stage: SimulatedStage) -> None:
    stage.link = lambda content, handle: stage.site.hang(b"", handle)  # type: ignore[method-assign]
    reason = stage.provider.progress(stage.finished()).reason
    assert reason.startswith("404 Client Error: Not Found")
    assert not [secret for secret in stage.secrets if secret in reason]


@needs("reasons")
def test_only_a_failure_has_a_reason(stage: Stage) -> None:
    assert stage.provider.progress(stage.finished()).reason == ""
    stage.fault("failed_job")
    assert stage.provider.progress(stage.finished()).reason == "The model failed to produce a result"


@needs("late check")
def test_a_value_that_is_looked_at_only_when_the_job_runs_fails_it_for_nothing(stage: SimulatedStage) -> None:
    plan = stage.plan()
    wrong = replace(plan, parameters={**plan.parameters, "enhance_model": "Sharpest"})
    process_id = stage.provider.submit(wrong, stage.image(), stage.handle(), stage.keep).process_id
    stage.finish(process_id)
    progress = stage.provider.progress(process_id)
    assert progress.state is ProcessState.FAILED
    assert "enhance_model must be one of" in progress.reason
    assert stage.simulator.account.consumed_credits == stage.consumed_before


@needs("queue", "faults")
@per_stage("fault", "delays")
def test_a_job_that_is_late_runs_until_it_is_completed(stage: SimulatedStage, fault: str) -> None:
    stage.fault(fault, **stage.lasting(fault, 0.5))
    process_id = stage.submit().process_id
    assert stage.provider.progress(process_id).state is ProcessState.RUNNING
    stage.finish(process_id)
    assert stage.provider.progress(process_id).state is ProcessState.COMPLETED


@needs("queue", "result")
def test_a_result_of_another_size_than_planned_can_be_told(stage: Stage) -> None:
    stage.fault("wrong_size")
    process_id = stage.finished()
    told = stage.provider.progress(process_id).output_width
    with stage.provider.result(process_id) as link:
        sides = {told, opened(b"".join(link.stream())).width} - {None}
    assert stage.result_side + 16 in sides


@needs("queue")
def test_a_job_that_is_not_finished_has_no_result_yet(stage: Stage) -> None:
    process_id = stage.running()
    with promised(ResultNotReady, stage), stage.provider.result(process_id):
        pass


@pytest.mark.parametrize("call", ["status", "cancel", "download"])
@per_stage("process_id", "strange_ids")
def test_an_unknown_process_is_unknown_to_every_call(stage: Stage, call: str, process_id: str) -> None:
    with promised(ProcessUnknown, stage):
        stage.ask(call, process_id)


@needs("cancel", "queue")
def test_a_running_job_is_cancelled_and_the_vendor_confirms(stage: Stage) -> None:
    process_id = stage.running()
    assert stage.provider.cancel(process_id) is True
    assert stage.provider.progress(process_id).state is ProcessState.CANCELLED


@needs("cancel", "queue")
def test_a_cancelled_job_stays_cancelled_when_it_is_asked_again(stage: Stage) -> None:
    process_id = stage.running()
    stage.provider.cancel(process_id)
    stage.provider.cancel(process_id)
    assert stage.provider.progress(process_id).state is ProcessState.CANCELLED


@needs("queue")
def test_a_finished_job_can_no_longer_be_cancelled(stage: Stage) -> None:
    process_id = stage.finished()
    assert stage.provider.cancel(process_id) is False
    assert stage.provider.progress(process_id).state is ProcessState.COMPLETED


@needs("queue", "no reprieve")
def test_where_nothing_can_be_cancelled_a_running_job_runs_on(stage: Stage) -> None:
    process_id = stage.running()
    assert stage.provider.cancel(process_id) is False
    assert stage.provider.progress(process_id).state is ProcessState.RUNNING


@needs("forget")
def test_a_forgotten_process_is_unknown(stage: Stage) -> None:
    process_id = stage.finished()
    stage.provider.forget(process_id)
    with promised(ProcessUnknown, stage):
        stage.provider.progress(process_id)
    with promised(ProcessUnknown, stage), stage.provider.result(process_id):
        pass


@needs("queue")
@per_stage("process_id", "strange_ids")
def test_forgetting_again_or_nothing_is_fine_and_spares_the_others(stage: Stage, process_id: str) -> None:
    kept, gone = stage.finished(), stage.finished()
    for _ in range(2):
        stage.provider.forget(gone)
        stage.provider.forget(process_id)
    assert stage.provider.progress(kept).state is ProcessState.COMPLETED


@needs("size of its own")
def test_no_size_is_left_to_the_vendor(stage: SimulatedStage) -> None:
    stage.fault("own_size")
    process_id = stage.finished()
    progress = stage.provider.progress(process_id)
    assert (progress.output_width, progress.output_height) == (stage.result_side, stage.result_side)
    with stage.provider.result(process_id) as link:
        assert opened(b"".join(link.stream())).size == (stage.result_side, stage.result_side)


@needs("removed entries")
def test_a_result_can_be_fetched_though_its_entry_was_removed(stage: SimulatedStage) -> None:
    process_id = stage.finished()
    stage.fault("kept_result", on="delete")
    stage.provider.forget(process_id)
    assert stage.provider.deletes_entries
    with promised(ProcessUnknown, stage):
        stage.provider.progress(process_id)
    with stage.provider.result(process_id) as link:
        assert opened(b"".join(link.stream())).width == stage.result_side


@needs("forget", "faults")
def test_the_whole_list_is_never_deleted(stage: SimulatedStage) -> None:
    kept = stage.finished()
    for process_id in ("", ".", "..", "%2e", "/", "?"):
        stage.provider.forget(process_id)
    assert stage.requests("delete") == []
    assert stage.provider.progress(kept).state is ProcessState.COMPLETED
