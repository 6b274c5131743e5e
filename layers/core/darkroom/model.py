"""The words of the domain: uploads, jobs, settings, plans, results. Frozen data and closed enums, standard library only."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


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


class ProcessState(StrEnum):
    """What a provider says of a process, in our five words; adapters map every vendor's to these."""

    RUNNING = "running"  # also every word the vendor has not published
    COMPLETED = "completed"
    FAILED = "failed"  # not charged
    CANCELLED = "cancelled"
    EXPIRED = "expired"  # known, but its result is no longer kept


class ImageFormat(StrEnum):
    """The formats Darkroom takes and gives."""

    JPEG = "jpeg"
    PNG = "png"
    TIFF = "tiff"

    @property
    def content_type(self) -> str:
        """The MIME type, e.g. `image/jpeg`."""
        return f"image/{self.value}"


@dataclass(frozen=True)
class Upload:
    """One version of one object, as an event names it. `version_id` and `etag` may still be unknown."""

    bucket: str
    key: str
    version_id: str | None = None
    etag: str | None = None
    sequencer: str | None = None  # S3's order of events of one key, hexadecimal


@dataclass(frozen=True)
class SourceObject:
    """An upload as S3 holds it now: the event's blanks are filled in."""

    bucket: str
    key: str
    version_id: str | None  # None where the bucket is unversioned or the version is `null`
    etag: str
    size_bytes: int
    last_modified: datetime
    content_type: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    sequencer: str | None = None

    @property
    def job_id(self) -> str:
        """The upload's identity: 32 hex digits, the same from event, sweep, backfill and command line."""
        if self.version_id:
            parts = [self.bucket, self.key, self.version_id]
        else:
            parts = [self.bucket, self.key, self.etag, self.last_modified.isoformat(timespec="seconds")]
        return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:32]

    @property
    def order(self) -> str:
        """Sorts the versions of one key, oldest first: time to the second, then S3's sequencer."""
        return f"{self.last_modified.isoformat(timespec='seconds')}#{(self.sequencer or '').rjust(40, '0')}"


@dataclass(frozen=True)
class ImageFacts:
    """What an object's own bytes say. Width and height in pixels as displayed (EXIF orientation applied)."""

    format: ImageFormat
    width: int
    height: int
    has_alpha: bool = False

    @property
    def megapixels(self) -> Decimal:
        """Width × height in millions."""
        return Decimal(self.width * self.height) / 1_000_000


@dataclass(frozen=True)
class Resolved:
    """One setting after resolution: its value as text, and the layer that gave it (`tags`, `stack`, …)."""

    value: str
    layer: str


@dataclass(frozen=True)
class Plan:
    """A job that may be paid for: everything checked, everything decided. Made by planning, sent by an adapter."""

    provider: str
    model: str
    endpoint: str  # the vendor's path below its base URL, e.g. `enhance/async`
    parameters: Mapping[str, str]  # wire name → wire value
    settings: Mapping[str, str]  # our name → value, kept in the ledger
    layers: Mapping[str, str]  # our name → layer
    notes: tuple[str, ...]  # what was dropped, and why
    source_format: ImageFormat
    output_format: ImageFormat
    output_width: int
    output_height: int
    credits: Decimal
    credit_price_usd: Decimal
    label: str | None = None

    @property
    def cost_usd(self) -> Decimal:
        """Credits × price of a credit, in US dollars."""
        return self.credits * self.credit_price_usd


@dataclass(frozen=True)
class Submission:
    """What a provider answers to an accepted submit."""

    process_id: str
    eta: datetime


@dataclass(frozen=True)
class FoundProcess:
    """An entry of the provider's own list that carries our handle."""

    process_id: str
    handle: str
    state: ProcessState
    eta: datetime | None
    created_at: datetime | None


@dataclass(frozen=True)
class Progress:
    """A provider's word on one process. `credits` is what it charges or will charge, None when it does not say."""

    state: ProcessState
    eta: datetime | None = None
    credits: Decimal | None = None
    output_width: int | None = None
    output_height: int | None = None
    output_format: ImageFormat | None = None
    vendor_word: str = ""


@dataclass(frozen=True)
class Estimate:
    """The vendor's own forecast: seconds it takes and credits it costs."""

    duration_seconds: int
    credits: Decimal | None


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
    credits: Decimal | None = None
    credit_price_usd: Decimal | None = None
    cost_usd: Decimal | None = None
    budget_month: str | None = None
    output_bucket: str | None = None
    output_key: str | None = None
    output_format: str | None = None
    superseded: bool = False
    error_code: str | None = None
    error: str | None = None
    submitted_at: datetime | None = None
    eta: datetime | None = None
    completed_at: datetime | None = None
    published_at: datetime | None = None
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
class Receipt:
    """What a result's object metadata says of where it came from and what it cost."""

    job: Job
    credits: Decimal


@dataclass(frozen=True)
class Limits:
    """The stack's spending limits. 0 or absence = none."""

    monthly_credits: Mapping[str, Decimal]  # provider → its own unit
    monthly_usd: Decimal
    credits_per_job: Mapping[str, Decimal]
    credit_price_usd: Mapping[str, Decimal]  # over the catalog's


@dataclass(frozen=True)
class Tick:
    """What poll answers to the state machine, and what the state machine carries."""

    job_id: str
    run: int
    status: str  # running | ended
    poll_at: datetime
