"""The gate before a provider: closed while its account needs its owner or an operator paused it. One probe at a time passes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from darkroom.errors import OperatorFault
from darkroom.model import Alarm
from darkroom.ports import Alerts, Circuits, Clock

RETRY_AFTER = timedelta(minutes=15)  # an account does not mend itself within minutes
PROBE_WINDOW = timedelta(minutes=5)  # a probe that vanished is followed by another after this


@dataclass(frozen=True)
class Admitted:
    """The submit may be made. `probing`: it is the one that finds out whether the account was mended."""

    probing: bool


@dataclass(frozen=True)
class Blocked:
    """No submit before `until`; the code and the words say what the operator must do."""

    until: datetime
    error_code: str | None
    why: str


@dataclass(frozen=True)
class CircuitBreaker:
    """Asked before every reservation. Repeat safe: an unused probe is merely followed by another."""

    circuits: Circuits
    alerts: Alerts
    clock: Clock

    def admit(self, provider: str) -> Admitted | Blocked:
        """Whether a submit to the provider may be made now."""
        circuit, now = self.circuits.get(provider), self.clock()
        if circuit is None:
            return Admitted(probing=False)
        if circuit.paused:
            return Blocked(now + RETRY_AFTER, None, f"submits to {provider} are paused: {circuit.error}")
        if circuit.retry_at is not None and circuit.retry_at > now:
            return Blocked(circuit.retry_at, circuit.error_code, circuit.error or "")
        if self.circuits.probe(provider, now, now + PROBE_WINDOW):
            return Admitted(probing=True)
        return Blocked(now + PROBE_WINDOW, circuit.error_code, circuit.error or "")

    def open(self, provider: str, fault: OperatorFault) -> datetime:
        """The account needs its owner: nobody else tries before the moment that is answered."""
        now = self.clock()
        self.circuits.open(provider, fault.code, str(fault), now, now + RETRY_AFTER)
        self.alerts.call(Alarm.CIRCUIT_OPEN, f"{provider} takes no submits: {fault}", provider=provider)
        return now + RETRY_AFTER

    def report_success(self, provider: str, entered: Admitted) -> None:
        """The provider dealt with the submit: a probe that got this far opens the gate to all."""
        if entered.probing:
            self.circuits.close(provider)
