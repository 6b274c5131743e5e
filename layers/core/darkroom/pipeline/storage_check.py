"""Storage check: proves as finalize that a result can be stored, and records it for submit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from darkroom.model import Alarm
from darkroom.ports import Alerts, Clock, StorageChecks, StorageProof

CHECK_EVERY = timedelta(minutes=15)
REFUSED_CHECK_EVERY = timedelta(minutes=5)  # so that uploads need not wait long after the operator corrected it


@dataclass(frozen=True, kw_only=True)
class CheckStorage:
    """The use case with its dependencies. Repeat safe."""

    proof: StorageProof
    checks: StorageChecks
    alerts: Alerts
    clock: Clock

    def __call__(self) -> str | None:
        """Check the buckets and record the result. If something is wrong, raise an alarm and return the reason; otherwise
        return None. Raises StorageUnproven."""
        refusal = self.proof()
        now = self.clock()
        self.checks.record(now, refusal, now + (REFUSED_CHECK_EVERY if refusal else CHECK_EVERY))
        if refusal:
            self.alerts.call(Alarm.STORAGE_REFUSED, f"results cannot be stored, so that uploads wait: {refusal}")
        return refusal
