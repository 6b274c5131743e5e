"""Closing: every way a job ends. Report or result first, then terminal status with settlement, then the event."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from darkroom import events, naming
from darkroom.errors import CURES, ErrorCode, Refusal
from darkroom.model import Job, JobStatus
from darkroom.pipeline.verdicts import Done, Verdict
from darkroom.ports import Clock, Events, Ledger, Outputs

NOTHING = Decimal(0)


@dataclass(frozen=True)
class Closing:
    """Ends jobs. Every method is repeat safe: the settlement's condition lets one win, the rest overwrites itself."""

    ledger: Ledger
    outputs: Outputs
    events: Events
    clock: Clock

    def reject(self, job: Job, refusal: Refusal) -> Verdict:
        """`REJECTED`, unpaid, with a report."""
        return Done(self._end(job, JobStatus.REJECTED, refusal.code, str(refusal), NOTHING))

    def fail(self, job: Job, code: ErrorCode, message: str, credits: Decimal = NOTHING) -> Job:
        """`FAILED` with a report; settled with what the provider charged."""
        return self._end(job, JobStatus.FAILED, code, message, credits)

    def expire_unsent(self, job: Job) -> Verdict:
        """`FAILED` at the deadline with the reason for which it was never sent."""
        code = ErrorCode(job.error_code or ErrorCode.TIMED_OUT)
        return Done(self.fail(job, code, f"not sent before the job's deadline: {job.error or 'no worker finished it'}"))

    def skip(self, job: Job) -> Verdict:
        """`SKIPPED` because the uploader said so."""
        return Done(self.ledger.settle(job, JobStatus.SKIPPED, NOTHING, self.clock()))

    def source_gone(self, job: Job, message: str) -> Verdict:
        """`CANCELLED`, without a report: the uploader took the object away."""
        code = ErrorCode.SOURCE_GONE
        return Done(self.ledger.settle(job, JobStatus.CANCELLED, NOTHING, self.clock(), error_code=code, error=message))

    def complete(self, job: Job, credits: Decimal, output_key: str, superseded: bool) -> Job:
        """`COMPLETED`: the result stands at `output_key`; the report of an earlier failure goes."""
        if not superseded:
            self.outputs.remove_report(naming.report_key(job.source_key))
        now = self.clock()
        ended = self.ledger.settle(job, JobStatus.COMPLETED, credits, now, output_key=output_key, superseded=superseded)
        return self.announce(ended)

    def announce(self, job: Job) -> Job:
        """Sends the terminal job's event unless it was sent; twice is possible, never is not."""
        detail_type = events.DETAIL_TYPES.get(job.status)
        if detail_type and job.published_at is None:
            self.events.publish(detail_type, events.detail_of(job))
            self.ledger.published(job, self.clock())
        return job

    def _end(self, job: Job, status: JobStatus, code: ErrorCode, message: str, credits: Decimal) -> Job:
        report = events.detail_of(job) | {
            "status": status.value,
            "code": code.value,
            "message": message,
            "cure": CURES[code],
        }
        self.outputs.write_report(naming.report_key(job.source_key), report)
        ended = self.ledger.settle(job, status, credits, self.clock(), error_code=code, error=message)
        return self.announce(ended)
