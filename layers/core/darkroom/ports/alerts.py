"""The port for alerts: alarms that call a person, and warnings that are only counted."""

from __future__ import annotations

from typing import Protocol

from darkroom.model import Alarm, WarningMetric


class Alerts(Protocol):
    """Raises alarms that call a person, and counts warnings that call nobody."""

    def call(self, alarm: Alarm, message: str, **facts: str) -> None:
        """Count the alarm's metric, which calls a person, and log an error. Repeat safe."""

    def warn(self, metric: WarningMetric, message: str, *, count: int = 1, **facts: str) -> None:
        """Add `count` to a metric that calls nobody, and log a warning. Repeat safe."""
