"""Tests, in a thousand schedules with all kinds of faults, that no upload is paid twice or lost and no limit is passed.

If a schedule breaks an invariant, the test prints its seed, its shape, the invariant, the last events, and the command that
replays the schedule.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.fakes.state_machine import definition
from tests.faults.memory_step_functions import TASKS, TOKEN_WAIT
from tests.faults.replay import Played, play
from tests.faults.world_shapes import FAMILIES, shape_of

SCHEDULES, CHUNK = 1000, 50
HAPPENED: Counter[str] = Counter()

# The least number of times that each interesting event must happen in a thousand schedules, so that the schedules test
# something. In fact, each happens about three times as often.
NEEDED = {
    "accepted": 800, "bound by its own worker": 600, "PROCESSING → COMPLETED": 600, "PROCESSING → FAILED": 100,
    "adopted": 100, "sent again after a lookup": 100, "SUBMITTING → IN_DOUBT": 80, "PROCESSING → IN_DOUBT": 4,
    "adopted by a person": 30, "resubmitted by a person": 30, "abandoned by a person": 20, "accepted after death": 15,
    "orphan": 3, "circuit opened": 80, "circuit probed": 80, "circuit closed": 80, "paused": 80,
    "REJECTED BudgetExceeded": 100, "limit raised": 60, "month turned": 30, "superseded": 30, "result replaced": 50,
    "REJECTED OutputCollision": 8, "CANCELLED SourceGone": 50, "REJECTED ProviderRejected": 15, "FAILED TimedOut": 30,
    "FAILED ResultLost": 2, "CLAIMED → SKIPPED": 15, "REJECTED InvalidSetting": 20, "FAILED OutOfCredits": 5,
    "lost event found by the sweep": 100, "vanished before it became a job": 30, "execution aborted": 20,
    "execution restarted": 20, "multipart upload aborted": 3, "poison in the dead-letter queue": 30,
    "rerun paid again": 50, "cancelled from CLAIMED": 60, "cancelled from PROCESSING": 30, "cancelled from IN_DOUBT": 15,
    "cancel asked in CLAIMED": 60, "cancel asked in SUBMITTING": 20, "cancel asked in PROCESSING": 30,
    "cancel asked in IN_DOUBT": 3, "COMPLETED → CLAIMED": 30, "FAILED → CLAIMED": 10, "REJECTED → CLAIMED": 15,
    "CANCELLED → CLAIMED": 50,
}  # fmt: skip
# The least number of times that lost answers must end in each way, by the kind of vendor. The list of a vendor of the kind
# `lists` shows every submit, `blind` shows none, and `rotates` shows only those that the current API key sent.
BY_VENDOR = {
    "lists: schedules": 300, "lists: adopted": 80, "lists: sent again after a lookup": 100, "lists: orphan": 3,
    "blind: schedules": 200, "blind: SUBMITTING → IN_DOUBT": 100, "blind: adopted by a person": 100,
    "blind: resubmitted by a person": 90, "rotates: schedules": 150, "rotates: adopted": 30,
    "rotates: sent again after a lookup": 30, "rotates: SUBMITTING → IN_DOUBT": 25, "rotates: adopted by a person": 10,
}  # fmt: skip
# Events that must never happen here. A blind vendor has no list that could cause the first two, and only synchronous calls
# stage a result.
NEVER = ("blind: sent again after a lookup", "blind: orphan", "staged")
# The least number of times that workers must die before or after each effect of submit and finalize.
DEADLY = {
    "after dynamo.put_item": 3, "before dynamo.transact_write_items": 20, "after dynamo.transact_write_items": 10,
    "before provider.submit": 15, "at provider.request": 15, "after provider.submit": 8, "before dynamo.update_item": 30,
    "after dynamo.update_item": 20, "before sfn.start_execution": 8, "after sfn.start_execution": 5,
    "after sqs.send_message": 8, "before outputs.write": 2, "after outputs.write": 1, "before bus.put_events": 10,
    "after bus.put_events": 8,
}  # fmt: skip


def _of(played: Played) -> None:
    if played.law is not None:
        pytest.fail(played.report, pytrace=False)


@pytest.mark.parametrize("first", range(0, SCHEDULES, CHUNK))
def test_schedules(first: int, request: pytest.FixtureRequest) -> None:
    seed = request.config.getoption("--seed", None)
    if seed is None:
        for number in range(first, first + CHUNK):
            played = play(number)
            _of(played)
            HAPPENED.update(played.tally)
    elif first == 0:
        larger = request.config.getoption("--larger")
        _of(play(seed, request.config.getoption("--family"), larger=larger, last=100_000))


def test_the_schedules_were_interesting() -> None:
    if HAPPENED["schedules"] < SCHEDULES:
        pytest.skip("this test counts events over all schedules, and only some of them ran")
    needed = NEEDED | BY_VENDOR | {f"died {point}": times for point, times in DEADLY.items()}
    rare = {what: (HAPPENED[what], times) for what, times in needed.items() if HAPPENED[what] < times}
    assert not rare, f"these events happened too rarely (how often, how often needed): {rare}"
    assert not any(HAPPENED[what] for what in NEVER), {what: HAPPENED[what] for what in NEVER}


def test_one_seed_is_one_schedule() -> None:
    first, second = play(3), play(3)
    assert (first.steps, first.seen) == (second.steps, second.seen)


def test_every_family_and_every_vendor_is_among_them() -> None:
    shapes = [shape_of(seed) for seed in range(100)]
    assert {shape.family for shape in shapes} == set(FAMILIES)
    assert {shape.vendor for shape in shapes} == {"lists", "blind", "rotates"}
    assert {shape.versioned for shape in shapes} == {True, False}


def test_the_state_machine_that_is_run_is_the_applications() -> None:
    kinds = {name: state["Type"] for name, state in definition()["States"].items()}
    assert set(kinds.values()) <= {"Wait", "Task", "Choice", "Succeed", "Fail"}
    tasks = [state for state in definition()["States"].values() if state["Type"] == "Task"]
    functions = [state for state in tasks if not state["Resource"].endswith(TOKEN_WAIT)]
    assert {state["Resource"] for state in functions} == set(TASKS)
    assert all(state["Retry"] and len(state["Catch"]) == 1 for state in functions)
    assert len(tasks) - len(functions) == 1
