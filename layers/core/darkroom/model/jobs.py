"""Jobs as the ledger stores them, with their statuses and handles, and the alarms. Uses only the standard library."""

from __future__ import annotations

import math
import re
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

    CLAIMED = "CLAIMED"  # a worker has the job, or the job waits for its next attempt; nothing was sent
    SUBMITTING = "SUBMITTING"  # credits are reserved, and the provider may have been called
    IN_DOUBT = "IN_DOUBT"  # nobody knows whether the provider accepted the submit; an operator decides
    PROCESSING = "PROCESSING"  # bound to the provider's process
    COMPLETED = "COMPLETED"  # the result is in place and the credits are booked
    FAILED = "FAILED"  # ended without a result
    CANCELLED = "CANCELLED"  # an operator cancelled it, or its source was deleted before it was sent
    REJECTED = "REJECTED"  # rejected before any money was spent
    SKIPPED = "SKIPPED"  # its settings ask for no processing


TERMINAL = frozenset(
    {JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.REJECTED, JobStatus.SKIPPED}
)

# The index of open jobs lists a job under its status. It also lists terminal jobs that need one more step, under these words.
UNPUBLISHED = "UNPUBLISHED"  # the event about the job's end is not sent yet
LISTED = "LISTED"  # the event is sent, but the provider's list still has the process

LEASE_MARGIN = timedelta(seconds=60)  # a lease ends this long after its invocation, because clocks may differ
KEY_DIGITS = 12  # of a fingerprint belong to the API key; as many more belong to the base URL
NOTHING = Decimal(0)  # the credits of a job that was released or not charged


HANDLE = re.compile(r"[0-9a-f]{32}-[0-9]+-[0-9]+")


@dataclass(frozen=True)
class Handle:
    """The name `<job_id>-<run>-<attempt>` that a submit carries. By it, a lost submit is found in the provider's list."""

    job_id: str
    run: int
    attempt: int

    def __str__(self) -> str:
        return f"{self.prefix}{self.attempt}"

    @property
    def prefix(self) -> str:
        """The beginning of the handles of all attempts of one run."""
        return f"{self.job_id}-{self.run}-"

    @staticmethod
    def begins(name: str) -> bool:
        """Whether the name begins with the handle of some job."""
        return HANDLE.match(name) is not None


@dataclass(frozen=True, kw_only=True)
class DispatchRecord:
    """Says how a run is sent and where its result goes. Each reservation writes this record, and a release keeps it."""

    output_bucket: str
    output_key: str  # the key of the result, once the job is completed
    output_format: str  # an ImageFormat, or ANY_FORMAT
    send_mode: SendMode
    reserved_at: datetime  # the time of the run's first reservation; nothing of the run was sent earlier
    drops_tags: bool = False  # whether the result goes without the source's tags


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """The credits that the month's budgets reserve for a job. A release removes the reservation; a settled job keeps it."""

    credits_reserved: Decimal
    credit_price_usd: Decimal
    budget_month: str  # YYYY-MM: the month of the reservation, even if the job ends in a later month
    key_fingerprint: str | None = None  # `Provider.key_fingerprint` at the submit; the settlement removes it

    def is_of_account(self, key_fingerprint: str) -> bool:
        """Return whether the submit was made with this API key and base URL. A row of version 0.1.0 has the key's digits alone;
        they need not be accepted any more once no job of that version can be under way."""
        return self.key_fingerprint in (key_fingerprint, key_fingerprint[:KEY_DIGITS])


@dataclass(frozen=True, kw_only=True)
class ProviderProcess:
    """The provider's process that is bound to a job, since the job was bound or an operator adopted the process."""

    process_id: str
    eta: datetime
    submitted_at: datetime
    credits_charged: Decimal | None = None  # the charge that the provider named; the settlement removes it
    staged: bool = False  # a synchronous call's result waits in the output bucket; the settlement removes this


@dataclass(frozen=True, kw_only=True)
class LostAnswer:
    """A submit whose answer was lost. This record is removed when the job is bound, released or ended."""

    lost_at: datetime  # the request had ended by then; from then on, the vendor's list may lag for a while
    lost_attempt: (
        int  # the attempt that sent the request; if it was accepted, the vendor's list shows this attempt's handle
    )


@dataclass(frozen=True, kw_only=True)
class Told:
    """A callback about the run. It is evidence that the provider has accepted a submit of the run, and of nothing else."""

    told_process_id: str  # the process that the callback named; nobody has confirmed that it is this run's
    told_at: datetime | None = None  # when one said that the process has ended, if finalize has not looked at that yet


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job, as in its ledger row `pk=JOB#<job_id>`. Times are aware UTC; credits and dollars are Decimals.

    A `SUBMITTING`, `PROCESSING` or `IN_DOUBT` job has a provider, a model, a dispatch and a reservation. A `PROCESSING` job has
    a process too. A job that ends keeps these parts. A `require_…` method raises ValueError if the job lacks the part.
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
    denied_since: datetime | None = None  # every attempt since then was denied access to the source object
    failing_since: datetime | None = None  # every attempt since then has failed for an unknown reason
    # The next four fields say what the upload asks for. They do not form a group, because they become known one after the other,
    # and because a rerun keeps only `settings` and `label`.
    provider: str | None = None
    model: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    label: str | None = None
    dispatch: DispatchRecord | None = None
    reservation: Reservation | None = None
    lost: LostAnswer | None = None
    process: ProviderProcess | None = None
    told: Told | None = None
    told_by: str | None = None  # how Darkroom learned that the process had ended: `poll` or `callback`
    polls: int = 0  # how often this run was polled
    credits: Decimal | None = None  # the charge; only a job that ended with a reservation has one
    cost_usd: Decimal | None = None
    superseded: bool = False
    result_notes: str | None = None  # what the result does not have of its source, e.g. `icc=lost, c2pa=dropped`
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
        """True if this run has ended."""
        return self.status in TERMINAL

    @property
    def source_uri(self) -> str:
        """The source as `bucket/key`."""
        return f"{self.source_bucket}/{self.source_key}"

    @property
    def attributes(self) -> dict[str, object]:
        """All attributes by their names in the ledger, on one level. The attributes of an absent group have their defaults or
        None."""
        flat: dict[str, object] = {}
        for name, value in vars(self).items():
            group = GROUPS.get(name)
            flat |= {name: value} if group is None else _flat(group, value)
        return flat

    def require_provider(self) -> str:
        """Return the provider's name. Raises ValueError if the job has none."""
        return self._required(self.provider, "provider")

    def require_model(self) -> str:
        """Return the model's name. Raises ValueError if the job has none."""
        return self._required(self.model, "model")

    def require_dispatch(self) -> DispatchRecord:
        """Return how the job is sent and where its result goes. Raises ValueError if the job was never reserved."""
        return self._required(self.dispatch, "dispatch")

    def require_reservation(self) -> Reservation:
        """Return the reservation. Raises ValueError if nothing is reserved for the job."""
        return self._required(self.reservation, "reservation")

    def require_lost(self) -> LostAnswer:
        """Return the record of the submit whose answer was lost. Raises ValueError if there is none."""
        return self._required(self.lost, "lost submit")

    def require_process(self) -> ProviderProcess:
        """Return the process that is bound to the job. Raises ValueError if there is none."""
        return self._required(self.process, "process")

    def _required(self, value: Value | None, what: str) -> Value:
        if value is None:
            raise ValueError(f"job {self.job_id} is {self.status} and has no {what}")
        return value


JobGroup = DispatchRecord | Reservation | LostAnswer | ProviderProcess | Told
# The fields of `Job` that are groups of attributes. A row has either all required attributes of a group, or none of the group.
GROUPS: Mapping[str, type[JobGroup]] = {
    "dispatch": DispatchRecord,
    "reservation": Reservation,
    "lost": LostAnswer,
    "process": ProviderProcess,
    "told": Told,
}


def _flat(group: type[JobGroup], value: JobGroup | None) -> dict[str, object]:
    absent = {one.name: None if one.default is MISSING else one.default for one in fields(group)}
    return absent if value is None else vars(value)


class PollStatus(StrEnum):
    """A status that poll and finalize return to the state machine in place of a `JobStatus`."""

    RUNNING = "running"  # poll again at `poll_at`; the state machine knows only this word
    ENDED = "ended"  # only poll returns this word; finalize then finds out how the job ended
    ABSENT = "ABSENT"  # only finalize returns this word: no such job or run, or the ledger is another stack's


@dataclass(frozen=True)
class PollState:
    """The data that one execution of the state machine holds. Poll and finalize return it."""

    job_id: str
    run: int
    status: PollStatus | JobStatus  # only finalize returns a JobStatus, and never PROCESSING
    poll_at: datetime
    wait_seconds: int = 1  # the whole seconds until `poll_at`, at least 1: a task token's time-out takes no time of day

    @classmethod
    def waiting(cls, job: Job, poll_at: datetime, now: datetime) -> PollState:
        """Return the state of a job that is to be polled at `poll_at`."""
        wait_seconds = max(math.ceil((poll_at - now).total_seconds()), 1)
        return cls(job.job_id, job.run, PollStatus.RUNNING, poll_at, wait_seconds)


class Alarm(StrEnum):
    """The metrics that call a person. Each has a CloudWatch alarm; docs/operations.md describes them."""

    IN_DOUBT = "JobInDoubt"
    ORPHAN = "OrphanedProcess"
    OVERRUN = "BudgetOverrun"
    CIRCUIT_OPEN = "CircuitOpen"
    DRIFT = "AccountDrift"
    STORAGE_REFUSED = "StorageRefused"
    WRONG_DEFAULTS = "WrongDefaults"
    LEDGER_NOT_OWNED = "LedgerNotOwned"


class WarningMetric(StrEnum):
    """The metrics that are only counted and call nobody. They have no alarm; docs/operations.md describes them."""

    ACCOUNT_UNREAD = "AccountUnread"
    RETIRING_MODEL = "RetiringModelJobs"  # how many of a day's jobs use a model that retires soon
    WALK_LATE = "InputWalkLate"  # the input bucket is larger than the search for lost uploads can cover in a day
