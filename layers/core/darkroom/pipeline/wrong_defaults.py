"""Wrong defaults: lets uploads wait while the stack's DefaultSettings are wrong, and calls the operator."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from darkroom.errors import ErrorCode, WrongDefaults
from darkroom.model import Alarm, Job
from darkroom.pipeline.message_outcomes import Done, Outcome
from darkroom.ports import Alerts, Clock, Ledger

LOOK_AGAIN = timedelta(minutes=15)  # nobody deploys a correction within minutes


@dataclass(frozen=True, kw_only=True)
class HoldForDefaults:
    """Postpones jobs. Only the owner of a `CLAIMED` job may call it. Repeat safe."""

    ledger: Ledger
    alerts: Alerts
    clock: Clock
    called: list[datetime] = field(default_factory=list)  # when this process called the operator last

    def __call__(self, job: Job, wrong: WrongDefaults) -> Outcome:
        """Let the job wait, unpaid. Call the operator, but not again within LOOK_AGAIN: all uploads wait for one reason."""
        now = self.clock()
        if not self.called or now - self.called[-1] >= LOOK_AGAIN:
            self.called[:] = [now]
            self.alerts.call(Alarm.WRONG_DEFAULTS, str(wrong))
        code = ErrorCode.INVALID_SETTING
        return Done(self.ledger.postpone(job, now + LOOK_AGAIN, error_code=code, error=str(wrong)))
