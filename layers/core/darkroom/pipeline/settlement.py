"""Closing: every way a job ends. Report or result first, then terminal status with settlement, then the event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from darkroom import messages, output_keys
from darkroom.errors import CURES, ErrorCode, Refusal
from darkroom.model import NOTHING, Alarm, Job, JobStatus
from darkroom.pipeline.outcomes import Done, Outcome
from darkroom.ports import Alerts, Clock, EventBus, Ledger, OutputBucket


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """Ends jobs. Every method is repeat safe: the settlement's condition lets one win, the rest overwrites itself."""

    ledger: Ledger
    outputs: OutputBucket
    events: EventBus
    alerts: Alerts
    clock: Clock

    def reject(self, job: Job, refusal: Refusal) -> Outcome:
        """`REJECTED`, unpaid, with a report."""
        return Done(self._end(job, JobStatus.REJECTED, refusal.code, str(refusal), NOTHING))

    def fail(self, job: Job, code: ErrorCode, message: str, credits: Decimal = NOTHING) -> Job:
        """`FAILED` with a report; settled with what the provider charged."""
        return self._end(job, JobStatus.FAILED, code, message, credits)

    def expire_unsent(self, job: Job) -> Outcome:
        """`FAILED` at the deadline with the reason for which it was never sent."""
        code = ErrorCode(job.error_code or ErrorCode.TIMED_OUT)
        return Done(self.fail(job, code, f"not sent before the job's deadline: {job.error or 'no worker finished it'}"))

    def leave_in_doubt(self, job: Job, why: str) -> Job:
        """`IN_DOUBT`, no end but a person's: the reservation is kept until then."""
        doubted = self.ledger.mark_in_doubt(job, f"{why}: a person must resolve it", self.clock())
        self.alerts.call(Alarm.IN_DOUBT, f"a job is in doubt: {why}", job_id=job.job_id)
        return doubted

    def skip(self, job: Job, why: str | None = None) -> Outcome:
        """`SKIPPED`: the uploader said so, or it is none to be processed."""
        return Done(self._settle(job, JobStatus.SKIPPED, NOTHING, error=why))

    def cancel(self, job: Job, message: str, credits: Decimal = NOTHING) -> Done:
        """`CANCELLED` by an operator, without a report; settled with what the provider charges all the same."""
        return Done(self._settle(job, JobStatus.CANCELLED, credits, error=message))

    def source_gone(self, job: Job, message: str) -> Outcome:
        """`CANCELLED`, without a report: the uploader took the object away."""
        code = ErrorCode.SOURCE_GONE
        return Done(self._settle(job, JobStatus.CANCELLED, NOTHING, error_code=code, error=message))

    def complete(self, job: Job, credits: Decimal, output_key: str, superseded: bool) -> Job:
        """`COMPLETED`: the result stands at `output_key`; the report of an earlier failure goes."""
        self._remove_report(job, superseded)
        ended = self._settle(job, JobStatus.COMPLETED, credits, output_key=output_key, superseded=superseded)
        # Once more: an older version may have failed since, and have looked before this result was settled.
        self._remove_report(job, superseded)
        return self.announce(ended)

    def announce(self, job: Job) -> Job:
        """Sends the terminal job's event unless it was sent; twice is possible, never is not."""
        detail_type = messages.DETAIL_TYPES.get(job.status)
        if detail_type and job.published_at is None:
            self.events.publish(detail_type, messages.event_detail(job))
            self.ledger.published(job, self.clock())
        return job

    def _end(self, job: Job, status: JobStatus, code: ErrorCode, message: str, credits: Decimal) -> Job:
        report = messages.event_detail(job) | {
            "status": status.value,
            "error_code": code.value,  # not those of an earlier wait
            "error": message,
            "code": code.value,
            "message": message,
            "cure": CURES[code],
        }
        self._write_report(job, report)
        return self.announce(self._settle(job, status, credits, error_code=code, error=message))

    def _write_report(self, job: Job, report: Mapping[str, object]) -> None:
        """Leaves none beside a newer version's result. One that is settled before the second look is seen by it; one that is
        settled later removes the report itself."""
        if self._newer_stands(job):
            return
        self.outputs.write_report(output_keys.report_key(job.source_key), report, job.source_order)
        if self._newer_stands(job):
            self._remove_report(job)

    def _remove_report(self, job: Job, superseded: bool = False) -> None:
        if not superseded:
            self.outputs.remove_report(output_keys.report_key(job.source_key), job.source_order)

    def _newer_stands(self, job: Job) -> bool:
        return self.ledger.has_newer_result(job, self.outputs.bucket, output_keys.result_keys(job.source_key))

    def _settle(self, job: Job, status: JobStatus, credits: Decimal, **more: Any) -> Job:
        ended = self.ledger.settle(job, status, credits, self.clock(), **more)
        if job.reservation and credits > job.reservation.credits_reserved:
            had = job.reservation.credits_reserved
            what = f"{job.provider} charged {credits} credits for a job that had reserved {had}"
            self.alerts.call(Alarm.OVERRUN, what, job_id=job.job_id)
        return ended
