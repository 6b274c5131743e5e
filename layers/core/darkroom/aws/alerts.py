"""Calls for a person: a count in the alarm's metric, which the template watches, and an error in the log."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from darkroom.model import Alarm, Note

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MetricAlerts:
    """Fulfils `ports.Alerts` inside a handler whose metrics Powertools sends at its end."""

    def call(self, alarm: Alarm, message: str, **facts: str) -> None:
        """One count of the metric named as the alarm."""
        log.error(message, extra={"alarm": alarm.value, **facts})
        Metrics().add_metric(name=alarm.value, unit=MetricUnit.Count, value=1)

    def note(self, note: Note, message: str, **facts: str) -> None:
        """One count of the metric named as the note."""
        log.warning(message, extra={"note": note.value, **facts})
        Metrics().add_metric(name=note.value, unit=MetricUnit.Count, value=1)


@dataclass(frozen=True)
class LoggedAlerts:
    """Fulfils `ports.Alerts` on an operator's machine, where the person is already there."""

    def call(self, alarm: Alarm, message: str, **facts: str) -> None:
        """A line in the log."""
        log.warning("%s: %s %s", alarm.value, message, facts or "")

    def note(self, note: Note, message: str, **facts: str) -> None:
        """The same, with its own name."""
        log.warning("%s: %s %s", note.value, message, facts or "")
