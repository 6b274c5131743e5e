"""A provider's side of things: processes, their states, its account. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from darkroom.model.uploads import ImageFormat


class ProcessState(StrEnum):
    """What a provider says of a process, in our five words; adapters map every vendor's to these."""

    RUNNING = "running"  # also every word the vendor has not published
    COMPLETED = "completed"
    FAILED = "failed"  # not charged
    CANCELLED = "cancelled"
    EXPIRED = "expired"  # known, but its result is no longer kept


@dataclass(frozen=True)
class Submission:
    """What a provider answers to an accepted submit. `staged`: its result came with the answer and was kept."""

    process_id: str
    eta: datetime
    credits: Decimal | None = None  # what it charged, where it says so at once
    staged: bool = False


@dataclass(frozen=True)
class FoundProcess:
    """An entry of the provider's own list that carries our handle."""

    process_id: str
    handle: str
    state: ProcessState
    eta: datetime | None
    created_at: datetime | None
    credits: Decimal | None = None  # what it charges, where the list says so


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
    reason: str = ""  # of a failure, in the vendor's words


@dataclass(frozen=True)
class Estimate:
    """The vendor's own forecast: seconds it takes and credits it costs."""

    duration_seconds: int
    credits: Decimal | None


@dataclass(frozen=True)
class Balance:
    """A provider's account, in its unit: `total` = available + reserved; it falls when the provider charges."""

    available: Decimal
    reserved: Decimal
    total: Decimal


@dataclass(frozen=True)
class AccountSnapshot:
    """What the ledger knew of a provider's account when it was last compared with it. All in the provider's unit."""

    baseline_total: Decimal  # the account's total at the baseline, top-ups since then added
    baseline_spent: Decimal  # what the ledger had booked as spent at the baseline
    total: Decimal  # the account's total at the last look
    spent: Decimal  # the ledger's at the last look
    checked_at: datetime


@dataclass(frozen=True)
class Circuit:
    """A provider to which nothing is submitted: its account needs its owner, or an operator paused it."""

    provider: str
    paused: bool  # by hand, until it is resumed by hand
    retry_at: datetime | None  # from then on one submit may try; None = nobody may
    opened_at: datetime | None
    error_code: str | None = None
    error: str | None = None
