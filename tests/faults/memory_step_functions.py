"""Step Functions in memory, with the methods of boto3's client that the adapters call. It runs the application's own state
machine from its file.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from botocore.exceptions import ClientError

from tests.fakes import state_machine
from tests.fakes.aws_account import TABLE
from tests.fakes.memory_dynamodb import InMemoryDynamo, refusal
from tests.faults.scheduler import Scheduler
from tests.faults.workers import WorkerDied

ARN = "arn:aws:states:eu-central-1:123456789012:stateMachine:darkroom"
TASKS = {"${PollArn}": "poll", "${FinalizeArn}": "finalize"}
TOKEN_WAIT = ".waitForTaskToken"
Run = Callable[["Execution", str, float], None]  # runs a named function with the execution's data after a delay
Later = Callable[[float, str, Callable[[], Any]], None]  # does something after a delay, in one step


@dataclass
class Execution:
    """Holds one execution of the state machine: its current state and its data."""

    name: str
    data: dict[str, Any]
    state: str
    status: str = "RUNNING"
    tries: int = 0
    tasks: int = 0
    waits: int = 0  # waits on a task token so far
    task_token: str | None = None  # of the wait that is going on
    refusals: list[float] = field(default_factory=list)  # when the output bucket refused its result, in seconds


@dataclass
class MemoryStepFunctions:
    """Stands in for Step Functions. `run` starts the function of a task, and `task_ended` must be called with its outcome.

    With `callbacks`, executions wait on task tokens. `later` then does the writes and the time-outs. `on_token` is called after a
    token was written, `on_refused` when the row took none, and `on_time_out` when a wait for a token ended without it. A write
    fails with probability `unwritten`.
    """

    scheduler: Scheduler
    run: Run
    rng: Random
    executions: dict[str, Execution] = field(default_factory=dict)
    callbacks: bool = False
    dynamo: InMemoryDynamo | None = None
    later: Later | None = None
    on_token: Callable[[Execution], None] = lambda execution: None
    on_refused: Callable[[Execution], None] = lambda execution: None
    on_time_out: Callable[[Execution], None] = lambda execution: None
    unwritten: float = 0.0

    @property
    def definition(self) -> dict[str, Any]:
        """Return the definition of the application's state machine."""
        return state_machine.definition(callbacks=self.callbacks)

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> dict[str, Any]:
        """Start an execution. Each name can be used only once.

        Step Functions would also accept the same name and input again while the execution runs, but no test needs that.
        """
        if name in self.executions:
            raise refusal("ExecutionAlreadyExists", "StartExecution")
        execution = Execution(name, json.loads(input), self.definition["StartAt"])
        self.executions[name] = execution
        self._enter(execution, execution.state, 0.0)
        return {}

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:
        """Return the status of an execution."""
        return {"status": self.executions[executionArn.rsplit(":", 1)[1]].status}

    def send_task_success(self, *, taskToken: str, output: str) -> dict[str, Any]:
        """End the wait with that token. As on AWS, the token of a wait that is over is refused."""
        execution = self.executions[taskToken.rpartition(" ")[0]]
        if execution.status != "RUNNING" or execution.task_token != taskToken:
            raise refusal("TaskTimedOut", "SendTaskSuccess")
        execution.task_token = None
        self._enter(execution, self.definition["States"][execution.state]["Next"], 0.0)
        return {}

    def abort(self, execution: Execution) -> None:
        """Stop the execution as an operator would. A function that is running for it continues."""
        if execution.status == "RUNNING":
            execution.status = "ABORTED"

    def task_ended(self, execution: Execution, outcome: object) -> None:
        """Continue the execution after its function returned `outcome`, or failed or died with it."""
        if execution.status != "RUNNING":
            return
        state = self.definition["States"][execution.state]
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
        state = self.definition["States"][name]
        execution.state, execution.tries = name, 0
        match state["Type"]:
            case "Wait":
                self._enter(execution, state["Next"], delay + self._wait(state, execution.data))
            case "Choice":
                self._enter(execution, _chosen(state, execution.data), delay)
            case "Task" if state["Resource"].endswith(TOKEN_WAIT):
                self._later(delay, "writes a task token", lambda: self._wait_for_token(execution))
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

    def _later(self, delay: float, what: str, act: Callable[[], Any]) -> None:
        assert self.later is not None
        self.later(delay, what, act)

    def _wait_for_token(self, execution: Execution) -> None:
        """Write the token into the job's row and begin the wait, or go on as the state catches the error of the write."""
        if execution.status != "RUNNING":
            return
        execution.waits += 1
        token = f"{execution.name} {execution.waits}"
        fails = self.rng.random() < self.unwritten
        error = "DynamoDb.ThrottlingException" if fails else None
        if not fails or self.rng.random() < 0.5:  # a write that fails may have been made
            error = self._write_token(execution, token) or error
        if error is not None:
            self._caught(execution, error)
            return
        execution.task_token = token
        self.on_token(execution)
        seconds = float(execution.data[self._state(execution)["TimeoutSecondsPath"].removeprefix("$.")])
        self._later(seconds, "times a wait out", lambda: self._time_out(execution, token))

    def _write_token(self, execution: Execution, token: str) -> str | None:
        """Write the token. Return the name of the error if that failed."""
        assert self.dynamo is not None
        try:
            self.dynamo.update_item(**state_machine.token_write(execution.data, token, TABLE))
        except ClientError as error:
            self.on_refused(execution)
            return f"DynamoDb.{error.response['Error']['Code']}"
        return None

    def _time_out(self, execution: Execution, token: str) -> None:
        if execution.status != "RUNNING" or execution.task_token != token:
            return
        execution.task_token = None
        self.on_time_out(execution)
        self._caught(execution, "States.Timeout")

    def _caught(self, execution: Execution, error: str) -> None:
        catches = self._state(execution)["Catch"]
        self._enter(execution, next(c["Next"] for c in catches if {error, "States.ALL"} & {*c["ErrorEquals"]}), 0.0)

    def _state(self, execution: Execution) -> dict[str, Any]:
        found: dict[str, Any] = self.definition["States"][execution.state]
        return found


def _chosen(state: dict[str, Any], data: dict[str, Any]) -> str:
    for choice in state["Choices"]:
        if data[choice["Variable"].removeprefix("$.")] == choice["StringEquals"]:
            return str(choice["Next"])
    return str(state["Default"])
