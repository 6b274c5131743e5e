"""Storage gate: lets a job pass only while it is known that its result can be stored.

Submit reads what finalize has proven. One submit at a time has finalize prove it again when that is too old.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from darkroom.errors import StorageUnproven
from darkroom.model import Alarm, StorageCheck
from darkroom.ports import Alerts, Clock, StorageChecker, StorageChecks

CHECK_TAKES = timedelta(seconds=60)  # at most, with a cold start of finalize; then another submit may have it made
TRUSTED_FOR = timedelta(minutes=30)  # so long a proof counts while the next one cannot be made
UNPROVEN_RETRY = timedelta(minutes=5)
SOON_SECONDS = 2  # between two looks while another submit has the check made

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Refused:
    """No result can be stored, or nobody knows. The job waits until `until`. `is_soon`: a check is under way."""

    until: datetime
    why: str
    is_soon: bool = False


@dataclass(frozen=True, kw_only=True)
class StorageGate:
    """Decides before anything else of a job is done. Repeat safe."""

    checks: StorageChecks
    checker: StorageChecker
    alerts: Alerts
    clock: Clock

    def refusal(self) -> Refused | None:
        """Return why the job must wait; None if results can be stored."""
        now, known = self.clock(), self.checks.last()
        if (known is None or known.next_check_at <= now) and self.checks.take_turn(now, now + CHECK_TAKES):
            self._check(now)
            known = self.checks.last()
        return _verdict(known, self.clock())

    def _check(self, now: datetime) -> None:
        """Have finalize check. If it cannot, and the last proof is too old, nothing may be reserved. The last proof is read
        again, because only finalize's answer may have been lost."""
        try:
            self.checker()
        except StorageUnproven as unproven:
            log.warning("the output bucket could not be checked", extra={"why": str(unproven)})
            if _verdict(self.checks.last(), now) is not None:
                self.checks.record(now, str(unproven), now + UNPROVEN_RETRY)
                self.alerts.call(
                    Alarm.STORAGE_REFUSED,
                    f"nobody knows whether results can be stored, so that uploads wait: {unproven}",
                )


def _verdict(known: StorageCheck | None, now: datetime) -> Refused | None:
    if known is not None and known.refusal:
        return Refused(max(known.next_check_at, now), known.refusal)
    if known is None or known.checked_at is None or known.checked_at + TRUSTED_FOR <= now:
        # Another submit has it checked: for the first time, or after a time without uploads.
        soon = now + timedelta(seconds=SOON_SECONDS)
        return Refused(soon, "the check of the output bucket is under way", is_soon=True)
    return None
