"""Tests alerts to operators. Each alert adds to the metric of the alarm with the same name, even if the function then fails."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from aws_lambda_powertools import Metrics
from tests.unit.template_support import of_type

from darkroom.aws.metric_alerts import LoggedAlerts, MetricAlerts
from darkroom.model import Alarm, WarningMetric

# Powertools warns of each invocation without a metric of its own, and an alert's metric is sent before the handler ends.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")
ALARMS = of_type("AWS::CloudWatch::Alarm")


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> Metrics:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "a-stack")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Darkroom")
    made = Metrics()
    made.provider.service, made.provider.namespace = "a-stack", "Darkroom"
    return made


@pytest.mark.parametrize("alarm", Alarm)
@pytest.mark.parametrize("fails", [False, True], ids=["returns", "raises"])
def test_an_alert_is_one_count_in_the_stacks_metric(
    metrics: Metrics, capsys: pytest.CaptureFixture[str], alarm: Alarm, fails: bool
) -> None:
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: object) -> None:
        MetricAlerts().call(alarm, "look", job_id="0" * 32, provider="topaz")
        if fails:
            raise RuntimeError

    try:
        handler({}, None)
    except RuntimeError:
        assert fails
    lines = [line for line in capsys.readouterr().out.splitlines() if "CloudWatchMetrics" in line]
    (sent,) = [one for one in map(json.loads, lines) if "provider" not in one]
    (described,) = sent["_aws"]["CloudWatchMetrics"]
    assert described["Namespace"] == "Darkroom"
    assert described["Dimensions"] == [["service"]]  # an alarm sees a metric only if the dimensions are exactly its own
    assert (sent["service"], sent[alarm.value]) == ("a-stack", [1.0])


@pytest.mark.parametrize("alarm", Alarm)
def test_a_worker_that_is_killed_after_an_alert_has_called(
    metrics: Metrics, capsys: pytest.CaptureFixture[str], alarm: Alarm
) -> None:
    """Nobody calls again about an overrun that is booked or an orphan that is recorded."""

    @metrics.log_metrics
    def handler(event: dict[str, Any], context: object) -> None:
        MetricAlerts().call(alarm, "look", provider="topaz")
        sent.extend(capsys.readouterr().out.splitlines())

    sent: list[str] = []
    handler({}, None)
    assert [json.loads(line)[alarm.value] for line in sent if '"provider"' not in line] == [[1.0]]
    assert capsys.readouterr().out == ""  # it is not sent again when the handler ends


@pytest.mark.parametrize(
    "name", [name for name, alarm in ALARMS.items() if alarm["Properties"]["Namespace"] == "Darkroom"]
)
def test_each_alarm_of_the_template_watches_a_metric_that_its_alert_sends(
    metrics: Metrics, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """An alarm sees a metric only if the namespace, the name and all dimensions are exactly its own."""
    watched = ALARMS[name]["Properties"]
    provider = next((one["Value"] for one in watched["Dimensions"] if one["Name"] == "provider"), "topaz")
    MetricAlerts().call(Alarm(watched["MetricName"]), "look", provider=provider)
    sent = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "CloudWatchMetrics" in line]
    dimensions = {
        one["Name"]: "a-stack" if one["Value"] == {"Ref": "AWS::StackName"} else one["Value"]
        for one in watched["Dimensions"]
    }
    assert (watched["Namespace"], watched["MetricName"], dimensions) in [
        (described["Namespace"], metric["Name"], {key: one[key] for key in keys})
        for one in sent
        for described in one["_aws"]["CloudWatchMetrics"]
        for metric in described["Metrics"]
        for keys in described["Dimensions"]
    ]


def test_an_open_circuit_is_counted_for_its_provider_too(metrics: Metrics, capsys: pytest.CaptureFixture[str]) -> None:
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: object) -> None:
        for provider in ("topaz", "uwear"):
            MetricAlerts().call(Alarm.CIRCUIT_OPEN, "look", provider=provider)

    handler({}, None)
    sent = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"provider"' in line]
    for one in sent:
        (described,) = one["_aws"]["CloudWatchMetrics"]
        assert (described["Namespace"], described["Dimensions"]) == ("Darkroom", [["service", "provider"]])
    assert [(one["service"], one["provider"], one["CircuitOpen"]) for one in sent] == [
        ("a-stack", "topaz", [1.0]),
        ("a-stack", "uwear", [1.0]),
    ]


@pytest.mark.parametrize("note", WarningMetric)
def test_a_note_is_one_count_and_a_warning_and_calls_nobody(
    metrics: Metrics, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, note: WarningMetric
) -> None:
    @metrics.log_metrics
    def handler(event: dict[str, Any], context: object) -> None:
        MetricAlerts().warn(note, "so it is", provider="topaz")

    with caplog.at_level(logging.INFO):
        handler({}, None)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "CloudWatchMetrics" in line]
    assert json.loads(line)[note.value] == [1.0]
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [("WARNING", "so it is")]


def test_a_note_outside_a_function_is_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        LoggedAlerts().warn(WarningMetric.ACCOUNT_UNREAD, "so it is", provider="topaz")
    (record,) = caplog.records
    assert (record.levelname, "so it is" in record.getMessage()) == ("WARNING", True)


@pytest.mark.parametrize("alerts", [MetricAlerts(), LoggedAlerts()], ids=["function", "by hand"])
def test_an_alert_says_what_happened_and_to_which_job(
    metrics: Metrics, alerts: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        alerts.call(Alarm.ORPHAN, "look at the process", process_id="p-1")
    (record,) = caplog.records
    assert "look at the process" in record.getMessage()
    assert "p-1" in str(vars(record))
