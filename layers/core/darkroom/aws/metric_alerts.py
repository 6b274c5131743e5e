"""Raises alerts: adds to the metric of an alarm, which the template's CloudWatch alarms watch, and writes a line to the log."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from aws_lambda_powertools import Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from darkroom.model import Alarm, WarningMetric

APART = frozenset({Alarm.CIRCUIT_OPEN})  # each provider has a separate alarm, so that none hides another

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MetricAlerts:
    """Counts alerts inside a Lambda handler. Implements `ports.Alerts`."""

    def call(self, alarm: Alarm, message: str, **facts: str) -> None:
        """Log an error, and add 1 to the metric with the alarm's name. An alarm in APART needs the fact `provider`, and also
        adds 1 to that provider's separate metric.

        The metric is sent at once, because the worker may be killed before its handler ends, and no other worker may call for
        the same again.
        """
        log.error(message, extra={"alarm": alarm.value, **facts})
        metrics = Metrics()
        stack = {"service": metrics.service or ""}
        for dimensions in (stack, stack | {"provider": facts["provider"]}) if alarm in APART else (stack,):
            with single_metric(
                name=alarm.value,
                unit=MetricUnit.Count,
                value=1,
                namespace=metrics.namespace,
                default_dimensions=dimensions,
            ):
                pass

    def warn(self, metric: WarningMetric, message: str, *, count: int = 1, **facts: str) -> None:
        """Add `count` to the metric, and log a warning. Powertools sends the metric when the handler ends."""
        log.warning(message, extra={"note": metric.value, **facts})
        Metrics().add_metric(name=metric.value, unit=MetricUnit.Count, value=count)


@dataclass(frozen=True)
class LoggedAlerts:
    """Writes alerts to the log, on an operator's machine; implements `ports.Alerts`."""

    def call(self, alarm: Alarm, message: str, **facts: str) -> None:
        """Log the alarm as a warning."""
        log.warning("%s: %s %s", alarm.value, message, facts or "")

    def warn(self, metric: WarningMetric, message: str, *, count: int = 1, **facts: str) -> None:
        """Log the warning."""
        log.warning("%s: %s %s", metric.value, message, facts or "")
