"""operate: what a person decides. Doubts resolved, jobs cancelled or run again, providers paused.

Every method reads the job afresh, says what it may not do and which command may, and leaves the ledger so that the sweep
finishes what a command that was interrupted began.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from darkroom.errors import (
    DarkroomError,
    ErrorCode,
    Inapplicable,
    LostClaim,
    ProcessUnknown,
    ProviderSilent,
)
from darkroom.model import NOTHING, FoundProcess, Job, JobDue, JobStatus
from darkroom.pipeline.binding import Binding
from darkroom.pipeline.finalize import Finalize
from darkroom.pipeline.in_doubt import ask, standing
from darkroom.pipeline.settlement import Settlement
from darkroom.ports import Circuits, Clock, IntakeQueue, Interventions, Ledger, Provider

TRIES = 5  # a job that workers move at the same moment is read again
INVOCATION = timedelta(minutes=15)  # how long a command may take at most
JOB_ID_DIGITS = 32


@dataclass(frozen=True, kw_only=True)
class OperatorCommands:
    """The operator's use cases with their dependencies. Any command may raise LostClaim or LedgerBusy: try it again."""

    ledger: Ledger
    interventions: Interventions
    circuits: Circuits
    intake: IntakeQueue
    binding: Binding
    settlement: Settlement
    finalize: Finalize
    providers: Mapping[str, Provider]
    clock: Clock
    input_bucket: str
    deadline: timedelta

    def find(self, reference: str) -> Job:
        """A job by its id, or the newest of a key (`key`, `bucket/key` or `s3://bucket/key`). Raises Inapplicable."""
        if len(reference) == JOB_ID_DIGITS and (job := self.ledger.get(reference)):
            return job
        named = reference.removeprefix("s3://")
        for uri in dict.fromkeys((named, f"{self.input_bucket}/{named}")):
            if found := list(self.interventions.jobs(source_uri=uri)):
                return found[-1]
        raise Inapplicable(f"no job {reference!r}: give its id, or the key of its upload")

    def adopt(self, reference: str, process_id: str, *, force: bool = False, attempt: int | None = None) -> Job:
        """A doubt ends: the process is the job's. Raises Inapplicable, also for a process that is not known to be its own."""
        job = self._in_doubt(reference, attempt)
        provider = self.providers[job.require_provider()]
        try:
            provider.progress(process_id)
        except ProcessUnknown:
            raise Inapplicable(f"{job.provider} knows no process {process_id}") from None
        is_bound = job.process is not None and job.process.process_id == process_id
        if not is_bound and not force:
            listed = _listed(provider, job, "nobody can tell whether that process is this job's") or ()
            if process_id not in {found.process_id for found in listed}:
                raise Inapplicable(
                    f"{job.provider} does not list process {process_id} under this job's handle {job.handle.prefix}…; its "
                    "result would be published as this upload's. Look at it in the provider's account, then use --force"
                )
        now = self.clock()
        adopted = self.interventions.adopt(job, process_id, now, now + self.deadline)
        self.binding.start(adopted)
        return adopted

    def resubmit(self, reference: str, *, force: bool = False, attempt: int | None = None) -> Job:
        """A doubt ends: nothing was accepted, the job is sent again. Raises Inapplicable when a process is known, and, unless
        by `force`, when the provider's list cannot be read."""
        job = self._in_doubt(reference, attempt)
        if job.process:
            raise Inapplicable(
                f"process {job.process.process_id} is bound to this run, which may be paid once: use --adopt, or --abandon and "
                "then `darkroom rerun`"
            )
        provider = self.providers[job.require_provider()]
        listed = _listed(provider, job, "nobody can tell whether the job was accepted", force=force)
        meant = standing(job, listed or ())
        if meant:
            raise Inapplicable(f"{job.provider} lists process {meant[0].process_id} for this job: use --adopt with it")
        now = self.clock()
        return self._send(self.interventions.resubmit(job, now, now + self.deadline))

    def abandon(self, reference: str, credits: Decimal = NOTHING, *, attempt: int | None = None) -> Job:
        """A doubt ends without a result: `CANCELLED`, or `FAILED` with ResultLost when credits were charged for it."""
        job = self._in_doubt(reference, attempt)
        if job.process:
            with suppress(DarkroomError):  # it is abandoned either way
                self.providers[job.require_provider()].cancel(job.process.process_id)
        if credits:
            return self.settlement.fail(job, ErrorCode.RESULT_LOST, "abandoned by an operator; it was charged", credits)
        return self.settlement.cancel(job, "abandoned by an operator; not charged").job

    def cancel(self, reference: str) -> Job:
        """Ends a job that is not over. One at the provider is cancelled there; what it charges all the same is settled."""
        for _ in range(TRIES):
            job = self.find(reference)
            try:
                return self._cancel(job)
            except LostClaim:
                reference = job.job_id  # a worker moved it meanwhile
        raise Inapplicable("the job is being worked on: try again in a moment")

    def rerun(self, reference: str, *, completed: bool = False) -> Job:
        """The next run of a job that is over: checked, reserved and paid anew. Raises Inapplicable."""
        job = self.find(reference)
        if not job.is_terminal:
            raise Inapplicable(f"the job is {job.status}: only a job that is over can be run again")
        if job.status is JobStatus.COMPLETED and not completed:
            raise Inapplicable("the job has its result; to pay for another, use --completed")
        return self._rerun(job)

    def ended_with(self, error_code: str, first_day: date, last_day: date) -> Iterator[Job]:
        """Every job that ended with that code, by the days on which they were made: one query a day."""
        for number in range((last_day - first_day).days + 1):
            day = (first_day + timedelta(days=number)).isoformat()
            for job in self.interventions.jobs(day=day):
                if job.is_terminal and job.error_code == error_code:
                    yield job

    def pause(self, provider: str, why: str) -> None:
        """No submit to the provider until `resume`; what is there already goes on. Raises Inapplicable."""
        self.circuits.pause(self._known(provider), why, self.clock())

    def resume(self, provider: str) -> None:
        """Submits to the provider pass again. Raises Inapplicable."""
        self.circuits.resume(self._known(provider))

    def _known(self, provider: str) -> str:
        if provider not in self.providers:
            raise Inapplicable(f"no provider {provider!r}; there are: {', '.join(sorted(self.providers))}")
        return provider

    def _in_doubt(self, reference: str, attempt: int | None) -> Job:
        """The job in the doubt that the person looked at: of a later one, what they saw proves nothing."""
        job = self.find(reference)
        if attempt is not None and job.attempt != attempt:
            raise Inapplicable(f"the job is at attempt {job.attempt}, not {attempt}, and {job.status}: look again")
        if job.status is not JobStatus.IN_DOUBT:
            hint = "it can be run again with `darkroom rerun`" if job.is_terminal else "nothing is to be decided yet"
            raise Inapplicable(f"the job is {job.status}, not IN_DOUBT: {hint}")
        return job

    def _cancel(self, job: Job) -> Job:
        if job.is_terminal:
            raise Inapplicable(f"the job is over: {job.status}")
        if job.status is JobStatus.IN_DOUBT:
            raise Inapplicable("the job is IN_DOUBT: end it with `darkroom resolve JOB --abandon`")
        if job.status is JobStatus.CLAIMED:
            return self.settlement.cancel(job, "cancelled by an operator before it was sent").job
        asked = self.interventions.request_cancel(job, self.clock())
        if asked.status is JobStatus.PROCESSING:
            self.finalize(asked.job_id, asked.run, self._ends)
        return self.ledger.get(job.job_id) or asked

    def _rerun(self, job: Job) -> Job:
        self.settlement.announce(job)  # its event, should nobody have sent it yet: the next run forgets it
        now = self.clock()
        return self._send(self.interventions.rerun(job, now, now + self.deadline))

    def _send(self, job: Job) -> Job:
        self.intake.requeue(JobDue(job.job_id), 0)
        return job

    @property
    def _ends(self) -> datetime:
        return self.clock() + INVOCATION


def _listed(provider: Provider, job: Job, so: str, *, force: bool = False) -> tuple[FoundProcess, ...] | None:
    """What the provider's list shows of the run; by `force` None, as of one without a list, when it cannot be read. Raises
    Inapplicable."""
    try:
        return ask(provider, job)
    except ProviderSilent as unread:
        if force:
            return None
        why = f"{provider.name}'s list cannot be read ({unread}), so {so}"
        raise Inapplicable(f"{why}: look in the provider's account, then use --force, or try again later") from None
