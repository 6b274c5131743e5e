"""A job as the ledger keeps it, and what is told of it. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from darkroom.model.plans import SendMode

Value = TypeVar("Value")


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

LEASE_MARGIN = timedelta(seconds=60)  # a lease lasts so long past its invocation's end, so that clocks may differ
NOTHING = Decimal(0)  # credits: released, or not charged


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


@dataclass(frozen=True, kw_only=True)
class DispatchRecord:
    """How this run is sent and where its result goes: from its first reservation on, also while it waits to be sent again."""

    output_bucket: str
    output_key: str  # once it is completed: where the result stands
    output_format: str  # of ImageFormat, or ANY_FORMAT
    send_mode: SendMode
    reserved_at: datetime  # for the first time in this run: nothing of it was sent before


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """What the months hold for the job, from `SUBMITTING` on; a release takes it away, a settlement turns it into `credits`."""

    credits_reserved: Decimal
    credit_price_usd: Decimal
    budget_month: str  # YYYY-MM, whenever the job ends
    key_fingerprint: str | None = None  # of the API key that the submit is made with; gone once it is settled


@dataclass(frozen=True, kw_only=True)
class ProviderProcess:
    """What the provider makes of the job, from `PROCESSING` on; `IN_DOUBT` has one if it was bound before."""

    process_id: str
    eta: datetime
    submitted_at: datetime
    credits_charged: Decimal | None = None  # what the provider said it charges, while the result is not in place yet
    staged: bool = False  # the result of a synchronous call, kept in the output bucket until it is published


@dataclass(frozen=True, kw_only=True)
class Job:
    """A row of the ledger, `pk=JOB#<job_id>`. Times are aware UTC; credits and dollars are Decimals.

    `SUBMITTING`, `PROCESSING` and `IN_DOUBT` have a provider, a model, a dispatch and a reservation; `PROCESSING` has a process
    too. What ended keeps what it had. The `require_…` methods are for such states: they raise ValueError where it lacks.
    """

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
    # What the upload asks for, as far as it is known: a claim knows nothing, a rerun the settings and the label.
    provider: str | None = None
    model: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    label: str | None = None
    dispatch: DispatchRecord | None = None
    reservation: Reservation | None = None
    process: ProviderProcess | None = None
    polls: int = 0  # of this run
    credits: Decimal | None = None  # what was charged, once a job that was reserved is over
    cost_usd: Decimal | None = None
    superseded: bool = False
    error_code: str | None = None
    error: str | None = None
    completed_at: datetime | None = None
    published_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    due_at: datetime | None = None  # when somebody must look at the job again, whoever works on it now
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

    @property
    def attributes(self) -> dict[str, object]:
        """The job flat, by the ledger's names, as events and reports show it. Of a group that it lacks: None, or the default."""
        flat: dict[str, object] = {}
        for name, value in vars(self).items():
            group = GROUPS.get(name)
            flat |= {name: value} if group is None else _flat(group, value)
        return flat

    def require_provider(self) -> str:
        """The provider that it is, or may have been, sent to."""
        return self._required(self.provider, "provider")

    def require_model(self) -> str:
        """The model that it is, or may have been, sent to."""
        return self._required(self.model, "model")

    def require_dispatch(self) -> DispatchRecord:
        """How it is, or may have been, sent."""
        return self._required(self.dispatch, "dispatch")

    def require_reservation(self) -> Reservation:
        """What is reserved for it."""
        return self._required(self.reservation, "reservation")

    def require_process(self) -> ProviderProcess:
        """The process it is bound to."""
        return self._required(self.process, "process")

    def _required(self, value: Value | None, what: str) -> Value:
        if value is None:
            raise ValueError(f"job {self.job_id} is {self.status} and has no {what}")
        return value


JobGroup = DispatchRecord | Reservation | ProviderProcess
# Fields of a job that are groups: a row has the attributes of one together, or none of them.
GROUPS: Mapping[str, type[JobGroup]] = {
    "dispatch": DispatchRecord,
    "reservation": Reservation,
    "process": ProviderProcess,
}


def _flat(group: type[JobGroup], value: JobGroup | None) -> dict[str, object]:
    absent = {one.name: None if one.default is MISSING else one.default for one in fields(group)}
    return absent if value is None else vars(value)


class PollStatus(StrEnum):
    """What poll and finalize tell the state machine, beside how a job stands that finalize found or left at rest."""

    RUNNING = "running"  # poll again at `poll_at`; the one word that the state machine looks for
    ENDED = "ended"  # poll's: over, or perhaps; finalize finds out how
    ABSENT = "ABSENT"  # finalize's: no such job, or another run of it


@dataclass(frozen=True)
class PollState:
    """What poll and finalize answer to the state machine, and what the state machine carries."""

    job_id: str
    run: int
    status: PollStatus | JobStatus  # a JobStatus is finalize's: any but PROCESSING, which is `running`
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
