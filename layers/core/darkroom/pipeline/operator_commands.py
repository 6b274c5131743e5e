"""The operator's commands: they resolve jobs in doubt, cancel and rerun jobs, and pause and resume providers.

Every command reads the job again. If the command does not fit the job, its error names the command that does. If a command is
interrupted, the sweep finishes the work that the command began.
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
    ProcessTaken,
    ProcessUnknown,
    ProviderSilent,
)
from darkroom.model import FoundProcess, Job, JobDue, JobStatus
from darkroom.pipeline import circuit_breaker, job_lookup
from darkroom.pipeline.finalize import Finalize
from darkroom.pipeline.in_doubt_lookup import chargeable_processes, find_processes, why_no_proof
from darkroom.pipeline.process_binding import Binding, claims_process
from darkroom.pipeline.settlement import Settlement
from darkroom.pipeline.submit_retries import MESSAGE_LATE
from darkroom.ports import (
    Circuits,
    Clock,
    IntakeQueue,
    JobQueries,
    Ledger,
    OperatorLedger,
    Provider,
    StagedResults,
)
from darkroom.queue_messages import MAX_DELAY_SECONDS
from darkroom.setting_words import did_you_mean
from darkroom.spelling import closest

ATTEMPTS = 5  # how often a job is read again if a worker changes it at the same time
INVOCATION = timedelta(minutes=15)  # the longest time that a command may take
HANDED_ON_A_SECOND = 5  # the pace of the sweep, MAX_REQUEUED_CLAIMS a minute
MOST_HANDED_ON = HANDED_ON_A_SECOND * MAX_DELAY_SECONDS  # SQS delays no message longer


@dataclass(frozen=True, kw_only=True)
class OperatorCommands:
    """Carries out the operator's commands. Any command may raise LostClaim or LedgerBusy. Then it may be repeated."""

    ledger: Ledger
    operator_ledger: OperatorLedger
    job_queries: JobQueries
    circuits: Circuits
    intake: IntakeQueue
    staging: StagedResults
    binding: Binding
    settlement: Settlement
    finalize: Finalize
    providers: Mapping[str, Provider]
    clock: Clock
    input_bucket: str
    deadline: timedelta

    def find(self, reference: str) -> Job:
        """Return the job that `reference` names, as `job_lookup.find` reads it. Raises NoSuchJob."""
        return job_lookup.find(reference, self.ledger, self.job_queries, self.input_bucket, self.clock())

    def staged_process(self, job: Job) -> str | None:
        """Return the process id of the paid result of the job's run that is staged; None if none is, or none ever was because
        the call was not synchronous. Raises an error of AWS if the operator may not look."""
        is_synchronous = job.dispatch is not None and job.dispatch.send_mode.is_synchronous
        return self.staging.find(job.handle) if is_synchronous else None

    def adopt(self, reference: str, process_id: str, *, force: bool = False, attempt: int | None = None) -> Job:
        """Resolve a job in doubt by binding it to the process `process_id`. If its result is staged, that result is delivered,
        and the provider is not asked. Raises Inapplicable if the command does not fit. Without `force`, also raises
        Inapplicable for a process that the provider does not list under the job's handle."""
        job = self._in_doubt(reference, attempt)
        provider = self.providers[job.require_provider()]
        is_staged = self.staged_process(job) == process_id
        if not is_staged:
            _require_process(provider, job, process_id, force)
        now, claims = self.clock(), claims_process(provider, job)
        try:
            adopted = self.operator_ledger.adopt(
                job, process_id, now, now + self.deadline, staged=is_staged, claims_process=claims
            )
        except ProcessTaken as taken:
            raise Inapplicable(f"{taken}, whose result it is: use --resubmit or --abandon") from None
        if adopted.status is JobStatus.PROCESSING:  # otherwise others have ended the job since then, or run it again
            self.binding.start(adopted)
        return adopted

    def resubmit(self, reference: str, *, force: bool = False, attempt: int | None = None) -> Job:
        """Resolve a job in doubt whose submit was not accepted: send the job again. Raises Inapplicable if a process is known,
        or a result is staged. Without `force`, also raises Inapplicable if the provider's list cannot be read, or is no proof:
        `why_no_proof` says when."""
        job = self._in_doubt(reference, attempt)
        if job.process:
            raise Inapplicable(
                f"process {job.process.process_id} is bound to this run, and a run may be paid only once: use --adopt, or use "
                "--abandon and then `darkroom rerun`"
            )
        staged = self.staged_process(job)
        if staged is not None:
            raise Inapplicable(
                f"the paid result of process {staged} is staged and only waits for its delivery: use --adopt with it"
            )
        provider, now = self.providers[job.require_provider()], self.clock()
        so = "it is not known whether the job was accepted"
        listed = _find_or_explain(provider, job, so, force=force)
        chargeable = chargeable_processes(job, listed or ())
        if chargeable:
            raise Inapplicable(
                f"{job.provider} lists process {chargeable[0].process_id} for this job: use --adopt with it"
            )
        if not force and listed is not None and (doubt := why_no_proof(provider, job, now)):
            raise Inapplicable(f"{doubt}, so {so}: check the provider's account and then use --force")
        return self._send(self.operator_ledger.resubmit(job, now, now + self.deadline))

    def abandon(self, reference: str, credits: Decimal | None = None, *, attempt: int | None = None) -> Job:
        """Resolve a job in doubt without a result: end it as `CANCELLED`, or as `FAILED` with ResultLost if credits were charged.
        Without `credits`, what the provider said that it charged counts, or 0 if it said nothing."""
        job = self._in_doubt(reference, attempt)
        if credits is None:
            credits = job.process.credits_charged if job.process else None
        if job.process:
            with suppress(DarkroomError):  # the job is abandoned even if this fails
                self.providers[job.require_provider()].cancel(job.process.process_id)
        if credits:
            return self.settlement.fail(job, ErrorCode.RESULT_LOST, "abandoned by an operator; it was charged", credits)
        return self.settlement.cancel(job, "abandoned by an operator; not charged").job

    def cancel(self, reference: str) -> Job:
        """Cancel a job that is not over, also at the provider. If the provider still charges the job, the charge is settled.
        Raises Inapplicable for a job that the provider has accepted and cannot cancel, because it is charged anyway."""
        for _ in range(ATTEMPTS):
            job = self.find(reference)
            try:
                return self._cancel(job)
            except LostClaim:
                reference = job.job_id  # a worker has changed the job, so it is read again
        raise Inapplicable("a worker keeps changing the job: try again in a moment")

    def rerun(self, reference: str, *, completed: bool = False) -> Job:
        """Start the next run of a job that is over. The run is checked, reserved and paid for again. Raises Inapplicable."""
        job = self.find(reference)
        if not job.is_terminal:
            raise Inapplicable(f"the job is {job.status}: only a job that is over can be run again")
        if job.status is JobStatus.COMPLETED and not completed:
            raise Inapplicable("the job has its result; to pay for another, use --completed")
        return self._rerun(job)

    def ended_with(self, error_code: str, first_day: date, last_day: date) -> Iterator[Job]:
        """Yield every job that ended with that code and was created from `first_day` to `last_day`. This takes one query for each
        day."""
        for number in range((last_day - first_day).days + 1):
            day = (first_day + timedelta(days=number)).isoformat()
            for job in self.operator_ledger.jobs(day=day):
                if job.is_terminal and job.error_code == error_code:
                    yield job

    def pause(self, provider: str, why: str) -> None:
        """Stop submits to the provider until `resume`. Jobs that were sent before go on. Raises Inapplicable."""
        self.circuits.pause(self._known(provider), why, self.clock())

    def resume(self, provider: str) -> int:
        """Allow submits to the provider again, and hand on the jobs that waited for it: five a second, as the sweep does. Return
        their number. What is left after an interruption, or over 4,500 jobs, is handed on by the sweep. Raises Inapplicable."""
        self.circuits.resume(self._known(provider))
        handed_on = 0
        for job in self.operator_ledger.jobs(status=JobStatus.CLAIMED):
            if handed_on == MOST_HANDED_ON:
                break
            if circuit_breaker.holds_back(provider, job):
                with suppress(LostClaim):  # a worker has taken it
                    self._hand_on(job, handed_on // HANDED_ON_A_SECOND)
                    handed_on += 1
        return handed_on

    def _hand_on(self, job: Job, delay_seconds: int) -> None:
        """Make the job due now, and send its message with a delay. The sweep looks at it after the message must have come."""
        now = self.clock()
        look_at = now + timedelta(seconds=delay_seconds) + MESSAGE_LATE
        self.ledger.postpone(job, now, error=f"submits to {job.provider} are allowed again", look_at=look_at)
        self.intake.requeue(JobDue(job.job_id), delay_seconds)

    def _known(self, provider: str) -> str:
        if provider not in self.providers:
            near = did_you_mean(closest(provider.lower(), self.providers))
            raise Inapplicable(
                f"{provider!r} is not a provider{near}; the providers are: {', '.join(sorted(self.providers))}"
            )
        return provider

    def _in_doubt(self, reference: str, attempt: int | None) -> Job:
        """Return the job if it is `IN_DOUBT`; otherwise raise Inapplicable. Also raise it if the job is at another attempt than
        `attempt`, because the operator's decision is only about the attempt that they saw."""
        job = self.find(reference)
        if attempt is not None and job.attempt != attempt:
            raise Inapplicable(f"the job is at attempt {job.attempt}, not {attempt}, and {job.status}: look again")
        if job.status is not JobStatus.IN_DOUBT:
            hint = "run it again with `darkroom rerun`" if job.is_terminal else "there is nothing to decide yet"
            raise Inapplicable(f"the job is {job.status}, not IN_DOUBT: {hint}")
        return job

    def _cancel(self, job: Job) -> Job:
        if job.is_terminal:
            raise Inapplicable(f"the job is over: {job.status}")
        if job.status is JobStatus.IN_DOUBT:
            raise Inapplicable("the job is IN_DOUBT: end it with `darkroom resolve JOB --abandon`")
        if job.status is JobStatus.CLAIMED:
            return self.settlement.cancel(job, "cancelled by an operator before it was sent").job
        is_accepted = job.status is JobStatus.PROCESSING
        if is_accepted and job.cancel_requested_at is None and not self.providers[job.require_provider()].can_cancel:
            raise Inapplicable(
                f"{job.provider} cannot cancel a job that it has accepted: it works on, and charges the result. "
                "Let the job finish, and its result is delivered"
            )
        asked = self.operator_ledger.request_cancel(job, self.clock())
        if asked.status is JobStatus.PROCESSING:
            self.finalize(asked.job_id, asked.run, self._invocation_ends)
        return self.ledger.get(job.job_id) or asked

    def _rerun(self, job: Job) -> Job:
        self.settlement.publish_event(job)  # if the event was not sent yet, because the next run would forget it
        now = self.clock()
        return self._send(self.operator_ledger.rerun(job, now, now + self.deadline))

    def _send(self, job: Job) -> Job:
        self.intake.requeue(JobDue(job.job_id), 0)
        return job

    @property
    def _invocation_ends(self) -> datetime:
        return self.clock() + INVOCATION


def _require_process(provider: Provider, job: Job, process_id: str, force: bool) -> None:
    """Raise Inapplicable if the provider does not know the process; without `force`, also unless the process is bound to the job
    or listed under its handle."""
    try:
        provider.progress(process_id)
    except ProcessUnknown:
        raise Inapplicable(f"{job.provider} knows no process {process_id}") from None
    is_bound = job.process is not None and job.process.process_id == process_id
    if is_bound or force:
        return
    listed = _find_or_explain(provider, job, "it is not known whether the process belongs to this job") or ()
    if process_id not in {found.process_id for found in listed}:
        raise Inapplicable(
            f"{job.provider} does not list process {process_id} under this job's handle {job.handle.prefix}…, so its "
            "result may belong to another image. Check it in the provider's account. If it is this job's, use --force"
        )


def _find_or_explain(provider: Provider, job: Job, so: str, *, force: bool = False) -> tuple[FoundProcess, ...] | None:
    """Return the processes of the job's run from the provider's list; None if the provider has no such list. If the list cannot
    be read, return None with `force`, and otherwise raise Inapplicable. The clause `so` ends its reason."""
    try:
        return find_processes(provider, job)
    except ProviderSilent as unread:
        if force:
            return None
        why = f"{provider.name}'s list cannot be read ({unread}), so {so}"
        raise Inapplicable(f"{why}: check the provider's account and then use --force, or try again later") from None
