"""Models the state machine: which states an execution enters, and how many transitions AWS counts.

AWS charges a standard workflow for each state transition, that is for each entered state and each retry. The start is
counted too, so the estimate is slightly too high.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.state_machine import definition

START = 1
FAILS = "fails"  # stands for a call that fails, in place of the status that it returns
# Stand for the end of a wait on a task token, in place of a status: a callback came; it had come before; none came in time.
TOLD, TOLD_BEFORE, NOT_TOLD = "told", "DynamoDb.ConditionalCheckFailedException", "States.Timeout"
CARRIED = {"job_id", "run", "poll_at", "wait_seconds", "status"}


@dataclass
class Walk:
    """Holds one execution: the states that it entered, the number of repeated calls, and its data."""

    data: dict[str, Any]
    path: list[str] = field(default_factory=list)
    retries: int = 0

    @property
    def transitions(self) -> int:
        return START + len(self.path) + self.retries


def walk(*answers: str, status: str = "running", callbacks: bool = False) -> Walk:
    """Follow the execution of a job. `answers` are the statuses that its functions return, in the order of their calls. With
    `callbacks`, they also say how the waits on a task token end."""
    machine, left = definition(callbacks=callbacks), iter(answers)
    done = Walk({"job_id": "9f2c", "run": 1, "poll_at": "2026-01-01T00:00:00Z", "wait_seconds": 1, "status": status})
    name: str | None = machine["StartAt"]
    while name is not None:
        assert done.data.keys() == CARRIED, done.data
        done.path.append(name)
        name = _after(machine["States"][name], done, left)
    assert next(left, None) is None, "the execution ended before all answers were given"
    return done


def at_its_eta(polls: int = 1) -> Walk:
    """Follow the execution of a job that is over when it is polled for the last of `polls` times."""
    return walk(*["running"] * (polls - 1), "ended", "COMPLETED")


def _after(state: dict[str, Any], done: Walk, left: Iterator[str]) -> str | None:
    """Return the name of the next state, or None at the end."""
    match state["Type"]:
        case "Wait":
            return str(state["Next"])
        case "Choice":
            chosen = (rule for rule in state["Choices"] if done.data[rule["Variable"][2:]] == rule["StringEquals"])
            return str(next(chosen, {"Next": state["Default"]})["Next"])
        case "Task" if state["Resource"].endswith(".waitForTaskToken"):
            return _token_wait(state, next(left))
        case "Task":
            return _task(state, done, left)
        case "Succeed" | "Fail":
            return None
        case other:
            raise AssertionError(f"this model does not support states of type {other}")


def _token_wait(state: dict[str, Any], ended: str) -> str:
    if ended == TOLD:
        return str(state["Next"])
    return next(str(catch["Next"]) for catch in state["Catch"] if {ended, "States.ALL"} & {*catch["ErrorEquals"]})


def _task(state: dict[str, Any], done: Walk, left: Iterator[str]) -> str:
    retry, (catch,) = state["Retry"][-1], state["Catch"]  # the last one is for every error
    tries = 0
    while (answer := next(left)) == FAILS:
        if tries == retry["MaxAttempts"]:
            return str(catch["Next"])
        tries += 1
        done.retries += 1
    done.data["status"] = answer
    return str(state["Next"])
