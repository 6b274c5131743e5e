"""Ends jobs. First the result or the report is written, then the terminal status with the credits. At last the event is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from darkroom import output_keys, queue_messages
from darkroom.errors import CURES, ErrorCode, Refusal
from darkroom.model import NOTHING, Alarm, Job, JobStatus
from darkroom.pipeline.message_outcomes import Done, Outcome
from darkroom.ports import Alerts, Clock, EventBus, Ledger, OutputBucket


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """Ends jobs in all possible ways. Every method is repeat safe, because a condition of the ledger lets only one call settle,
    and reports and events may be written twice."""

    ledger: Ledger
    outputs: OutputBucket
    events: EventBus
    alerts: Alerts
    clock: Clock

    def reject(self, job: Job, refusal: Refusal) -> Outcome:
        """End the job as `REJECTED`, with a report and without a charge."""
        return Done(self._end(job, JobStatus.REJECTED, refusal.code, str(refusal), NOTHING))

    def fail(self, job: Job, code: ErrorCode, message: str, credits: Decimal = NOTHING) -> Job:
        """End the job as `FAILED`, with a report, and book `credits`, the provider's charge."""
        return self._end(job, JobStatus.FAILED, code, message, credits)

    def expire_unsent(self, job: Job) -> Outcome:
        """End a job as `FAILED` that was not sent before its deadline, with the reason why it was not sent."""
        code = ErrorCode(job.error_code or ErrorCode.TIMED_OUT)
        return Done(self.fail(job, code, f"not sent before the job's deadline: {job.error or 'no worker finished it'}"))

    def leave_in_doubt(self, job: Job, why: str) -> Job:
        """Set the job to `IN_DOUBT` and raise an alarm, because only an operator can end such a job. The reservation is kept."""
        doubted = self.ledger.mark_in_doubt(job, f"{why}: a person must resolve it", self.clock())
        self.alerts.call(Alarm.IN_DOUBT, f"a job is in doubt: {why}", job_id=job.job_id)
        return self.publish_event(doubted)

    def skip(self, job: Job, why: str | None = None) -> Outcome:
        """End the job as `SKIPPED`, because its settings say `skip` or its source is an output of Darkroom."""
        return Done(self._settle(job, JobStatus.SKIPPED, NOTHING, error=why))

    def cancel(self, job: Job, message: str, credits: Decimal = NOTHING) -> Done:
        """End a job that an operator cancelled as `CANCELLED`, without a report, and book `credits`, the provider's charge."""
        return Done(self.publish_event(self._settle(job, JobStatus.CANCELLED, credits, error=message)))

    def source_gone(self, job: Job, message: str) -> Outcome:
        """End the job as `CANCELLED` without a report, because its object no longer exists."""
        code = ErrorCode.SOURCE_GONE
        ended = self._settle(job, JobStatus.CANCELLED, NOTHING, error_code=code, error=message)
        return Done(self.publish_event(ended))

    def complete(self, job: Job, credits: Decimal, output_key: str, superseded: bool, notes: str | None) -> Job:
        """End the job as `COMPLETED` with its result at `output_key`, and remove the report of an earlier failure. `notes` say
        what the result does not have of its source."""
        self._remove_report(job, superseded)
        place = {"output_key": output_key, "superseded": superseded}
        ended = self._settle(job, JobStatus.COMPLETED, credits, **place, result_notes=notes)
        # Remove the report again: an older version of the upload may have failed after the first removal, and written its
        # report before this job was settled.
        self._remove_report(job, superseded)
        return self.publish_event(ended)

    def publish_event(self, job: Job) -> Job:
        """Send the event of a job that has ended or is in doubt, unless it was sent. It may be sent twice, but is never lost."""
        detail_type = queue_messages.DETAIL_TYPES.get(job.status)
        if detail_type and job.published_at is None:
            self.events.publish(detail_type, queue_messages.event_detail(job))
            self.ledger.mark_published(job, self.clock())
        return job

    def _end(self, job: Job, status: JobStatus, code: ErrorCode, message: str, credits: Decimal) -> Job:
        report = queue_messages.event_detail(job) | {
            "status": status.value,
            "error_code": code.value,  # replaces the error code of an earlier attempt
            "error": message,
            "code": code.value,
            "message": message,
            "cure": CURES[code],
        }
        self._write_report(job, report)
        return self.publish_event(self._settle(job, status, credits, error_code=code, error=message))

    def _write_report(self, job: Job, report: Mapping[str, object]) -> None:
        """Write the report unless a newer version has a result.

        The check is made again afterwards. It finds a newer result that was settled in between. A newer result that is settled
        later removes the report by itself.
        """
        if self._has_newer_result(job):
            return
        self.outputs.write_report(output_keys.report_key(job.source_key), report, job.source_order)
        if self._has_newer_result(job):
            self._remove_report(job)

    def _remove_report(self, job: Job, superseded: bool = False) -> None:
        if not superseded:
            self.outputs.remove_report(output_keys.report_key(job.source_key), job.source_order)

    def _has_newer_result(self, job: Job) -> bool:
        # A newer version may have been sent when another `[output]` counted, or none.
        keys = dict.fromkeys(
            (*output_keys.result_keys(job.source_key), *output_keys.result_keys(output_keys.result_base(job)))
        )
        return self.ledger.has_newer_result(job, self.outputs.bucket, list(keys))

    def _settle(self, job: Job, status: JobStatus, credits: Decimal, **more: Any) -> Job:
        """Write the terminal status, and before it raise the alarm about a charge above the reservation.

        After the settlement, a worker that dies would leave the charge without an alarm for ever. So the alarm may come more than
        once, and also from a worker whose settlement fails or loses to another one. It says only what the provider charges,
        which is true in any case, and nothing about what is booked.
        """
        if job.reservation and credits > job.reservation.credits_reserved:
            had = job.reservation.credits_reserved
            what = f"{job.provider} charged {credits} credits for a job that had reserved {had}"
            self.alerts.call(Alarm.OVERRUN, what, job_id=job.job_id)
        return self.ledger.settle(job, status, credits, self.clock(), **more)
