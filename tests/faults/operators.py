"""Operators as workers of the simulation. They pause, cancel, rerun, raise limits, stop executions, and decide jobs in doubt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

from darkroom.errors import Inapplicable
from darkroom.model import Handle, Job, ProcessState
from darkroom.pipeline.operator_commands import OperatorCommands
from tests.fakes.dynamodb_values import Row
from tests.faults.rows import OVER, number, text
from tests.faults.simulated_stack import PROVIDER

if TYPE_CHECKING:
    from tests.faults.simulation import Simulation


class RecheckingLedger:
    """Wraps the ledger for an operator who has looked at a job in doubt. Refuses if the job has changed since then.

    `wait_before_write` is called between a command's read and its write. It stands for a call that hangs or a laptop that
    sleeps.
    """

    def __init__(self, ledger: Any, seen: tuple[Decimal, Decimal], wait_before_write: Callable[[], None]) -> None:
        self._ledger, self._seen, self._thinks = ledger, seen, wait_before_write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def get(self, job_id: str) -> Job | None:
        """Return the job. Raises Inapplicable if its run or attempt is not the one that the operator has seen."""
        job: Job | None = self._ledger.get(job_id)
        if job and (job.run, job.attempt) != self._seen:
            raise Inapplicable("the job has changed since the operator looked at it")
        self._thinks()
        return job


@dataclass
class Operators:
    """Gives the operators' commands. Most are chosen at random. For jobs in doubt, operators know what the vendor really did."""

    simulation: Simulation
    abandoned: set[tuple[str, int]] = field(default_factory=set)
    rng: Random = field(init=False)

    def __post_init__(self) -> None:
        self.rng = Random(f"{self.simulation.shape.seed} people")

    def act(self, ends: datetime) -> object:
        """Give one random command."""
        doubtful = self._known_doubts() and self.rng.random() < 0.7
        acts = [
            self._cancel,
            self._cancel,
            self._rerun,
            self._rerun,
            self._pause,
            self.resume,
            self._raise,
            self._abort,
        ]
        chosen: Callable[[datetime], object] = self._resolve if doubtful else self.rng.choice(acts)
        return chosen(ends)

    def resume(self, ends: datetime) -> None:
        """Let submits pass again, if they were paused."""
        if (f"CIRCUIT#{PROVIDER}", "CIRCUIT") in self.simulation.invariants.rows:
            self.simulation.stack.operate().resume(PROVIDER)

    def called(self) -> None:
        """React to an alarm. Each operator may start to decide a job in doubt within about ten minutes."""
        operators = self.simulation.shape.operators
        for _ in range(operators if operators < 2 else 3):
            if not self.simulation.calm and self.rng.random() < 0.85:
                when = 10.0 + self.rng.random() ** 2 * 600.0
                self.simulation.spawn("operator", self._resolve, when)

    def end_doubts(self) -> bool:
        """Let an operator decide every job that is still in doubt. Return False if there is none."""
        doubts = list(self.simulation.invariants.doubted)
        for job_id in doubts:
            self.simulation.spawn("operator", lambda ends, job_id=job_id: self._decide(job_id), 600.0)  # type: ignore[misc]
        return bool(doubts)

    def _pause(self, ends: datetime) -> None:
        if not self.simulation.calm:
            self.simulation.stack.operate().pause(PROVIDER, "by hand")

    def _cancel(self, ends: datetime) -> object:
        job_id = self._one(lambda row: text(row, "status") not in OVER)
        if job_id is None:
            return None
        self.simulation.seen[f"cancel asked in {text(self.simulation.invariants.job(job_id), 'status')}"] += 1
        return self.simulation.stack.operate().cancel(job_id).status

    def _rerun(self, ends: datetime) -> object:
        job_id = self._one(lambda row: text(row, "status") in OVER)
        return self.simulation.stack.operate().rerun(job_id, completed=self.rng.random() < 0.6).run if job_id else None

    def _raise(self, ends: datetime) -> None:
        if self.simulation.shape.monthly_credits:
            self.simulation.seen["limit raised"] += 1
            self.simulation.allow(self.simulation.shape.monthly_credits + self.rng.randint(1, 5))

    def _abort(self, ends: datetime) -> None:
        running = [one for one in self.simulation.step_functions.executions.values() if one.status == "RUNNING"]
        if running:
            self.simulation.seen["execution aborted"] += 1
            self.simulation.step_functions.abort(self.rng.choice(running))

    def _resolve(self, ends: datetime) -> object:
        doubts = self._known_doubts()
        return self._decide(self.rng.choice(doubts)) if doubts else None

    def _known_doubts(self) -> list[str]:
        """Return the ids of the jobs in doubt for which an alarm was raised."""
        simulation = self.simulation
        return sorted(
            job_id for job_id, began in simulation.invariants.doubted.items() if simulation.alerts.alarmed_since(began)
        )

    def _decide(self, job_id: str) -> object:
        """Adopt, resubmit or abandon the job in doubt, as its row and the vendor's true state suggest."""
        row = self.simulation.invariants.job(job_id)
        if row is None or text(row, "status") != "IN_DOUBT":
            return None
        operate = self._commands(row)
        run, bound, vendor = int(number(row, "run")), text(row, "process_id"), self.simulation.vendor
        made = [p for p in vendor.of_run(Handle(job_id, run, 0)) if bound in (None, p.process_id)]
        known = [p for p in made if vendor.state(p) not in (None, ProcessState.RUNNING) or not bound]
        if made and known and vendor.state(made[0]) is not None:
            self.simulation.seen["adopted by a person"] += 1
            return operate.adopt(job_id, made[0].process_id, force=True).status
        if not made and not bound and self.rng.random() < 0.85:
            self.simulation.seen["resubmitted by a person"] += 1
            try:
                return operate.resubmit(job_id).status
            except Inapplicable:  # this person knows the vendor's true state, also where its list is no proof
                return operate.resubmit(job_id, force=True).status
        self.simulation.seen["abandoned by a person"] += 1
        self.abandoned.add((job_id, run))
        charged = sum((vendor.charged(p) for p in made), Decimal(0))
        return operate.abandon(job_id, charged).status

    def _commands(self, row: Row) -> OperatorCommands:
        operate = self.simulation.stack.operate()
        seen = (number(row, "run"), number(row, "attempt"))
        return OperatorCommands(
            **{**vars(operate), "ledger": RecheckingLedger(operate.ledger, seen, self._wait_before_write)}
        )

    def _wait_before_write(self) -> None:
        if not self.simulation.calm and self.rng.random() < 0.5:
            self.simulation.scheduler.sleep(self.rng.random() * 600.0)

    def _one(self, fits: Callable[[Row], bool]) -> str | None:
        rows = self.simulation.invariants.rows
        found = [text(row, "job_id") or "" for key, row in rows.items() if key[1] == "JOB" and fits(row)]
        staged = [job_id for job_id in found if job_id in self.simulation.staging.kept]
        if staged and self.rng.random() < 0.7:
            found = staged  # in these jobs, the next run could mistake the staged result of the last run for its own
        return self.rng.choice(found) if found else None
