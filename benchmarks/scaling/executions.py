"""Simulates Step Functions under load: it runs Darkroom's state machine, throttles starts and counts transitions."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from tests.fakes.memory_dynamodb import refusal
from tests.faults.memory_step_functions import Execution, MemoryStepFunctions

from benchmarks.scaling import limits
from benchmarks.scaling.dynamo import patiently
from benchmarks.scaling.functions import Functions, TooManyRequests
from benchmarks.scaling.limits import Bucket
from benchmarks.scaling.world import World

THROTTLED = "ThrottlingException"


class Executions(MemoryStepFunctions):
    """Runs executions. `transitions` counts the starts, the states that were entered, and the retries."""

    def __init__(self, world: World, functions: Functions, elsewhere: bool) -> None:
        super().__init__(world, self._invoke, world.rng)  # type: ignore[arg-type]
        self.world, self.functions = world, functions
        size, refill = (limits.START_BUCKET, limits.START_REFILL)
        if elsewhere:
            size, refill = (limits.START_BUCKET_ELSEWHERE, limits.START_REFILL_ELSEWHERE)
        self.starts = Bucket(size, refill)
        self.transitions = self.throttled_starts = self.running = 0
        self.by_second: Counter[int] = Counter()
        self.started_by_second: Counter[int] = Counter()
        self.stack: Any = None  # set after the application is made

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> dict[str, Any]:
        """Start an execution, or raise a throttling error if the account starts too many (token bucket)."""

        def once() -> dict[str, Any]:
            self.world.sleep(self.world.spread(limits.STARTING))
            if not self.starts.takes(self.world.seconds):
                self.throttled_starts += 1
                raise refusal(THROTTLED, "StartExecution")
            answer = super(Executions, self).start_execution(stateMachineArn=stateMachineArn, name=name, input=input)
            self.running += 1
            self.started_by_second[int(self.world.seconds)] += 1
            self._count()
            return answer

        answer: dict[str, Any] = patiently(self.world, once, lambda error: THROTTLED in str(error))
        return answer

    def _count(self) -> None:
        self.transitions += 1
        self.by_second[int(self.world.seconds)] += 1

    def _enter(self, execution: Execution, name: str, delay: float) -> None:
        self._count()
        super()._enter(execution, name, delay)
        self.running -= execution.status != "RUNNING" and execution.state == name

    def _invoke(self, execution: Execution, function: str, delay: float) -> None:
        self.world.at(delay, lambda: self._call(execution, function))

    def _call(self, execution: Execution, function: str) -> None:
        def work(ends: datetime) -> dict[str, object]:
            answer: dict[str, object] = getattr(self.stack, function)(execution.data, ends)
            return answer

        def then(outcome: object) -> None:
            self.task_ended(execution, outcome)

        if not self.functions.invoke(function, work, then):
            then(TooManyRequests(function))

    def task_ended(self, execution: Execution, outcome: object) -> None:
        """End a task with its outcome. If the task is tried again, this counts as a transition too."""
        tries = execution.tries
        super().task_ended(execution, outcome)
        self.transitions += execution.tries == tries + 1
