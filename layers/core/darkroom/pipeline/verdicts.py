"""What submit answers to the queue: data, not exceptions. A raise means that a retry of the message may mend it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from darkroom.events import MAX_DELAY_SECONDS
from darkroom.model import Job


@dataclass(frozen=True)
class Done:
    """The message has done its work; the job stands as told."""

    job: Job


@dataclass(frozen=True)
class Ignored:
    """The message concerns no upload of ours; nothing was written."""

    reason: str


@dataclass(frozen=True)
class Later:
    """Nothing failed, but it is too early: deliver the upload again after `seconds` (0–900)."""

    seconds: int
    reason: str

    @classmethod
    def until(cls, due: datetime, now: datetime, reason: str) -> Later:
        """The delay that ends at `due`, or the longest the queue allows."""
        seconds = math.ceil((due - now).total_seconds()) + 1
        return cls(min(max(seconds, 0), MAX_DELAY_SECONDS), reason)


Verdict = Done | Ignored | Later
