"""A job as the ledger keeps it, and what is told of it. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from darkroom.model.plans import SendMode


class JobStatus(StrEnum):
    """Where a job stands in the ledger. Terminal ones never change within a run."""

    CLAIMED = "CLAIMED"  # a worker has it, or it waits for its next attempt; nothing was sent
    SUBMITTING = "SUBMITTING"  # reserved; the provider may or may not have been called
    IN_DOUBT = "IN_DOUBT"  # nobody can tell whether the provider accepted: a person decides
    PROCESSING = "PROCESSING"  # bound to the provider's process id
    COMPLETED = "COMPLETED"  # the result is in place and settled
    FAILED = "FAILED"  # ended without a result
    CANCELLED = "CANCELLED"  # withdrawn, or its source vanished before submit
    REJECTED = "REJECTED"  # refused before any money was spent
    SKIPPED = "SKIPPED"  # the uploader asked for no processing


TERMINAL = frozenset(
    {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.REJECTED, JobStatus.SKIPPED}
)

# Words of the index of jobs that somebody must look at again, beside the open statuses.
UNPUBLISHED = "UNPUBLISHED"  # over, its event not sent yet
LISTED = "LISTED"  # over and told; the provider's list still shows its process


@dataclass(frozen=True)
class Handle:
    """What the provider is told of us, so that a lost submit can be found: `<job_id>-<run>-<attempt>`."""

    job_id: str
    run: int
    attempt: int

    def __str__(self) -> str:
        return f"{self.prefix}{self.attempt}"

    @property
    def prefix(self) -> str:
        """Common to all attempts of one run."""
        return f"{self.job_id}-{self.run}-"


@dataclass(frozen=True)
class Job:
    """A row of the ledger, `pk=JOB#<job_id>`. Times are aware UTC; credits and dollars are Decimals."""

    job_id: str
    run: int
    attempt: int
    status: JobStatus
    source_bucket: str
    source_key: str
    source_version: str | None
    source_order: str
    created_at: datetime
    deadline_at: datetime
    lease_until: datetime | None = None
    next_attempt_at: datetime | None = None
    provider: str | None = None
    model: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    label: str | None = None
    process_id: str | None = None
    key_fingerprint: str | None = None
    credits_reserved: Decimal | None = None
    credits_charged: Decimal | None = None  # what the provider said it charges, while the result is not in place yet
    credits: Decimal | None = None
    credit_price_usd: Decimal | None = None
    cost_usd: Decimal | None = None
    budget_month: str | None = None
    reserved_at: datetime | None = None  # for the first time in this run: nothing of it was sent before
    output_bucket: str | None = None
    output_key: str | None = None
    output_format: str | None = None
    send_mode: SendMode | None = None  # how it was, or is to be, sent
    staged: bool = False  # the result of a synchronous call, kept in the output bucket until it is published
    superseded: bool = False
    error_code: str | None = None
    error: str | None = None
    submitted_at: datetime | None = None
    eta: datetime | None = None
    completed_at: datetime | None = None
    published_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    due_at: datetime | None = None  # when somebody must look at the job again, whoever works on it now
    polls: int = 0
    orphans: tuple[str, ...] = ()

    @property
    def handle(self) -> Handle:
        """The handle of this attempt."""
        return Handle(self.job_id, self.run, self.attempt)

    @property
    def is_terminal(self) -> bool:
        """Whether this run has ended."""
        return self.status in TERMINAL

    @property
    def source_uri(self) -> str:
        """`bucket/key`, for messages."""
        return f"{self.source_bucket}/{self.source_key}"


@dataclass(frozen=True)
class PollState:
    """What poll answers to the state machine, and what the state machine carries."""

    job_id: str
    run: int
    status: str  # running | ended
    poll_at: datetime


class Alarm(StrEnum):
    """What a person must look at; each is a metric of that name with an alarm, see docs/operations.md."""

    IN_DOUBT = "JobInDoubt"
    ORPHAN = "OrphanedProcess"
    OVERRUN = "BudgetOverrun"
    CIRCUIT_OPEN = "CircuitOpen"
    DRIFT = "AccountDrift"


class Note(StrEnum):
    """What is counted and calls for nobody; each is a metric of that name, see docs/operations.md."""

    ACCOUNT_UNREAD = "AccountUnread"
    RETIRING_MODEL = "RetiringModelJobs"
