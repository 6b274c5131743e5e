"""Step Functions in memory, with the methods of boto3's client that the adapter calls. It runs the application's own state
machine from its file.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from tests.fakes.memory_dynamodb import refusal
from tests.faults.scheduler import Scheduler
from tests.faults.workers import WorkerDied

FILE = Path(__file__).parents[2] / "statemachine" / "darkroom.asl.json"
ARN = "arn:aws:states:eu-central-1:123456789012:stateMachine:darkroom"
TASKS = {"${PollArn}": "poll", "${FinalizeArn}": "finalize"}
Run = Callable[["Execution", str, float], None]  # runs a named function with the execution's data after a delay


@cache
def definition() -> dict[str, Any]:
    """Return the definition of the application's state machine."""
    found: dict[str, Any] = json.loads(FILE.read_text())
    return found


@dataclass
class Execution:
    """Holds one execution of the state machine: its current state and its data."""

    name: str
    data: dict[str, Any]
    state: str
    status: str = "RUNNING"
    tries: int = 0
    tasks: int = 0
    refusals: list[float] = field(default_factory=list)  # when the output bucket refused its result, in seconds


@dataclass
class MemoryStepFunctions:
    """Stands in for Step Functions. `run` starts the function of a task, and `task_ended` must be called with its outcome."""

    scheduler: Scheduler
    run: Run
    rng: Random
    executions: dict[str, Execution] = field(default_factory=dict)

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> dict[str, Any]:
        """Start an execution. Each name can be used only once.

        Step Functions would also accept the same name and input again while the execution runs, but no test needs that.
        """
        if name in self.executions:
            raise refusal("ExecutionAlreadyExists", "StartExecution")
        execution = Execution(name, json.loads(input), definition()["StartAt"])
        self.executions[name] = execution
        self._enter(execution, execution.state, 0.0)
        return {}

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:
        """Return the status of an execution."""
        return {"status": self.executions[executionArn.rsplit(":", 1)[1]].status}

    def abort(self, execution: Execution) -> None:
        """Stop the execution as an operator would. A function that is running for it continues."""
        if execution.status == "RUNNING":
            execution.status = "ABORTED"

    def task_ended(self, execution: Execution, outcome: object) -> None:
        """Continue the execution after its function returned `outcome`, or failed or died with it."""
        if execution.status != "RUNNING":
            return
        state = definition()["States"][execution.state]
        if not isinstance(outcome, BaseException):
            execution.data = dict(outcome)  # type: ignore[call-overload]
            self._enter(execution, state["Next"], 0.0)
            return
        error = "Lambda.Unknown" if isinstance(outcome, WorkerDied) else type(outcome).__name__
        execution.refusals.extend([self.scheduler.seconds] if error == "ResultRefused" else [])
        (catch,) = state["Catch"]
        retry = next(it for it in state["Retry"] if {error, "States.TaskFailed"} & set(it["ErrorEquals"]))
        if execution.tries >= retry["MaxAttempts"]:
            self._enter(execution, catch["Next"], 0.0)
            return
        wait = retry["IntervalSeconds"] * retry["BackoffRate"] ** execution.tries
        execution.tries += 1
        self._task(execution, state, self.rng.random() * min(wait, retry.get("MaxDelaySeconds", wait)))

    def _enter(self, execution: Execution, name: str, delay: float) -> None:
        """Enter the state `name`, and go on until a state runs a function or ends the execution."""
        state = definition()["States"][name]
        execution.state, execution.tries = name, 0
        match state["Type"]:
            case "Wait":
                self._enter(execution, state["Next"], delay + self._wait(state, execution.data))
            case "Choice":
                self._enter(execution, _chosen(state, execution.data), delay)
            case "Task":
                self._task(execution, state, delay)
            case "Succeed" | "Fail":
                execution.status = "SUCCEEDED" if state["Type"] == "Succeed" else "FAILED"
            case other:
                raise AssertionError(f"the state {name} has the type {other}, which this class does not support")

    def _task(self, execution: Execution, state: dict[str, Any], delay: float) -> None:
        execution.tasks += 1
        self.run(execution, TASKS[state["Resource"]], delay)

    def _wait(self, state: dict[str, Any], data: dict[str, Any]) -> float:
        if "Seconds" in state:
            return float(state["Seconds"])
        until = datetime.fromisoformat(data[state["TimestampPath"].removeprefix("$.")])
        return max((until - self.scheduler.start).total_seconds() - self.scheduler.seconds, 0.0)


def _chosen(state: dict[str, Any], data: dict[str, Any]) -> str:
    for choice in state["Choices"]:
        if data[choice["Variable"].removeprefix("$.")] == choice["StringEquals"]:
            return str(choice["Next"])
    return str(state["Default"])
