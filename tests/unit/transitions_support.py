"""Models the state machine: which states an execution enters, and how many transitions AWS counts.

AWS charges a standard workflow for each state transition, that is for each entered state and each retry. The start is
counted too, so the estimate is slightly too high.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[2] / "statemachine" / "darkroom.asl.json"
START = 1
FAILS = "fails"  # stands for a call that fails, in place of the status that it returns
CARRIED = {"job_id", "run", "poll_at", "status"}


@dataclass
class Walk:
    """Holds one execution: the states that it entered, the number of repeated calls, and its data."""

    data: dict[str, Any]
    path: list[str] = field(default_factory=list)
    retries: int = 0

    @property
    def transitions(self) -> int:
        return START + len(self.path) + self.retries


@cache
def machine() -> dict[str, Any]:
    """Return the application's state machine."""
    found: dict[str, Any] = json.loads(FILE.read_text())
    return found


def walk(*answers: str, status: str = "running") -> Walk:
    """Follow the execution of a job. `answers` are the statuses that its functions return, in the order of their calls."""
    left = iter(answers)
    done = Walk({"job_id": "9f2c", "run": 1, "poll_at": "2026-01-01T00:00:00Z", "status": status})
    name: str | None = machine()["StartAt"]
    while name is not None:
        assert done.data.keys() == CARRIED, done.data
        done.path.append(name)
        name = _after(machine()["States"][name], done, left)
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
        case "Task":
            return _task(state, done, left)
        case "Succeed" | "Fail":
            return None
        case other:
            raise AssertionError(f"this model does not support states of type {other}")


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
