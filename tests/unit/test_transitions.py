"""Tests how many state transitions an execution costs, counted on the application's own state machine."""

from __future__ import annotations

from tests.rows import each_row
from tests.unit.polling_support import constant, follow
from tests.unit.transitions_support import FAILS, NOT_TOLD, TOLD, TOLD_BEFORE, at_its_eta, walk

MOST_AT_ITS_ETA, MOST_FOR_A_POLL, MOST_WHEN_TOLD = 7, 3, 5


def test_a_job_done_at_its_eta_takes_seven_transitions_at_most() -> None:
    assert at_its_eta().transitions <= MOST_AT_ITS_ETA


@each_row("polls", range(2, 12))
def test_each_further_poll_takes_three_transitions_at_most(polls: int) -> None:
    assert at_its_eta(polls).transitions - at_its_eta(polls - 1).transitions <= MOST_FOR_A_POLL


@each_row("status", ["FAILED", "CANCELLED", "REJECTED", "IN_DOUBT", "ABSENT"])
def test_a_job_that_fails_takes_no_more_than_one_that_succeeds(status: str) -> None:
    assert walk("ended", status).transitions <= MOST_AT_ITS_ETA


def test_a_job_that_finalize_sends_back_to_wait_takes_five_more() -> None:
    assert walk("ended", "running", "ended", "COMPLETED").transitions - at_its_eta().transitions <= 5


@each_row("before", [(), ("ended",)], ids=["poll", "finalize"])
def test_a_call_that_is_repeated_takes_one_more(before: tuple[str, ...]) -> None:
    after = ("ended", "COMPLETED")[len(before) :]
    assert walk(*before, FAILS, *after).transitions == at_its_eta().transitions + 1


def test_polls_that_all_fail_until_the_longest_deadline_stay_inside_an_executions_history() -> None:
    """The limit is 25,000 events. Each state has two events, an entry and an exit, and each call of a function has three."""
    cycles = 12 * 24 * 4  # one cycle every five minutes, for 96 hours
    failing = walk(*[FAILS] * 4 * cycles, "ended", "COMPLETED")
    assert failing.path.count("WaitAfterFailure") == cycles
    calls = failing.path.count("Poll") + failing.path.count("Finalize") + failing.retries
    assert len(failing.path) * 2 + calls * 3 < 25_000


@each_row(("announced", "most"), [(20, 7), (30, 7), (120, 10), (790, 10), (1500, 13)])
def test_an_honest_eta_costs_what_its_length_is_worth(announced: float, most: int) -> None:
    polls = follow(announced - 0.5, constant(announced)).polls
    assert at_its_eta(polls).transitions <= most


def test_a_synchronous_job_takes_what_any_other_takes() -> None:
    """The result of such a job is there before its execution begins, so Poll answers without a call to the provider."""
    assert walk("ended", "COMPLETED").path.count("Poll") == 1
    assert walk("ended", "COMPLETED").transitions <= MOST_AT_ITS_ETA


# --- with callbacks


@each_row("told", [TOLD, TOLD_BEFORE], ids=["while it waits", "before it waits"])
def test_a_job_that_is_told_of_takes_five_transitions_and_no_poll(told: str) -> None:
    """However long the job runs, and however wrong its eta is: the wait ends with the callback."""
    walked = walk(told, "COMPLETED", callbacks=True)
    assert walked.transitions <= MOST_WHEN_TOLD
    assert walked.path == ["WaitToBeTold", "Finalize", "Outcome", "Completed"]


def test_a_callback_that_never_comes_costs_one_time_out_and_nothing_else() -> None:
    lost = walk(NOT_TOLD, "ended", "COMPLETED", callbacks=True)
    assert lost.path == ["WaitToBeTold", *at_its_eta().path[1:]]
    assert lost.transitions == at_its_eta().transitions


@each_row("polls", range(1, 6))
def test_without_any_callback_a_job_takes_what_it_takes_when_callbacks_are_off(polls: int) -> None:
    by_clock = [answer for _ in range(polls - 1) for answer in (NOT_TOLD, "running")]
    walked = walk(*by_clock, NOT_TOLD, "ended", "COMPLETED", callbacks=True)
    assert walked.transitions == at_its_eta(polls).transitions


def test_a_callback_after_some_polls_ends_the_wait_too() -> None:
    walked = walk(NOT_TOLD, "running", TOLD, "COMPLETED", callbacks=True)
    assert walked.path[-4:] == ["WaitToBeTold", "Finalize", "Outcome", "Completed"]
    assert walked.path.count("Poll") == 1


def test_a_callback_that_is_wrong_costs_three_transitions() -> None:
    wrong = walk(TOLD, "running", TOLD, "COMPLETED", callbacks=True)
    assert wrong.path[:4] == ["WaitToBeTold", "Finalize", "Outcome", "WaitToBeTold"]
    assert wrong.transitions == walk(TOLD, "COMPLETED", callbacks=True).transitions + 3


def test_a_token_that_could_not_be_written_is_waited_for_by_the_clock() -> None:
    walked = walk("DynamoDb.ThrottlingException", "ended", "COMPLETED", callbacks=True)
    assert walked.path == ["WaitToBeTold", *at_its_eta().path]
