"""Storage checks: whether the buckets can take a result, and since when that is known. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class StorageCheck:
    """What is known about the output bucket. `checked_at` is None while the very first check is under way."""

    next_check_at: datetime  # from then on one worker may check again
    checked_at: datetime | None = None
    refusal: str | None = None  # what is wrong and who must do what; None = results can be stored
