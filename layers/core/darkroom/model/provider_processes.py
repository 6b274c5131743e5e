"""The data that a provider gives about a process: its id, state, progress, time and price. Uses only the standard library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from darkroom.model.uploads import ImageFormat


class ProcessState(StrEnum):
    """The state of a process at the provider. Adapters map each vendor's status words to these five states."""

    RUNNING = "running"  # also stands for any status word that the vendor has not published
    COMPLETED = "completed"
    FAILED = "failed"  # failed, and nothing is charged
    CANCELLED = "cancelled"
    EXPIRED = "expired"  # finished and charged, but the provider no longer has the result


@dataclass(frozen=True)
class Submission:
    """A provider's answer to an accepted submit. `staged` is true if the answer contained the result and it was staged."""

    process_id: str
    eta: datetime
    credits: Decimal | None = None  # the charge, if the answer names it
    staged: bool = False


@dataclass(frozen=True)
class FoundProcess:
    """An entry of the provider's list that contains our handle."""

    process_id: str
    handle: str
    state: ProcessState
    eta: datetime | None
    created_at: datetime | None
    credits: Decimal | None = None  # the charge, if the list names it


@dataclass(frozen=True)
class UnnamedProcess:
    """An entry of the provider's list whose name is no handle, with what it repeats of its request."""

    found: FoundProcess
    model: str  # the vendor's name for it
    settings: Mapping[str, object]  # the vendor's names → values, as far as the entry repeats them
    output_width: int | None
    output_height: int | None
    output_format: ImageFormat | None
    is_synchronous: bool  # whether its call waits for the result


@dataclass(frozen=True)
class CallbackBody:
    """What a vendor's callback says. Nothing else of its body is kept, above all no link."""

    process_id: str
    state: ProcessState


@dataclass(frozen=True)
class Progress:
    """A provider's answer about one process. `credits` is the charge now or later, or None if the provider does not say."""

    state: ProcessState
    eta: datetime | None = None
    credits: Decimal | None = None
    output_width: int | None = None
    output_height: int | None = None
    output_format: ImageFormat | None = None
    vendor_word: str = ""  # the vendor's own status word
    reason: str = ""  # why the process failed, in the vendor's words


@dataclass(frozen=True)
class Estimate:
    """A vendor's estimate of the seconds that a job takes and the credits that it costs."""

    duration_seconds: int
    credits: Decimal | None
