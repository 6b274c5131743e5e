"""Finds, every minute, the jobs that are due and that no worker has, and lets them be continued.

The sweep sends jobs to the intake queue or starts their executions, and never submits. It is bounded and idempotent, and costs a
few queries if nothing is due. A step that fails does not stop the others. Steps that call a provider come last, and run only if
there is time for an answer, so that a provider that hangs does not stop the other steps either.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple

from darkroom.errors import LostClaim, ProviderSilent
from darkroom.model import LISTED, UNPUBLISHED, Alarm, Circuit, Job, JobDue, JobStatus
from darkroom.pipeline.process_binding import Binding
from darkroom.pipeline.settlement import Settlement
from darkroom.ports import Alerts, Circuits, Clock, IntakeQueue, LedgerOwnership, Provider, StorageChecks, SweepQueries
from darkroom.retry_schedule import next_look_at

BATCH = 100  # the most jobs of one kind that one sweep handles, and the most that one query reads
# The most claimed jobs that one sweep sends. Ten concurrent submits handle a little less in a minute.
MAX_REQUEUED_CLAIMS = 300
PAGES = 5  # the most batches that are read to find claimed jobs whose provider is not blocked
REMOVE_RETRY = timedelta(hours=1)  # if the provider does not answer, an entry is removed after this time
REMOVE_BATCH = 100  # the entries that are read at once; a sweep removes as many as it has time for, by one call each
REQUEUE_INTERVAL = timedelta(minutes=15)  # after this time a job is sent again, in case its message was lost
PAUSED_RECHECK = timedelta(minutes=15)  # how often a job of a paused provider is looked at
WAIT_NOTED = PAUSED_RECHECK + timedelta(minutes=5)  # for so long, a circuit alarms after a waiting job was seen
TIME_TO_STOP = timedelta(seconds=20)  # no job is begun if less time of the invocation is left
# No provider is called if less time of the invocation is left, because it may take 10 s to connect and 30 s to answer.
TIME_TO_ASK = timedelta(seconds=45)

log = logging.getLogger(__name__)


class SweepFailed(RuntimeError):
    """Some steps failed, and all others were run. The next sweep tries the failed steps again."""


class Round(NamedTuple):
    """A task that the sweep runs seldom. `act` gets the last moment for a call, and returns how many items it handled."""

    every: timedelta
    act: Callable[[datetime], int]
    bucket: str = (
        ""  # a task of a bucket is due at the first sweep of each bucket, however late another one had its turn
    )


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Runs the steps of one sweep. Repeat safe, also if two sweeps run at the same time."""

    ownership: LedgerOwnership
    queries: SweepQueries
    circuits: Circuits
    storage_checks: StorageChecks
    intake: IntakeQueue
    binding: Binding
    settlement: Settlement
    providers: Mapping[str, Provider]
    rounds: Mapping[str, Round]  # by the name of the task
    alerts: Alerts
    clock: Clock

    def __call__(self, invocation_ends: datetime) -> Mapping[str, int]:
        """Run all steps. Return step → number of items that it handled, without steps that found nothing. Raises SweepFailed.

        If the ledger belongs to another stack, only the alarm is raised.
        """
        foreign = self.ownership.refusal()
        if foreign is not None:
            self.alerts.call(Alarm.LEDGER_NOT_OWNED, foreign)
            return {}
        stop, last_call = invocation_ends - TIME_TO_STOP, invocation_ends - TIME_TO_ASK
        waiting: set[str] = set()  # the providers that jobs were seen to wait for
        circuit = cache(self.circuits.get)  # each circuit is read once in a sweep
        steps: dict[str, Callable[[], int]] = {
            "Submits": lambda: self._for_each_due(JobStatus.SUBMITTING, self._requeue, stop),
            "Claims": lambda: self._requeue_claims(circuit, waiting, stop),
            "Runs": lambda: self._for_each_due(JobStatus.PROCESSING, self._restart_execution, stop),
            "Events": lambda: self._for_each_due(UNPUBLISHED, self.settlement.publish_event, stop),
            "InDoubt": self._alert_doubts,
            "CircuitsOpen": lambda: self._alert_circuits(circuit, waiting),
            **{task: self._task_step(task, last_call) for task in self.rounds},
            "Forgotten": lambda: self._remove_entries(last_call),
        }
        done: Counter[str] = Counter()
        failed: list[str] = []
        for name, step in steps.items():
            if self.clock() > stop:
                break  # the next sweep runs the remaining steps
            try:
                done[name] += step()
            except Exception:  # any error is reported at the end, after all other steps
                log.exception("a step of the sweep failed", extra={"step": name})
                failed.append(name)
        if failed:
            raise SweepFailed(f"failed: {', '.join(failed)}; the next run tries again")
        return {name: count for name, count in done.items() if count}

    def _for_each_due(self, word: str, act: Callable[[Job], object], stop: datetime) -> int:
        """Call `act` for each due job that the index lists under `word`, and return the number of jobs. If `act` fails for a
        job, the other jobs are handled before the error is raised."""
        done, error = 0, None
        for job in self.queries.due(word, self.clock(), BATCH):
            if self.clock() > stop:
                break  # the next sweep finds the others
            done += 1
            try:
                act(job)
            except LostClaim:
                continue  # another worker has the job
            except Exception as failed:  # any error is raised after the other jobs were handled
                log.exception("a due job could not be handled", extra={"job_id": job.job_id})
                error = failed
        if error:
            raise error
        return done

    def _requeue(self, job: Job) -> None:
        """Send the job to the intake queue, then set its next time in the ledger. If the worker dies in between, the job is sent
        twice, which does no harm. A job whose attempts fail is not sent again while this message may still be in the queue."""
        now, failing_since = self.clock(), job.failing_since
        self.intake.requeue(JobDue(job.job_id, after_failure=failing_since is not None), 0)
        until = next_look_at(failing_since, now, job.deadline_at) if failing_since else now + REQUEUE_INTERVAL
        self.queries.reschedule(job, until)

    def _requeue_claims(self, circuit: Callable[[str], Circuit | None], waiting: set[str], stop: datetime) -> int:
        """Send claimed jobs whose worker died or whose next attempt is due, and return their number. If a provider's circuit is
        open, its jobs continue to wait, and the provider is added to `waiting`."""
        requeued = 0
        circuits = {name: circuit(name) for name in self.providers}
        storage = _StorageTurn(self.storage_checks)
        for job in self._due_claims():
            if self.clock() > stop:
                break  # the next sweep sends the others
            until = self._blocked_until(job, circuits)
            if until is not None:
                waiting.add(job.require_provider())
            until = until or storage.blocked_until(job, self.clock())
            with suppress(LostClaim):
                if until is None:
                    self._requeue(job)
                    requeued += 1
                    if requeued == MAX_REQUEUED_CLAIMS:
                        break
                else:
                    self.queries.reschedule(job, until)
        return requeued

    def _due_claims(self) -> Iterator[Job]:
        seen: set[str] = set()
        for _ in range(PAGES):
            page = [job for job in self.queries.due(JobStatus.CLAIMED, self.clock(), BATCH) if job.job_id not in seen]
            yield from page
            seen |= {job.job_id for job in page}
            if not page:
                return

    def _blocked_until(self, job: Job, circuits: dict[str, Circuit | None]) -> datetime | None:
        """Return the time until which the job must wait for its provider's circuit; None if it may be sent now. A circuit that
        allows a probe lets one job through."""
        circuit, now = circuits.get(job.provider) if job.provider else None, self.clock()
        if circuit is None or job.deadline_at <= now:
            return None
        if circuit.retry_at is not None and circuit.retry_at <= now and not circuit.paused:
            circuits[circuit.provider] = Circuit(circuit.provider, False, now + REQUEUE_INTERVAL, circuit.opened_at)
            return None
        return min(
            now + PAUSED_RECHECK if circuit.paused else circuit.retry_at or now + REQUEUE_INTERVAL, job.deadline_at
        )

    def _restart_execution(self, job: Job) -> None:
        self.binding.start(job)
        self.queries.reschedule(job, self.clock() + REQUEUE_INTERVAL)

    def _remove_entries(self, last_call: datetime) -> int:
        """Remove the entries of jobs that were settled a day ago from the provider's list, as many as there is time for. Only
        processes that were bound to jobs of this ledger are removed. A provider that does not answer is not called again in this
        sweep, and the entries that were read then wait an hour."""
        forgotten, silent = 0, set[str | None]()
        for job in self._listed(silent):
            if self.clock() > last_call:
                break
            if job.provider not in silent and self._remove_entry(job):
                self.queries.mark_forgotten(job)
                forgotten += 1
                continue
            silent.add(job.provider)
            with suppress(LostClaim):
                self.queries.reschedule(job, self.clock() + REMOVE_RETRY)
        return forgotten

    def _listed(self, silent: Collection[str | None]) -> Iterator[Job]:
        """Yield the jobs whose entries are to be removed, page by page, until a provider was silent."""
        while page := self.queries.due(LISTED, self.clock(), REMOVE_BATCH):
            yield from page
            if silent or len(page) < REMOVE_BATCH:
                return

    def _remove_entry(self, job: Job) -> bool:
        """Remove the job's entry from the provider's list. Return False if the provider does not answer."""
        provider = self.providers.get(job.require_provider())
        try:
            if provider is not None:
                provider.forget(job.require_process().process_id)
        except ProviderSilent:
            return False
        return True

    def _alert_doubts(self) -> int:
        doubts = self.queries.due(JobStatus.IN_DOUBT, self.clock(), BATCH)
        if doubts:
            self.alerts.call(Alarm.IN_DOUBT, f"{len(doubts)} jobs are in doubt: resolve them with `darkroom resolve`")
        for job in doubts:
            self.settlement.publish_event(job)  # in case the worker died before it
        return len(doubts)

    def _alert_circuits(self, circuit: Callable[[str], Circuit | None], waiting: set[str]) -> int:
        """Raise the alarm of each open circuit for which jobs wait. The sweep sees each waiting job at least every quarter of an
        hour."""
        now = self.clock()
        for provider in waiting:
            self.circuits.note_waiting(provider, now)
        found = [one for name in self.providers if (one := circuit(name)) and not one.paused]
        found = [one for one in found if one.provider in waiting or now - (one.waiting_at or now) < WAIT_NOTED]
        for one in found:
            why = f"no jobs are sent to {one.provider}: {one.error}"
            self.alerts.call(Alarm.CIRCUIT_OPEN, why, provider=one.provider)
        return len(found)

    def _task_step(self, task: str, last_call: datetime) -> Callable[[], int]:
        """Return the step that runs a task if the task is due. If too little time is left, the next sweep runs it."""
        every, act, bucket = self.rounds[task]
        turn = f"{task}#{bucket}" if bucket else task
        return lambda: (
            act(last_call) if self.clock() <= last_call and self.queries.take_turn(turn, self.clock(), every) else 0
        )


@dataclass
class _StorageTurn:
    """Holds claimed jobs back while the output bucket takes no results. When it is time for another check, one job is sent, whose
    submit has it made."""

    checks: StorageChecks
    _is_read: bool = False
    _until: datetime | None = None  # None: jobs may be sent

    def blocked_until(self, job: Job, now: datetime) -> datetime | None:
        """Return the time until which the job must wait; None if it may be sent now. The row is read for the first job only."""
        if not self._is_read:
            self._is_read, known = True, self.checks.last()
            if known is not None and known.refusal:
                self._until = max(known.next_check_at, now)
        if self._until is None or job.deadline_at <= now:
            return None
        if self._until <= now:
            self._until = now + REQUEUE_INTERVAL
            return None
        return min(self._until, job.deadline_at)
