"""Jobs: a job as the ledger stores it, with its status, its handle, and the alarms about it. Standard library only."""

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
    """A job's status in the ledger. A terminal status never changes within a run."""

    CLAIMED = "CLAIMED"  # a worker has it, or it waits for its next attempt; nothing was sent
    SUBMITTING = "SUBMITTING"  # credits are reserved, and the provider may have been called
    IN_DOUBT = "IN_DOUBT"  # whether the provider accepted cannot be found out; an operator decides
    PROCESSING = "PROCESSING"  # bound to the provider's process
    COMPLETED = "COMPLETED"  # the result is in place and the credits are booked
    FAILED = "FAILED"  # ended without a result
    CANCELLED = "CANCELLED"  # an operator cancelled it, or its source was deleted before it was sent
    REJECTED = "REJECTED"  # rejected before any money was spent
    SKIPPED = "SKIPPED"  # its settings ask for no processing


TERMINAL = frozenset(
    {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.REJECTED, JobStatus.SKIPPED}
)

# The index of open jobs has them under their status, and terminal jobs that need one more step under these words.
UNPUBLISHED = "UNPUBLISHED"  # the event is not sent yet
LISTED = "LISTED"  # the event is sent, but the provider's list still has the process

LEASE_MARGIN = timedelta(seconds=60)  # a lease lasts so long past its invocation's end, so that clocks may differ
NOTHING = Decimal(0)  # credits: released, or not charged


@dataclass(frozen=True)
class Handle:
    """The name `<job_id>-<run>-<attempt>` that a submit carries, so that the provider's list can show a lost one."""

    job_id: str
    run: int
    attempt: int

    def __str__(self) -> str:
        return f"{self.prefix}{self.attempt}"

    @property
    def prefix(self) -> str:
        """The beginning of the handles of all attempts of one run."""
        return f"{self.job_id}-{self.run}-"


@dataclass(frozen=True, kw_only=True)
class DispatchRecord:
    """How a run is sent and where its result goes. Each reservation writes it; a release keeps it."""

    output_bucket: str
    output_key: str  # the key of the result, once the job is completed
    output_format: str  # an ImageFormat, or ANY_FORMAT
    send_mode: SendMode
    reserved_at: datetime  # the run's first reservation: nothing of the run was sent before


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """What the month's budgets reserve for a job. A release removes it; a settled job keeps it."""

    credits_reserved: Decimal
    credit_price_usd: Decimal
    budget_month: str  # YYYY-MM: the month of the reservation, whenever the job ends
    key_fingerprint: str | None = None  # of the API key of the submit; the settlement removes it


@dataclass(frozen=True, kw_only=True)
class ProviderProcess:
    """The provider's process that is bound to a job, from the bind or an adoption on."""

    process_id: str
    eta: datetime
    submitted_at: datetime
    credits_charged: Decimal | None = None  # what the provider said it charges; the settlement removes it
    staged: bool = False  # a synchronous call's result waits in the output bucket; the settlement removes this


@dataclass(frozen=True, kw_only=True)
class LostAnswer:
    """The submit whose answer was lost. The next reservation, bind or end of the job removes it."""

    lost_at: datetime  # the request had ended by then, so the time within which the vendor's list may lag begins
    lost_attempt: (
        int  # the attempt that sent the request: its handle is in the vendor's list, if the request was accepted
    )


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job, as in its ledger row `pk=JOB#<job_id>`. Times are aware UTC; credits and dollars are Decimals.

    A `SUBMITTING`, `PROCESSING` or `IN_DOUBT` job has a provider, a model, a dispatch and a reservation. A `PROCESSING` job has
    a process too. A job that ends keeps what it has. The `require_…` methods raise ValueError when the job lacks the part.
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
    denied_since: datetime | None = None  # since when every attempt was denied the source object
    failing_since: datetime | None = None  # since when every attempt has failed for an unknown reason
    # What the upload asks for. These are no group, because they become known one after the other, and because a rerun keeps only
    # `settings` and `label`.
    provider: str | None = None
    model: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    label: str | None = None
    dispatch: DispatchRecord | None = None
    reservation: Reservation | None = None
    lost: LostAnswer | None = None
    process: ProviderProcess | None = None
    polls: int = 0  # of this run
    credits: Decimal | None = None  # what was charged; only a job that ends with a reservation has it
    cost_usd: Decimal | None = None
    superseded: bool = False
    error_code: str | None = None
    error: str | None = None
    completed_at: datetime | None = None
    published_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    due_at: datetime | None = None  # when the sweep looks at the job again, even if a worker has it
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
        """The source as `bucket/key`."""
        return f"{self.source_bucket}/{self.source_key}"

    @property
    def attributes(self) -> dict[str, object]:
        """All attributes under the ledger's names, without groups. Those of an absent group have their defaults, or None."""
        flat: dict[str, object] = {}
        for name, value in vars(self).items():
            group = GROUPS.get(name)
            flat |= {name: value} if group is None else _flat(group, value)
        return flat

    def require_provider(self) -> str:
        """Return the provider of a job that is sent."""
        return self._required(self.provider, "provider")

    def require_model(self) -> str:
        """Return the model of a job that is sent."""
        return self._required(self.model, "model")

    def require_dispatch(self) -> DispatchRecord:
        """Return how the job is sent, and where its result goes."""
        return self._required(self.dispatch, "dispatch")

    def require_reservation(self) -> Reservation:
        """Return what is reserved for the job."""
        return self._required(self.reservation, "reservation")

    def require_lost(self) -> LostAnswer:
        """Return what is known of the submit whose answer was lost."""
        return self._required(self.lost, "lost submit")

    def require_process(self) -> ProviderProcess:
        """Return the process that is bound to the job."""
        return self._required(self.process, "process")

    def _required(self, value: Value | None, what: str) -> Value:
        if value is None:
            raise ValueError(f"job {self.job_id} is {self.status} and has no {what}")
        return value


JobGroup = DispatchRecord | Reservation | LostAnswer | ProviderProcess
# The fields of a job that are groups. A row has all attributes of a group, apart from optional ones, or none of them.
GROUPS: Mapping[str, type[JobGroup]] = {
    "dispatch": DispatchRecord,
    "reservation": Reservation,
    "lost": LostAnswer,
    "process": ProviderProcess,
}


def _flat(group: type[JobGroup], value: JobGroup | None) -> dict[str, object]:
    absent = {one.name: None if one.default is MISSING else one.default for one in fields(group)}
    return absent if value is None else vars(value)


class PollStatus(StrEnum):
    """A status that poll and finalize return to the state machine instead of a job's own."""

    RUNNING = "running"  # poll again at `poll_at`; the state machine compares with this word only
    ENDED = "ended"  # only poll returns this: finalize must find out how the job ended
    ABSENT = "ABSENT"  # only finalize returns this: the job does not exist, or is at another run


@dataclass(frozen=True)
class PollState:
    """The data of an execution, which poll and finalize return to the state machine."""

    job_id: str
    run: int
    status: PollStatus | JobStatus  # only finalize returns a JobStatus, and never PROCESSING
    poll_at: datetime


class Alarm(StrEnum):
    """The alarms, which call a person. Each is a metric of that name with an alarm, see docs/operations.md."""

    IN_DOUBT = "JobInDoubt"
    ORPHAN = "OrphanedProcess"
    OVERRUN = "BudgetOverrun"
    CIRCUIT_OPEN = "CircuitOpen"
    DRIFT = "AccountDrift"


class WarningMetric(StrEnum):
    """The warnings, which are only counted. Each is a metric of that name without an alarm, see docs/operations.md."""

    ACCOUNT_UNREAD = "AccountUnread"
    RETIRING_MODEL = "RetiringModelJobs"  # jobs of a day on models that retire soon
    WALK_LATE = "InputWalkLate"  # the input bucket is larger than the search for lost uploads can cover in a day
