"""What a provider says of a process: its id, state, progress, time and price. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from darkroom.model.uploads import ImageFormat


class ProcessState(StrEnum):
    """The state of a process at the provider. Adapters map each vendor's words to these five."""

    RUNNING = "running"  # also any word that the vendor has not published
    COMPLETED = "completed"
    FAILED = "failed"  # not charged
    CANCELLED = "cancelled"
    EXPIRED = "expired"  # finished and charged, but the provider no longer has the result


@dataclass(frozen=True)
class Submission:
    """A provider's answer to an accepted submit. `staged` means that the answer contained the result, which is staged."""

    process_id: str
    eta: datetime
    credits: Decimal | None = None  # what it charged, if the answer says so
    staged: bool = False


@dataclass(frozen=True)
class FoundProcess:
    """An entry of the provider's list that contains our handle."""

    process_id: str
    handle: str
    state: ProcessState
    eta: datetime | None
    created_at: datetime | None
    credits: Decimal | None = None  # what it charges, if the list says so


@dataclass(frozen=True)
class Progress:
    """A provider's status of one process. `credits` is what it charges or will charge, None if it does not say."""

    state: ProcessState
    eta: datetime | None = None
    credits: Decimal | None = None
    output_width: int | None = None
    output_height: int | None = None
    output_format: ImageFormat | None = None
    vendor_word: str = ""
    reason: str = ""  # why it failed, in the vendor's words


@dataclass(frozen=True)
class Estimate:
    """A vendor's estimate of the seconds that a job takes and the credits that it costs."""

    duration_seconds: int
    credits: Decimal | None
