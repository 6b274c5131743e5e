"""A scheduler that runs workers in an order that a seed fixes. One worker runs at a time, from one point to the next.

A point is a place in a worker's run, such as a call of a port. There another worker may go on, or this one may die.
Workers are plain functions. Each runs in a greenlet, which is a stack of its own in the thread of the scheduler. At a point
the worker's greenlet gives control back to the scheduler, which chooses the next worker by the seed. A schedule therefore
depends on its seed alone, and a switch costs about as much as a function call.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from greenlet import getcurrent, greenlet

from tests.faults.choices import Deaths, Immortal, Picker, Uniform
from tests.faults.timeline import Event, timeline
from tests.faults.workers import FOREVER, MAX_SKEW_SECONDS, Worker, WorkerDied

START = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)


class Scheduler:
    """Runs workers in the order that a seed fixes. Use it as a context manager, because it seeds the module `random` for the
    block and ends all workers after the block.

    `rng` is for the simulation. The choice of the next worker and the choice of deaths have their own generators, so that
    one choice does not change the others. `after_step` is called between two steps, when no worker runs, so a call through
    a proxy in it does not count as a point.
    """

    def __init__(
        self,
        seed: int,
        *,
        picker: Picker | None = None,
        deaths: Deaths | None = None,
        after_step: Callable[[], None] | None = None,
        start: datetime = START,
    ) -> None:
        self.seed, self.start, self.after_step = seed, start, after_step
        self.picker, self.deaths = picker or Uniform(), deaths or Immortal()
        self.rng = random.Random(f"{seed} world")
        self.fault_rng = random.Random(f"{seed} faults")
        self._pick_rng = random.Random(f"{seed} picks")
        self.trace: list[Event] = []
        self.ended: list[tuple[str, object]] = []  # a worker's name, and its result or its exception
        self.steps, self.seconds = 0, 0.0
        self._alive: list[Worker] = []
        self._ready: list[Worker] | None = None  # the workers that can run now, if nothing has changed that
        self._ready_names: list[str] = []
        self._names: set[str] = set()
        self._running: Worker | None = None
        self._wanted: str | None = None
        self._closing = False
        self._kept: list[object] = []
        self._global_state: Any = None

    def __enter__(self) -> Scheduler:
        self._global_state = random.getstate()
        random.seed(f"{self.seed} global")  # the adapters use `random` for their jitter
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
        random.setstate(self._global_state)

    @property
    def running(self) -> str | None:
        """Return the name of the worker that is running, or None if no worker is."""
        return self._running.name if self._running else None

    @property
    def alive(self) -> list[str]:
        """Return the names of the workers that have not ended."""
        return [worker.name for worker in self._alive]

    def spawn(
        self, name: str, work: Callable[[], Any], *, skew: float = 0.0, delay: float = 0.0, lifetime: float = FOREVER
    ) -> None:
        """Add a worker that calls `work` after `delay` seconds. Its clock is `skew` seconds ahead, and it is killed when it
        has lived for `lifetime` seconds.
        """
        if self.dying():
            raise WorkerDied(self.running)
        if abs(skew) > MAX_SKEW_SECONDS or name in self._names:
            raise ValueError(f"{name}: each worker must have its own name, and a skew of at most {MAX_SKEW_SECONDS} s")
        self._names.add(name)
        begins = self.seconds + delay
        self._alive.append(Worker(name, work, skew, begins, begins + lifetime))
        self._ready = None
        self.record("spawned", f"{name} at {begins:+.3f}s", by=self.running or "")

    def run(self, *, until: Callable[[], bool] | None = None, max_steps: int = 100_000) -> int:
        """Run workers until all have ended, `until` returns True between two steps, or `max_steps` steps were made.

        Return the number of steps. Raises what `after_step` or `until` raised.
        """
        before = self.steps
        while self.steps - before < max_steps and not (until is not None and until()):
            worker = self._next()
            if worker is None:
                break
            self._go(worker)
            if self.after_step is not None:
                self.after_step()
        return self.steps - before

    def step(self, name: str | None = None) -> bool:
        """Make one step of the worker `name`, or of any worker if no name is given. Return False if no such worker can run."""
        self._wanted = name
        try:
            return self.run(max_steps=1) == 1
        finally:
            self._wanted = None

    def point(self, label: str, when: str = "at") -> None:
        """Let other workers run, or let the running worker die here. Does nothing when no worker is running."""
        worker = self._running
        if worker is None:
            return
        self._check(worker)
        self.record(when, label)
        if self.deaths.strikes(worker.name, label, when, self.fault_rng):
            raise self._die(worker, "died", label)
        self._yield(worker)

    def sleep(self, seconds: float) -> None:
        """Let the running worker wait for so many seconds of the simulated clock. Can be injected instead of `time.sleep`."""
        worker = self._running
        if worker is None:
            return
        self._check(worker)
        worker.wakes_at = self.seconds + max(seconds, 0.0)
        self._ready = None
        self.record("sleeps", f"{seconds:.3f}s")
        self._yield(worker)

    def dying(self) -> bool:
        """Say whether the running worker is dead. Its code is then only unwinding, and its calls must have no effect."""
        return self._running is not None and self._running.dead

    def keep(self, part: object) -> None:
        """Keep an object that a port returned until the schedule ends, so that the death of a worker runs no finalizer."""
        self._kept.append(part)

    def kill(self, name: str) -> None:
        """Let a worker die at its current point. A worker that has not started will never start."""
        for worker in self._alive:
            if worker.name == name and not worker.dead:
                self._die(worker, "killed", "")

    def clock(self) -> datetime:
        """Return the time on the running worker's clock. When no worker is running, return the time without skew."""
        skew = self._running.skew if self._running else 0.0
        return self.start + timedelta(seconds=self.seconds + skew)

    def advance(self, seconds: float) -> None:
        """Move the clock of all workers forward."""
        if seconds < 0:
            raise ValueError(f"the clock cannot move back; {seconds} s must not be negative")
        self.seconds += seconds
        self._ready = None
        self.record("clock", f"+{seconds:.3f}s", by="")

    def note(self, text: str) -> None:
        """Add a line to the timeline."""
        self.record("note", text)

    def record(self, what: str, label: str, by: str | None = None) -> None:
        """Record an event of the worker `by`, or of the running worker if `by` is None."""
        worker = (self._running.name if self._running else "") if by is None else by
        self.trace.append(Event(self.steps, self.seconds, worker, what, label))

    def timeline(self, last: int = 60) -> str:
        """Return the last events as text, to be printed with a seed that failed."""
        return f"seed {self.seed}, the last {last} of {len(self.trace)} events\n{timeline(self.trace[-last:])}"

    def close(self) -> None:
        """End all workers that have not ended. The code of those that had started unwinds, without effects or records."""
        self._closing = True
        for worker in [*self._alive]:
            worker.dead = True
            if worker.greenlet is not None:
                self._go(worker)
        self._alive.clear()
        self._ready = None
        self._kept.clear()

    def _check(self, worker: Worker) -> None:
        if worker.greenlet is not getcurrent():
            raise AssertionError(f"only {worker.name} may call a port now, but another thread did")
        if worker.dead:
            raise WorkerDied(worker.name)

    def _die(self, worker: Worker, what: str, label: str) -> WorkerDied:
        worker.dead = True
        worker.wakes_at = self.seconds
        self._ready = None
        self.record(what, label, by=worker.name)
        return WorkerDied(f"{worker.name} at {label}")

    def _find_ready(self) -> list[Worker]:
        """Return the workers that can run. If there is none, move the clock to the time at which the next one can."""
        now = self.seconds
        if self._wanted is not None:
            return [worker for worker in self._alive if worker.name == self._wanted and worker.wakes_at <= now]
        if self._ready is None:
            ready = [worker for worker in self._alive if worker.wakes_at <= now or worker.dies_at <= now]
            if not ready and self._alive:
                self.advance(min(min(worker.wakes_at, worker.dies_at) for worker in self._alive) - now)
                return self._find_ready()
            self._ready, self._ready_names = ready, [worker.name for worker in ready]
        return self._ready

    def _next(self) -> Worker | None:
        """Choose the worker that makes the next step. Return None if no worker can run."""
        ready = self._find_ready()
        if not ready:
            return None
        chosen = ready[self.picker.pick(self._ready_names, self._pick_rng)] if len(ready) > 1 else ready[0]
        self.steps += 1
        if chosen.dies_at <= self.seconds and not chosen.dead:
            self._die(chosen, "killed", "its lifetime is over")
        return chosen

    def _go(self, worker: Worker) -> None:
        """Let the worker run until its next point or its end."""
        if worker.greenlet is None:
            worker.greenlet = greenlet(self._carry)
        self._running = worker
        try:
            worker.greenlet.switch(worker)
        finally:
            self._running = None

    def _yield(self, worker: Worker) -> None:
        """Give control back to the scheduler, until the worker's next step."""
        worker.greenlet.parent.switch()  # type: ignore[union-attr]
        if worker.dead:
            raise WorkerDied(worker.name)

    def _carry(self, worker: Worker) -> None:
        """Run a worker in its greenlet from its start to its end."""
        outcome: object = None
        try:
            if not worker.dead:
                outcome = worker.work()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            outcome = error.with_traceback(None) if isinstance(error, WorkerDied) else error
        if worker.dead and not isinstance(outcome, WorkerDied):
            outcome = WorkerDied(worker.name)  # the worker's code caught the error that kills it
        if not self._closing:
            said = f"{type(outcome).__name__}: {outcome}" if isinstance(outcome, BaseException) else ""
            self.record("ended", said)
            self.ended.append((worker.name, outcome))
            self._alive.remove(worker)
            self._ready = None
