"""The outcomes that submit returns for a message. Submit raises only if delivering the message again may help.

As text, an outcome is one word for metrics and logs: the job's status, `Ignored` or `Later`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from darkroom.model import Job
from darkroom.queue_messages import MAX_DELAY_SECONDS


@dataclass(frozen=True)
class Done:
    """The message is done. The job has the status that the message led to."""

    job: Job
    reason = None  # the job's row contains the reason

    def __str__(self) -> str:
        return self.job.status.value


@dataclass(frozen=True)
class Ignored:
    """The message is done without work, because it names no upload of this stack, or one that another worker owns."""

    reason: str

    def __str__(self) -> str:
        return "Ignored"


@dataclass(frozen=True)
class RetryLater:
    """The message came too early, so it must be delivered again after `seconds` (0–900). This does not count as a failure."""

    seconds: int
    reason: str

    def __str__(self) -> str:
        return "Later"

    @classmethod
    def until(cls, due: datetime, now: datetime, reason: str) -> RetryLater:
        """Return the outcome with the delay until `due`, or with the longest delay that the queue allows."""
        seconds = math.ceil((due - now).total_seconds()) + 1
        return cls(min(max(seconds, 0), MAX_DELAY_SECONDS), reason)


Outcome = Done | Ignored | RetryLater
