"""The ledger in DynamoDB, through which workers write jobs, output keys and budgets. Every write is conditional.

The conditions on jobs are in `job_transitions`, those on output keys in `output_claims`, and those on processes in
`process_claims`. The rows of budgets are in `budgets`. This file is over 300 lines because every write of a job belongs to one
port.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from darkroom.aws import budgets, items, output_claims, process_claims, retention
from darkroom.aws.expressions import Write
from darkroom.aws.job_transitions import (
    AT_THE_PROVIDER,
    DUE,
    EXECUTION_GRACE,
    FROM_STATUS,
    KNOWN,
    LEASE_OVER,
    NO_CALLBACK,
    NOT_PUBLISHED,
    OF_A_CALLBACK,
    OF_A_LOST_ANSWER,
    OF_CALLBACKS,
    SAME_RUN,
    after_publishing,
    after_settling,
    after_takeover,
    guarded,
    heard,
    known_settings,
    learned_by,
    lost_with_its_worker,
    move,
    placed,
    present,
)
from darkroom.aws.ledger_table import ConditionFailed, LedgerTable
from darkroom.errors import JobExpired, LostClaim, OutputBusy
from darkroom.model import (
    ANY_FORMAT,
    TERMINAL,
    DispatchRecord,
    Job,
    JobStatus,
    Limits,
    LostAnswer,
    Plan,
    ProviderProcess,
    Reservation,
    SourceObject,
    Submission,
)
from darkroom.ports import Claim
from darkroom.timestamps import moment, stamp

EXECUTION_STARTS = timedelta(minutes=5)  # this long after the bind, the sweep starts an execution that never started
TROUBLE = ("denied_since", "failing_since")  # these attributes are removed when an attempt succeeds
OF_A_SUBMIT = (*OF_A_LOST_ANSWER, *budgets.OF_A_RESERVATION)  # of one that came to nothing, but no callback of its run
# What only a job that has not ended needs. `published_at` is of the event that told of a doubt.
OF_WORK = (
    "lease_until", "next_attempt_at", "key_fingerprint", "credits_charged", "staged", "published_at",
    *OF_A_LOST_ANSWER, *TROUBLE, *OF_CALLBACKS,
)  # fmt: skip


@dataclass(frozen=True)
class DynamoLedger:
    """Keeps the ledger in one table; implements `ports.Ledger`."""

    table: LedgerTable
    limits: Limits
    kept: timedelta | None = None  # the retention of ended jobs, None = for ever
    forgetting: Collection[str] = ()  # the providers that can remove a process from their list

    def get(self, job_id: str) -> Job | None:
        """Return the job by a consistent read, or None if there is none."""
        item = self.table.read(items.job_key(job_id))
        return items.job_of(item) if item else None

    def claim(self, source: SourceObject, now: datetime, lease_until: datetime, deadline_at: datetime) -> Claim:
        """Create the job, or take over a `CLAIMED` one that is due and whose lease is over. Raises JobExpired."""
        is_old = retention.may_have_expired(source, now)
        if is_old and self.table.read(retention.ended_key(source.job_id)) and not self.get(source.job_id):
            raise JobExpired("this upload's job ended and its row has expired; upload the object again to run it")
        job = Job(
            job_id=source.job_id,
            run=1,
            attempt=1,
            status=JobStatus.CLAIMED,
            source_bucket=source.bucket,
            source_key=source.key,
            source_version=source.version_id,
            source_order=source.order,
            created_at=now,
            deadline_at=deadline_at,
            lease_until=lease_until,
            due_at=lease_until,
        )
        try:
            self.table.put_new(items.job_item(job))
            return Claim(job, owned=True)
        except ConditionFailed:
            current = self._require_job(job.job_id)  # this upload was seen before
        if current.status is not JobStatus.CLAIMED:
            return Claim(current, owned=False)
        try:
            return Claim(self.take_over(current, now, lease_until), owned=True)
        except LostClaim:
            return Claim(self._require_job(job.job_id), owned=False)

    def take_over(self, job: Job, now: datetime, lease_until: datetime) -> Job:
        """Take over a job that is due and not over. Raises LostClaim."""
        failing_since, look_at = after_takeover(job, now, lease_until)
        learned, forgotten = heard(job)
        noted = present(lease_until=lease_until, due_at=look_at, failing_since=failing_since)
        return self._change(
            job,
            (JobStatus.CLAIMED, *AT_THE_PROVIDER),
            set=noted | lost_with_its_worker(job) | learned,
            add={"attempt": 1},
            remove=["next_attempt_at", *forgotten],
            when=[LEASE_OVER, DUE],
            values={"now": now},
        )

    def claim_output(self, job: Job, bucket: str, key: str) -> None:
        """Claim the output key for the job's source key. Raises OutputCollision, which names the other source."""
        try:
            self._write_with_job(job, [JobStatus.CLAIMED], output_claims.claiming(job, bucket, key))
        except ConditionFailed as taken:
            raise output_claims.collision(job, key, taken.item) from None

    def reserve(
        self, job: Job, plan: Plan, output_bucket: str, output_key: str, fingerprint: str, now: datetime
    ) -> Job:
        """`CLAIMED` → `SUBMITTING`, in one transaction with the month's reservations. Raises BudgetExceeded, LostClaim,
        LedgerBusy."""
        reservation = Reservation(
            credits_reserved=plan.price,
            credit_price_usd=plan.credit_price_usd,
            budget_month=stamp(now)[:7],
            key_fingerprint=fingerprint,
        )
        dispatch = DispatchRecord(
            output_bucket=output_bucket,
            output_key=output_key,
            output_format=ANY_FORMAT if plan.other_formats else plan.output_format.value,
            send_mode=plan.send_mode,
            reserved_at=job.dispatch.reserved_at if job.dispatch else now,
            drops_tags=plan.output_rules.drop_tags,
        )
        decided = {"provider": plan.provider, "model": plan.model, "settings": dict(plan.settings)}
        step = move(
            job,
            [JobStatus.CLAIMED],
            JobStatus.SUBMITTING,
            word=JobStatus.SUBMITTING,
            due_at=job.lease_until or now,
            set={**decided, **present(label=plan.label), **present(**vars(dispatch)), **vars(reservation)},
            remove=["error", "error_code"],
        )
        self._with_budgets(step, budgets.reservations(plan, self.limits, reservation.budget_month))
        return self._reread(job)

    def release(
        self,
        job: Job,
        next_attempt_at: datetime,
        *,
        error_code: str | None = None,
        error: str | None = None,
        denied_since: datetime | None = None,
        unless_told: bool = False,
    ) -> Job:
        """`SUBMITTING` → `CLAIMED`, in one transaction with the months. `unless_told`: only if no callback has come."""
        told = {"error_code": error_code, "error": error, "denied_since": denied_since}
        step = move(
            job,
            [JobStatus.SUBMITTING],
            JobStatus.CLAIMED,
            word=JobStatus.CLAIMED,
            due_at=next_attempt_at,
            set=present(next_attempt_at=next_attempt_at, **told),
            remove=["lease_until", "failing_since", *OF_A_SUBMIT, *_stale(**told)],
            when=[NO_CALLBACK] if unless_told else [],
        )
        self._with_budgets(step, budgets.releases(job))
        return self._reread(job)

    def postpone(
        self,
        job: Job,
        next_attempt_at: datetime,
        *,
        error_code: str | None = None,
        error: str | None = None,
        denied_since: datetime | None = None,
        failing_since: datetime | None = None,
        look_at: datetime | None = None,
        lost: LostAnswer | None = None,
    ) -> Job:
        """End the lease. The status stays. A message may continue the job at `next_attempt_at`, and the sweep at `look_at`."""
        watched = job.status is JobStatus.PROCESSING  # the execution continues such a job, so the sweep waits longer
        look_at = look_at or next_attempt_at + (EXECUTION_GRACE if watched else timedelta(0))
        told = {"error_code": error_code, "error": error, "denied_since": denied_since, "failing_since": failing_since}
        changes = known_settings(job) | present(next_attempt_at=next_attempt_at, due_at=look_at, **told)
        changes |= vars(lost) if lost else {}
        gone = ["lease_until", *_stale(**told, told_by=job.told_by)]
        return self._change(job, (JobStatus.CLAIMED, *AT_THE_PROVIDER), set=changes, remove=gone)

    def bind(self, job: Job, submission: Submission, now: datetime, *, claims_process: bool = False) -> Job:
        """`SUBMITTING` → `PROCESSING`. This also succeeds if the job is already bound to that process, because the answer to an
        earlier write may have been lost, or an operator may have adopted the process. Raises LostClaim, LedgerBusy,
        ProcessTaken."""
        process = ProviderProcess(
            process_id=submission.process_id,
            eta=submission.eta,
            submitted_at=now,
            credits_charged=submission.credits,
            staged=submission.staged,
        )
        step = move(
            job,
            [JobStatus.SUBMITTING],
            JobStatus.PROCESSING,
            word=JobStatus.PROCESSING,
            due_at=now + EXECUTION_STARTS,
            set=present(**vars(process), polls=0),
            remove=["lease_until", "next_attempt_at", "error", "error_code", *OF_A_LOST_ANSWER, *TROUBLE],
        )
        try:
            if not claims_process:
                return items.job_of(self.table.update(step))
            self.table.transact([step, process_claims.claiming(job, process.process_id, now)])
        except ConditionFailed as failed:
            if failed.index > 0:
                raise process_claims.taken(process.process_id) from None
        current = self._require_job(job.job_id)
        if current.process and current.process.process_id == process.process_id:
            return current
        raise LostClaim("the job was bound or taken over in the meantime")

    def is_taken(self, job: Job, process_id: str) -> bool:
        """Whether another run has claimed the process. This takes one consistent read."""
        row = self.table.read(items.process_row_key(job.require_provider(), process_id))
        return process_claims.is_anothers(row, job)

    def record_orphan(self, job: Job, process_id: str, claimed_at: datetime | None = None) -> None:
        """Add a process that no job waits for to the `orphans` of `job`. Raises ProcessTaken, LedgerBusy."""
        record = Write(key=items.job_key(job.job_id), add={"orphans": {process_id}}, when=[KNOWN])
        claims = [process_claims.claiming(job, process_id, claimed_at)] if claimed_at else []
        try:
            self.table.transact([*claims, record])
        except ConditionFailed as failed:
            raise process_claims.taken(process_id) if claims and failed.index == 0 else failed from None

    def mark_in_doubt(self, job: Job, error: str, now: datetime) -> Job:
        """`SUBMITTING` or `PROCESSING` → `IN_DOUBT`. The reservation is kept."""
        step = move(
            job,
            AT_THE_PROVIDER,
            JobStatus.IN_DOUBT,
            word=JobStatus.IN_DOUBT,
            due_at=now,
            set={"error": error},
            remove=["lease_until", "next_attempt_at", *TROUBLE],
        )
        return self._updated(step)

    def record_poll(self, job: Job, eta: datetime | None, due_at: datetime) -> Job:
        """Count a poll and store the new eta. If the execution does not poll again, the sweep restarts it some time after
        `due_at`."""
        changes = present(eta=eta, due_at=due_at + EXECUTION_GRACE)
        return self._change(job, [JobStatus.PROCESSING], set=changes, add={"polls": 1}, remove=["told_by"])

    def forget_told(self, job: Job) -> Job:
        """Forget the callback about a `PROCESSING` job that another worker has. Raises LostClaim."""
        guard = {"run": job.run, "from": JobStatus.PROCESSING}
        key = items.job_key(job.job_id)
        return self._updated(Write(key, remove=OF_A_CALLBACK, when=[SAME_RUN, FROM_STATUS], values=guard))

    def lock_output(self, job: Job, key: str, charged: Decimal, now: datetime, until: datetime) -> bool:
        """Make the job the only writer of the output key. Return False if the result of a newer version is there, or if the key
        is another source's. Raises OutputBusy, LostClaim."""
        try:
            self._write_with_job(
                job, [JobStatus.PROCESSING], output_claims.taking(job, key, now, until), credits_charged=charged
            )
            return True
        except ConditionFailed as failed:
            if output_claims.has_newer(failed.item, job) or output_claims.is_anothers(failed.item, job):
                return False
            ends = moment(items.text(failed.item, "writer_until") or stamp(now))
            raise OutputBusy("another version's result is being written to the same key", ends) from None

    def has_result(self, bucket: str, key: str) -> bool:
        """Whether a result was ever settled at that output key. This takes one consistent read."""
        return output_claims.has_result(self.table.read(items.output_row_key(bucket, key)) or {})

    def settle(
        self,
        job: Job,
        status: JobStatus,
        credits: Decimal,
        now: datetime,
        *,
        error_code: str | None = None,
        error: str | None = None,
        output_key: str | None = None,
        superseded: bool = False,
        result_notes: str | None = None,
    ) -> Job:
        """Write the terminal status and the month's budgets in one transaction. Raises LostClaim, LedgerBusy."""
        if status not in TERMINAL:
            raise ValueError(f"{status} is not terminal")
        changes = known_settings(job) | present(completed_at=now, error_code=error_code, error=error)
        changes |= present(output_key=output_key, superseded=superseded, result_notes=result_notes)
        changes |= {"output_bucket": job.require_dispatch().output_bucket} if output_key else {}
        changes |= present(told_by=learned_by(job))
        if job.reservation:
            changes |= {"credits": credits, "cost_usd": credits * job.reservation.credit_price_usd}
        ttl, stays = retention.at_the_end(job, status, now, self.kept)
        gone = [*OF_WORK, *sorted({"error", "error_code"} - changes.keys())]
        word, due_at = after_settling(job, status, now, self.forgetting)
        step = move(job, items.OPEN, status, word=word, due_at=due_at, set=changes | ttl, remove=gone)
        is_in_place = status is JobStatus.COMPLETED and not superseded
        in_place = [output_claims.in_place(job, output_key or job.require_dispatch().output_key)] if is_in_place else []
        self._with_budgets(step, [*budgets.settlements(job, credits), *in_place], stays)
        return self._reread(job)

    def has_newer_result(self, job: Job, bucket: str, keys: Sequence[str]) -> bool:
        """Return whether one of the keys holds the result of a newer version. This takes one consistent read for each key."""
        found = (self.table.read(items.output_row_key(bucket, key)) for key in keys)
        return any(row is not None and output_claims.has_newer(row, job) for row in found)

    def mark_published(self, job: Job, now: datetime) -> None:
        """Mark the event as sent. If a rerun has begun since then, nothing is written."""
        word, due_at = after_publishing(job, now, self.forgetting)
        mark = Write(
            key=items.job_key(job.job_id),
            set={"published_at": now},
            when=[SAME_RUN, FROM_STATUS, NOT_PUBLISHED],
            values={"run": job.run, "from": job.status},
        )
        try:
            self.table.update(placed(mark, word, due_at))
        except ConditionFailed:
            return

    def _write_with_job(self, job: Job, sources: Collection[JobStatus], write: Write, **noted: object) -> None:
        """Make `write`, which changes another row, in one transaction with the attributes `noted` of the job. Raises LostClaim if
        this worker no longer owns the job, and ConditionFailed if the condition of `write` is false."""
        try:
            self.table.transact([write, guarded(job, sources, set=noted)])
        except ConditionFailed as failed:
            if failed.index == 0:
                raise
            raise LostClaim("another run, attempt or status: the job moved on") from None

    def _change(self, job: Job, sources: Collection[JobStatus], **parts: Any) -> Job:
        return self._updated(guarded(job, sources, **parts))

    def _updated(self, write: Write) -> Job:
        try:
            return items.job_of(self.table.update(write))
        except ConditionFailed:
            raise LostClaim("another run, attempt or status: the job moved on") from None

    def _with_budgets(self, step: Write, money: list[Write], more: Sequence[Write] = ()) -> None:
        try:
            self.table.transact([step, *money, *more])
        except ConditionFailed as failed:
            if failed.index > 0:
                budgets.explain(money[failed.index - 1], failed.item)
            raise LostClaim("the job or its output key moved on") from None

    def _require_job(self, job_id: str) -> Job:
        current = self.get(job_id)
        if current is None:
            raise LostClaim("the job's row has vanished")
        return current

    def _reread(self, job: Job) -> Job:
        current = self._require_job(job.job_id)
        if (current.run, current.attempt) != (job.run, job.attempt):
            raise LostClaim("another worker took the job over right after the write")
        return current


def _stale(**told: object) -> list[str]:
    """Return the names of attributes about an earlier attempt that this write does not replace."""
    return [name for name, value in told.items() if value is None]
