"""sweep: every minute, brings to an end what fell between: whatever the ledger says is due and nobody works on.

It hands jobs on to the queue or the state machine, and never calls a provider's submit. Bounded, idempotent, a handful of
queries when there is nothing. One step that fails does not keep the others from being taken, nor does a provider that hangs:
what asks one comes last, and not without the time for an answer.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from darkroom.errors import LostClaim, ProviderSilent
from darkroom.model import LISTED, UNPUBLISHED, Alarm, Circuit, Job, JobDue, JobStatus
from darkroom.pipeline.binding import Binding
from darkroom.pipeline.settlement import Settlement
from darkroom.ports import Alerts, Circuits, Clock, IntakeQueue, Provider, SweepQueries

BATCH = 100  # jobs of one kind dealt with in one run, and read at once
MOST_HANDED_ON = 300  # claimed jobs in one run: a little more than ten submits at once take, so that no queue builds up
PAGES = 5  # batches looked through in search of such as need not wait for their provider
FORGET_LATER = timedelta(hours=1)  # when the provider does not answer now
FORGET_BATCH = 20  # calls to a provider in one run, one an entry
HANDED_ON = timedelta(minutes=15)  # a message that was lost on its way is sent again after this
PAUSED_LOOK = timedelta(minutes=15)  # so soon goes on what waited when the pause is over
TIME_TO_STOP = timedelta(seconds=20)  # before the invocation's end
TIME_TO_ASK = timedelta(seconds=45)  # before it too: a provider may take 10 s to connect and 30 s to answer

log = logging.getLogger(__name__)


class SweepFailed(RuntimeError):
    """Some steps raised; all others were taken. The next run tries them again."""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """The use case with its dependencies. Repeat safe; two at once do no harm."""

    queries: SweepQueries
    circuits: Circuits
    intake: IntakeQueue
    binding: Binding
    settlement: Settlement
    providers: Mapping[str, Provider]
    rounds: Mapping[str, tuple[timedelta, Callable[[], int]]]  # task → how often, and what; answers how much it found
    alerts: Alerts
    clock: Clock

    def __call__(self, invocation_ends: datetime) -> Mapping[str, int]:
        """How much was done, by step; steps that found nothing are left out. Raises SweepFailed."""
        stop, last_call = invocation_ends - TIME_TO_STOP, invocation_ends - TIME_TO_ASK
        circuit = cache(self.circuits.get)  # each is read once a run
        steps: dict[str, Callable[[], int]] = {
            "Submits": lambda: self._each(JobStatus.SUBMITTING, self._hand_on, stop),
            "Claims": lambda: self._claims(circuit, stop),
            "Runs": lambda: self._each(JobStatus.PROCESSING, self._keep_running, stop),
            "Events": lambda: self._each(UNPUBLISHED, self.settlement.announce, stop),
            "InDoubt": self._call_for_doubts,
            "CircuitsOpen": lambda: self._call_for_circuits(circuit),
            **{task: self._round(task, last_call) for task in self.rounds},
            "Forgotten": lambda: self._forget(last_call),
        }
        done: Counter[str] = Counter()
        failed: list[str] = []
        for name, step in steps.items():
            if self.clock() > stop:
                break
            try:
                done[name] += step()
            except Exception:  # whatever it was: it is told at the end, once all others were taken
                log.exception("a step of the sweep failed", extra={"step": name})
                failed.append(name)
        if failed:
            raise SweepFailed(f"failed: {', '.join(failed)}; the next run tries again")
        return {name: count for name, count in done.items() if count}

    def _each(self, word: str, act: Callable[[Job], object], stop: datetime) -> int:
        """One job that cannot be dealt with does not keep the others waiting."""
        done, error = 0, None
        for job in self.queries.due(word, self.clock(), BATCH):
            if self.clock() > stop:
                break  # the others are due in the next run too
            done += 1
            try:
                act(job)
            except LostClaim:
                continue  # somebody works on it after all
            except Exception as failed:  # whatever it was: raised once the others were dealt with
                log.exception("a due job could not be dealt with", extra={"job_id": job.job_id})
                error = failed
        if error:
            raise error
        return done

    def _hand_on(self, job: Job) -> None:
        """Sent before it is noted: a death in between sends it twice, which is harmless."""
        self.intake.requeue(JobDue(job.job_id), 0)
        self.queries.wake(job, self.clock() + HANDED_ON)

    def _claims(self, circuit: Callable[[str], Circuit | None], stop: datetime) -> int:
        """Jobs whose worker died, or that waited for their next attempt. What waits for a closed provider goes on waiting."""
        handed_on = 0
        circuits = {name: circuit(name) for name in self.providers}
        for job in self._due_claims():
            if self.clock() > stop:
                break
            until = self._must_wait_until(job, circuits)
            with suppress(LostClaim):
                if until is None:
                    self._hand_on(job)
                    handed_on += 1
                    if handed_on == MOST_HANDED_ON:
                        break
                else:
                    self.queries.wake(job, until)
        return handed_on

    def _due_claims(self) -> Iterator[Job]:
        seen: set[str] = set()
        for _ in range(PAGES):
            page = [job for job in self.queries.due(JobStatus.CLAIMED, self.clock(), BATCH) if job.job_id not in seen]
            yield from page
            seen |= {job.job_id for job in page}
            if not page:
                return

    def _must_wait_until(self, job: Job, circuits: dict[str, Circuit | None]) -> datetime | None:
        """None for a job that may be tried. Of those behind an open circuit whose time has come, one: the probe."""
        circuit, now = circuits.get(job.provider) if job.provider else None, self.clock()
        if circuit is None or job.deadline_at <= now:
            return None
        if circuit.retry_at is not None and circuit.retry_at <= now and not circuit.paused:
            circuits[circuit.provider] = Circuit(circuit.provider, False, now + HANDED_ON, circuit.opened_at)
            return None
        return min(now + PAUSED_LOOK if circuit.paused else circuit.retry_at or now + HANDED_ON, job.deadline_at)

    def _keep_running(self, job: Job) -> None:
        self.binding.start(job)
        self.queries.wake(job, self.clock() + HANDED_ON)

    def _forget(self, last_call: datetime | None = None) -> int:
        """Entries of jobs that were settled a day ago leave the provider's list, one by one, only those bound here. One that
        gives no answer is left alone for the rest of the run, and its entries for an hour."""
        forgotten, silent = 0, set[str | None]()
        for job in self.queries.due(LISTED, self.clock(), FORGET_BATCH):
            if last_call is not None and self.clock() > last_call:
                break
            if job.provider not in silent and self._is_forgotten(job):
                self.queries.forgotten(job)
                forgotten += 1
                continue
            silent.add(job.provider)
            with suppress(LostClaim):
                self.queries.wake(job, self.clock() + FORGET_LATER)
        return forgotten

    def _is_forgotten(self, job: Job) -> bool:
        """False when the provider gives no answer."""
        provider = self.providers.get(job.require_provider())
        try:
            if provider is not None:
                provider.forget(job.require_process().process_id)
        except ProviderSilent:
            return False
        return True

    def _call_for_doubts(self) -> int:
        doubts = self.queries.due(JobStatus.IN_DOUBT, self.clock(), BATCH)
        if doubts:
            self.alerts.call(Alarm.IN_DOUBT, f"{len(doubts)} jobs are in doubt: `darkroom resolve` ends them")
        return len(doubts)

    def _call_for_circuits(self, circuit: Callable[[str], Circuit | None]) -> int:
        found = [one for name in self.providers if (one := circuit(name)) and not one.paused]
        for one in found:
            why = f"{one.provider} takes no submits: {one.error}"
            self.alerts.call(Alarm.CIRCUIT_OPEN, why, provider=one.provider)
        return len(found)

    def _round(self, task: str, last_call: datetime) -> Callable[[], int]:
        """Without the time for it, its turn is left to the next run."""
        every, act = self.rounds[task]
        return lambda: act() if self.clock() <= last_call and self.queries.turn(task, self.clock(), every) else 0
