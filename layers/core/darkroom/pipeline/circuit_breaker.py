"""The circuit breaker stops submits to a provider if the account's owner must act, or if an operator paused the provider.

After a while, one submit at a time is admitted as a probe. If the provider accepts the probe, all submits are admitted again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from darkroom.errors import ErrorCode, OperatorFault
from darkroom.model import Alarm, Job, JobStatus
from darkroom.ports import Alerts, Circuits, Clock

RETRY_AFTER = timedelta(minutes=15)  # from the failure to the first probe; nobody corrects an account within minutes
ACCOUNT_CODES = frozenset({ErrorCode.AUTH_FAILED, ErrorCode.OUT_OF_CREDITS})  # of jobs that an open circuit holds back
PROBE_WINDOW = timedelta(minutes=5)  # from one probe to the next, in case the first probe's worker died


@dataclass(frozen=True)
class Admitted:
    """Says that the submit may be made. `probing` is true if the submit is the probe."""

    probing: bool


@dataclass(frozen=True)
class Blocked:
    """Says that no submit may be made before `until`. The error code and the reason say what the operator must do."""

    until: datetime
    error_code: str | None
    why: str


@dataclass(frozen=True, kw_only=True)
class CircuitBreaker:
    """Decides before every reservation whether a submit may be made. Repeat safe, because another probe is admitted after an
    unused one."""

    circuits: Circuits
    alerts: Alerts
    clock: Clock

    def admit(self, provider: str) -> Admitted | Blocked:
        """Return whether a submit to the provider may be made now. An admitted probe counts as used."""
        circuit, now = self.circuits.get(provider), self.clock()
        if circuit is None:
            return Admitted(probing=False)
        if circuit.paused:
            return Blocked(now + RETRY_AFTER, None, f"{_paused(provider)}: {circuit.error}")
        if circuit.retry_at is not None and circuit.retry_at > now:
            return Blocked(circuit.retry_at, circuit.error_code, circuit.error or "")
        if self.circuits.probe(provider, now, now + PROBE_WINDOW):
            return Admitted(probing=True)
        return Blocked(now + PROBE_WINDOW, circuit.error_code, circuit.error or "")

    def open(self, provider: str, fault: OperatorFault) -> datetime:
        """Stop submits, because the account's owner must act. Return the time of the next probe."""
        now = self.clock()
        self.circuits.open(provider, fault.code, str(fault), now, now + RETRY_AFTER)
        self.alerts.call(Alarm.CIRCUIT_OPEN, f"no jobs are sent to {provider}: {fault}", provider=provider)
        return now + RETRY_AFTER

    def report_success(self, provider: str, admission: Admitted) -> None:
        """Admit all submits again if this submit was the probe. The caller calls this after the provider accepted or rejected the
        submit, because both show that the account is usable."""
        if admission.probing:
            self.circuits.close(provider)


def holds_back(provider: str, job: Job) -> bool:
    """Return whether the job waits because the provider's circuit was open or the provider was paused. A job that a worker has,
    or that waits for another reason, is not held back."""
    if job.status is not JobStatus.CLAIMED or job.provider != provider or job.lease_until is not None:
        return False
    return job.error_code in ACCOUNT_CODES or (job.error or "").startswith(_paused(provider))


def _paused(provider: str) -> str:
    return f"submits to {provider} are paused"
