"""Tests what every provider promises about its list. It shows all processes of a run and no others, or says that it cannot."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.contract.capability_marks import each_row, needs, per_provider, small_pictures
from tests.contract.error_checks import raises_safely
from tests.contract.providers_under_test.base import ProviderUnderTest
from tests.contract.providers_under_test.simulated import SimulatedProvider

from darkroom.errors import OperatorFault, ProviderUnavailable, SubmitInDoubt, Throttled
from darkroom.model import ProcessState

pytestmark = small_pictures

FEW = 2  # entries on one page of a list
LISTS = ("status", "ai/queue", "generations", "v2/logs")  # the ends of the paths at which vendors serve their lists


def found(under_test: ProviderUnderTest, attempt: int = 1, **tags: str) -> list[str]:
    """Return the ids of the run's processes, in the order in which the vendor's list shows them."""
    shown = under_test.find(attempt, **tags)
    assert shown is not None
    return [process.process_id for process in shown]


@needs("list")
def test_a_submit_is_found_by_its_handle(under_test: ProviderUnderTest) -> None:
    submission = under_test.submit()
    (process,) = under_test.find() or ()
    assert process.process_id == submission.process_id
    assert process.handle.startswith(str(under_test.handle()))


@needs("list")
def test_every_attempt_of_a_run_is_found_oldest_first(under_test: ProviderUnderTest) -> None:
    submitted = [under_test.submit(attempt).process_id for attempt in (1, 2, 10)]
    assert found(under_test, attempt=3) == submitted


@needs("list", "queue")
def test_attempts_that_run_and_attempts_that_ended_are_found_alike(under_test: ProviderUnderTest) -> None:
    submitted = [under_test.running(), under_test.finished(), under_test.running()]
    assert sorted(found(under_test)) == sorted(submitted)


@needs("list")
def test_other_runs_and_other_jobs_are_not_found(under_test: ProviderUnderTest) -> None:
    submitted = {run: under_test.submit(run=run).process_id for run in (1, 11)}
    for run, process_id in submitted.items():
        assert [process.process_id for process in under_test.find(run=run) or ()] == [process_id]
    assert under_test.find(run=111) == ()
    assert under_test.find(job_id="f" * 32) == ()


@needs("list", "cancel")
def test_a_cancelled_submit_is_still_found(under_test: ProviderUnderTest) -> None:
    under_test.provider.cancel(under_test.running())
    assert [process.state for process in under_test.find() or ()] == [ProcessState.CANCELLED]


@needs("list", "queue")
def test_a_list_says_how_each_process_stands(under_test: ProviderUnderTest) -> None:
    under_test.running()
    assert [process.state for process in under_test.find() or ()] == [ProcessState.RUNNING]


@needs("list")
def test_a_job_that_the_list_does_not_show_yet_is_not_found(under_test: ProviderUnderTest) -> None:
    under_test.add_fault("list_lag")
    under_test.submit()
    assert under_test.find() == ()


@needs("list")
def test_a_found_process_says_when_it_was_made(under_test: ProviderUnderTest) -> None:
    under_test.submit()
    (process,) = under_test.find() or ()
    assert process.created_at is not None
    assert abs((process.created_at - under_test.since).total_seconds()) < 30


@needs("list", "faults")
@per_provider("what", "malformed")
def test_a_list_that_is_not_whole_proves_nothing(under_test: SimulatedProvider, what: str) -> None:
    under_test.finished()
    provider = under_test.changing(LISTS, under_test.malformed[what])
    with raises_safely(ProviderUnavailable, under_test):
        under_test.find(provider=provider)


@needs("list", "faults")
def test_a_list_that_arrives_as_it_was_sent_is_read(under_test: SimulatedProvider) -> None:
    under_test.finished()
    assert len(under_test.find(provider=under_test.changing(LISTS, lambda body: body)) or ()) == 1


@needs("list of two shapes")
def test_either_shape_of_the_list_shows_the_same(under_test: ProviderUnderTest) -> None:
    process_id = under_test.finished()
    under_test.add_fault("list_shape", on="list")
    assert found(under_test) == [process_id]


@needs("list of other shapes")
@each_row("shape", ["list_array", "list_shape"])
def test_every_shape_of_the_list_shows_the_same_and_proves_the_same(under_test: ProviderUnderTest, shape: str) -> None:
    process_id = under_test.finished()
    under_test.add_fault(shape, on="list", times=None)
    assert found(under_test) == [process_id]
    assert under_test.find(run=2) == ()
    under_test.add_fault("page_ignored", on="list", times=None)
    assert found(under_test) == [process_id]
    assert under_test.find(run=2) is None


@needs("list of other shapes")
@pytest.mark.parametrize("shape", ["list_array", "list_shape"])
def test_other_shapes_of_many_parts_are_read_to_their_end(
    under_test: SimulatedProvider, shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*under_test.page_limit, FEW)
    submitted = [under_test.finished(attempt) for attempt in range(1, 6)]
    under_test.add_fault(shape, on="list", times=None)
    assert found(under_test) == submitted


@needs("list of other shapes")
def test_a_list_that_shows_its_first_page_alone_proves_nothing_absent(
    under_test: SimulatedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*under_test.page_limit, FEW)
    for attempt in range(1, 31):  # more entries than a page has by default
        under_test.submit(attempt)
    under_test.add_fault("page_ignored", on="list", times=None)
    assert under_test.find(run=2) is None


@needs("lean queue", "whole or not")
@each_row("says", [True, False])
def test_a_history_of_smaller_pages_than_were_asked_for_is_read_to_its_end(
    under_test: SimulatedProvider, says: bool
) -> None:
    small = under_test.set_up(page_size_limit=FEW)
    submitted = [small.finished(attempt) for attempt in range(1, 6)]
    if not says:
        small.add_fault("no_length", on="history", times=None)
    assert found(small) == submitted
    assert small.find(run=2) == ()


@needs("listed by link")
@per_provider("fault", "faults_hiding_inputs")
def test_a_list_that_does_not_say_what_was_given_proves_nothing(under_test: ProviderUnderTest, fault: str) -> None:
    under_test.finished()
    for operation in under_test.operations_naming_inputs:
        under_test.add_fault(fault, on=operation, times=None)
    assert under_test.find() is None
    assert under_test.find(run=2) is None


@needs("lean queue")
def test_where_the_queue_is_lean_the_history_says_what_was_given(under_test: SimulatedProvider) -> None:
    lean = under_test.set_up(echo_input=False)
    process_id = lean.finished()
    assert found(lean) == [process_id]


@needs("lean queue")
def test_a_job_that_runs_in_a_lean_queue_is_found_by_the_history(under_test: SimulatedProvider) -> None:
    lean = under_test.set_up(echo_input=False)
    process_id = lean.running()
    assert found(lean) == [process_id]
    assert lean.find(run=2) == ()


@needs("listed by name", "link")
def test_a_picture_sent_by_link_is_found_where_the_list_names_it(under_test: SimulatedProvider) -> None:
    submission = under_test.submit(**under_test.link_tags)
    assert found(under_test, **under_test.link_tags) == [submission.process_id]


@needs("listed by name", "link")
def test_a_picture_sent_by_link_that_the_list_does_not_name_is_not_proven_absent(under_test: SimulatedProvider) -> None:
    under_test.add_fault("unnamed")
    under_test.submit(**under_test.link_tags)
    assert under_test.find(**under_test.link_tags) is None
    assert under_test.find() == ()


@needs("log")
def test_the_log_shows_what_was_answered_as_ended_with_what_it_cost(under_test: ProviderUnderTest) -> None:
    process_id = under_test.submit().process_id
    (process,) = under_test.find() or ()
    progress = under_test.provider.progress(process_id)
    assert (process.state, process.credits) == (ProcessState.EXPIRED, under_test.price)
    assert (progress.state, progress.credits) == (ProcessState.EXPIRED, under_test.price)


@needs("log")
@each_row("fault", ["failed_job", "generation_timeout"])
def test_the_log_shows_what_failed_and_that_it_cost_nothing(under_test: ProviderUnderTest, fault: str) -> None:
    under_test.add_fault(fault)
    with raises_safely(SubmitInDoubt, under_test):
        under_test.submit()
    (process,) = under_test.find() or ()
    assert (process.state, process.credits) == (ProcessState.FAILED, 0)


@needs("log")
@each_row("fault", ["throttle", "auth", "forbidden", "no_funds"])
def test_the_log_shows_refused_attempts_beside_the_one_that_was_taken(
    under_test: ProviderUnderTest, fault: str
) -> None:
    under_test.add_fault(fault)
    with pytest.raises((OperatorFault, Throttled)):
        under_test.submit(attempt=1)
    taken = under_test.submit(attempt=3)
    refused, paid = under_test.find(attempt=4) or ()
    assert (refused.handle, refused.state, refused.credits) == (str(under_test.handle(1)), ProcessState.FAILED, 0)
    assert (paid.process_id, paid.state, paid.credits) == (taken.process_id, ProcessState.EXPIRED, under_test.price)


@needs("log")
def test_a_call_that_was_refused_and_made_again_under_its_name_counts_as_accepted(
    under_test: ProviderUnderTest,
) -> None:
    """The same name is used twice when a call is refused with 401 and is then repeated with a newly read key."""
    under_test.add_fault("auth")
    with pytest.raises(OperatorFault):
        under_test.submit()
    under_test.submit()
    (process,) = under_test.find() or ()
    assert (process.state, under_test.provider.progress(process.process_id).state) == (ProcessState.EXPIRED,) * 2


@needs("list", "faults")
def test_a_list_of_many_pages_is_read_to_its_end(
    under_test: SimulatedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*under_test.page_limit, FEW)
    submitted = [under_test.finished(attempt) for attempt in range(1, 6)]
    assert found(under_test) == submitted


@needs("list", "faults")
def test_a_list_that_breaks_off_after_a_page_proves_nothing(
    under_test: SimulatedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(*under_test.page_limit, FEW)
    for attempt in range(1, 6):
        under_test.finished(attempt)
    pages = []

    def cut_later(body: Any) -> Any:
        pages.append(body)
        if len(pages) > under_test.answers_before_second_page:
            raise httpx.ReadError("the connection was lost")
        return body

    with raises_safely(ProviderUnavailable, under_test):
        under_test.find(provider=under_test.changing(LISTS, cut_later))
    assert len(pages) == under_test.answers_before_second_page + 1


@needs("list", "faults")
def test_a_wrong_base_url_is_not_taken_for_a_list_without_the_job(under_test: SimulatedProvider) -> None:
    under_test.finished()
    with raises_safely(ProviderUnavailable, under_test):
        under_test.find(provider=under_test.at(f"{under_test.simulator.base_url}/elsewhere"))
