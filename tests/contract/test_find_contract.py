"""What every provider promises of its list: it shows a run's processes, all of them and no others, or says that it cannot."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.contract.error_checks import promised
from tests.contract.stage_marks import needs, per_stage
from tests.contract.stages.base import Stage
from tests.contract.stages.simulated import SimulatedStage

from darkroom.errors import OperatorFault, ProviderUnavailable, SubmitInDoubt, Throttled
from darkroom.model import ProcessState

FEW = 2  # entries on a page
LISTS = ("status", "ai/queue", "generations", "v2/logs")  # how the paths of lists end


def found(stage: Stage, attempt: int = 1, **tags: str) -> list[str]:
    """The process ids that the list shows of the run."""
    shown = stage.find(attempt, **tags)
    assert shown is not None
    return [process.process_id for process in shown]


@needs("list")
def test_a_submit_is_found_by_its_handle(stage: Stage) -> None:
    submission = stage.submit()
    (process,) = stage.find() or ()
    assert process.process_id == submission.process_id
    assert process.handle.startswith(str(stage.handle()))


@needs("list")
def test_every_attempt_of_a_run_is_found_oldest_first(stage: Stage) -> None:
    submitted = [stage.submit(attempt).process_id for attempt in (1, 2, 10)]
    assert found(stage, attempt=3) == submitted


@needs("list", "queue")
def test_attempts_that_run_and_attempts_that_ended_are_found_alike(stage: Stage) -> None:
    submitted = [stage.running(), stage.finished(), stage.running()]
    assert sorted(found(stage)) == sorted(submitted)


@needs("list")
def test_other_runs_and_other_jobs_are_not_found(stage: Stage) -> None:
    submitted = {run: stage.submit(run=run).process_id for run in (1, 11)}
    for run, process_id in submitted.items():
        assert [process.process_id for process in stage.find(run=run) or ()] == [process_id]
    assert stage.find(run=111) == ()
    assert stage.find(job_id="f" * 32) == ()


@needs("list", "cancel")
def test_a_cancelled_submit_is_still_found(stage: Stage) -> None:
    stage.provider.cancel(stage.running())
    assert [process.state for process in stage.find() or ()] == [ProcessState.CANCELLED]


@needs("list", "queue")
def test_a_list_says_how_each_process_stands(stage: Stage) -> None:
    stage.running()
    assert [process.state for process in stage.find() or ()] == [ProcessState.RUNNING]


@needs("list")
def test_a_job_that_the_list_does_not_show_yet_is_not_found(stage: Stage) -> None:
    stage.fault("list_lag")
    stage.submit()
    assert stage.find() == ()


@needs("list")
def test_a_found_process_says_when_it_was_made(stage: Stage) -> None:
    stage.submit()
    (process,) = stage.find() or ()
    assert process.created_at is not None
    assert abs((process.created_at - stage.since).total_seconds()) < 30


@needs("list", "faults")
@per_stage("what", "malformed")
def test_a_list_that_is_not_whole_proves_nothing(stage: SimulatedStage, what: str) -> None:
    stage.finished()
    provider = stage.changing(LISTS, stage.malformed[what])
    with promised(ProviderUnavailable, stage):
        stage.find(provider=provider)


@needs("list", "faults")
def test_a_list_that_arrives_as_it_was_sent_is_read(stage: SimulatedStage) -> None:
    stage.finished()
    assert len(stage.find(provider=stage.changing(LISTS, lambda body: body)) or ()) == 1


@needs("list of two shapes")
def test_either_shape_of_the_list_shows_the_same(stage: Stage) -> None:
    process_id = stage.finished()
    stage.fault("list_shape", on="list")
    assert found(stage) == [process_id]


@needs("list of other shapes")
@pytest.mark.parametrize("shape", ["list_array", "list_shape"])
def test_every_shape_of_the_list_shows_the_same_and_proves_the_same(stage: Stage, shape: str) -> None:
    process_id = stage.finished()
    stage.fault(shape, on="list", times=None)
    assert found(stage) == [process_id]
    assert stage.find(run=2) == ()
    stage.fault("page_ignored", on="list", times=None)
    assert found(stage) == [process_id]
    assert stage.find(run=2) is None


@needs("list of other shapes")
@pytest.mark.parametrize("shape", ["list_array", "list_shape"])
def test_other_shapes_of_many_parts_are_read_to_their_end(
    stage: SimulatedStage, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*stage.page_limit, FEW)
    submitted = [stage.finished(attempt) for attempt in range(1, 6)]
    stage.fault(shape, on="list", times=None)
    assert found(stage) == submitted


@needs("list of other shapes")
def test_a_list_that_shows_its_first_page_alone_proves_nothing_absent(
    stage: SimulatedStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*stage.page_limit, FEW)
    for attempt in range(1, 31):  # more than a page holds unless it is asked for otherwise
        stage.submit(attempt)
    stage.fault("page_ignored", on="list", times=None)
    assert stage.find(run=2) is None


@needs("lean queue", "whole or not")
@pytest.mark.parametrize("says", [True, False])
def test_a_history_of_smaller_pages_than_were_asked_for_is_read_to_its_end(stage: SimulatedStage, says: bool) -> None:
    small = stage.set_up(page_size_limit=FEW)
    submitted = [small.finished(attempt) for attempt in range(1, 6)]
    if not says:
        small.fault("no_length", on="history", times=None)
    assert found(small) == submitted
    assert small.find(run=2) == ()


@needs("listed by link")
@per_stage("mute", "mutes")
def test_a_list_that_does_not_say_what_was_given_proves_nothing(stage: Stage, mute: str) -> None:
    stage.finished()
    for operation in stage.mute_on:
        stage.fault(mute, on=operation, times=None)
    assert stage.find() is None
    assert stage.find(run=2) is None


@needs("lean queue")
def test_where_the_queue_is_lean_the_history_says_what_was_given(stage: SimulatedStage) -> None:
    lean = stage.set_up(echo_input=False)
    process_id = lean.finished()
    assert found(lean) == [process_id]


@needs("lean queue")
def test_a_job_that_runs_in_a_lean_queue_is_found_by_the_history(stage: SimulatedStage) -> None:
    lean = stage.set_up(echo_input=False)
    process_id = lean.running()
    assert found(lean) == [process_id]
    assert lean.find(run=2) == ()


@needs("listed by name", "link")
def test_a_picture_sent_by_link_is_found_where_the_list_names_it(stage: SimulatedStage) -> None:
    submission = stage.submit(**stage.link_tags)
    assert found(stage, **stage.link_tags) == [submission.process_id]


@needs("listed by name", "link")
def test_a_picture_sent_by_link_that_the_list_does_not_name_is_not_proven_absent(stage: SimulatedStage) -> None:
    stage.fault("unnamed")
    stage.submit(**stage.link_tags)
    assert stage.find(**stage.link_tags) is None
    assert stage.find() == ()


@needs("log")
def test_the_log_shows_what_was_answered_as_ended_with_what_it_cost(stage: Stage) -> None:
    process_id = stage.submit().process_id
    (process,) = stage.find() or ()
    progress = stage.provider.progress(process_id)
    assert (process.state, process.credits) == (ProcessState.EXPIRED, stage.price)
    assert (progress.state, progress.credits) == (ProcessState.EXPIRED, stage.price)


@needs("log")
@pytest.mark.parametrize("fault", ["failed_job", "generation_timeout"])
def test_the_log_shows_what_was_tried_in_vain_and_that_it_cost_nothing(stage: Stage, fault: str) -> None:
    stage.fault(fault)
    with promised(SubmitInDoubt, stage):
        stage.submit()
    (process,) = stage.find() or ()
    assert (process.state, process.credits) == (ProcessState.FAILED, 0)


@needs("log")
@pytest.mark.parametrize("fault", ["throttle", "auth", "forbidden", "no_funds"])
def test_the_log_shows_refused_attempts_beside_the_one_that_was_taken(stage: Stage, fault: str) -> None:
    stage.fault(fault)
    with pytest.raises((OperatorFault, Throttled)):
        stage.submit(attempt=1)
    taken = stage.submit(attempt=3)
    refused, paid = stage.find(attempt=4) or ()
    assert (refused.handle, refused.state, refused.credits) == (str(stage.handle(1)), ProcessState.FAILED, 0)
    assert (paid.process_id, paid.state, paid.credits) == (taken.process_id, ProcessState.EXPIRED, stage.price)


@needs("log")
def test_a_call_that_was_refused_and_made_again_under_its_name_counts_as_taken(stage: Stage) -> None:
    """As after a 401, when the key was read anew."""
    stage.fault("auth")
    with pytest.raises(OperatorFault):
        stage.submit()
    stage.submit()
    (process,) = stage.find() or ()
    assert (process.state, stage.provider.progress(process.process_id).state) == (ProcessState.EXPIRED,) * 2


@needs("list", "faults")
def test_a_list_of_many_pages_is_read_to_its_end(stage: SimulatedStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*stage.page_limit, FEW)
    submitted = [stage.finished(attempt) for attempt in range(1, 6)]
    assert found(stage) == submitted


@needs("list", "faults")
def test_a_list_that_breaks_off_after_a_page_proves_nothing(
    stage: SimulatedStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*stage.page_limit, FEW)
    for attempt in range(1, 6):
        stage.finished(attempt)
    pages = []

    def cut_later(body: Any) -> Any:
        pages.append(body)
        if len(pages) > stage.first_pages:
            raise httpx.ReadError("the connection was lost")
        return body

    with promised(ProviderUnavailable, stage):
        stage.find(provider=stage.changing(LISTS, cut_later))
    assert len(pages) == stage.first_pages + 1


@needs("list", "faults")
def test_a_wrong_base_url_is_not_taken_for_a_list_without_the_job(stage: SimulatedStage) -> None:
    stage.finished()
    with promised(ProviderUnavailable, stage):
        stage.find(provider=stage.at(f"{stage.simulator.base_url}/elsewhere"))
