"""What submit answers to the queue: data, not exceptions. A raise means that a retry of the message may mend it.

As text a verdict is one word, as metrics and logs have it: the job's status, `Ignored` or `RetryLater`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from darkroom.messages import MAX_DELAY_SECONDS
from darkroom.model import Job


@dataclass(frozen=True)
class Done:
    """The message has done its work; the job stands as told."""

    job: Job
    reason = None  # the job's row says it

    def __str__(self) -> str:
        return self.job.status.value


@dataclass(frozen=True)
class Ignored:
    """The message concerns no upload of ours; nothing was written."""

    reason: str

    def __str__(self) -> str:
        return "Ignored"


@dataclass(frozen=True)
class RetryLater:
    """Nothing failed, but it is too early: deliver the upload again after `seconds` (0–900)."""

    seconds: int
    reason: str

    def __str__(self) -> str:
        return "Later"

    @classmethod
    def until(cls, due: datetime, now: datetime, reason: str) -> RetryLater:
        """The delay that ends at `due`, or the longest the queue allows."""
        seconds = math.ceil((due - now).total_seconds()) + 1
        return cls(min(max(seconds, 0), MAX_DELAY_SECONDS), reason)


Outcome = Done | Ignored | RetryLater
