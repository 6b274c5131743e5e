"""In-memory services around the application: event bus, executions, queue, alerts, and presigned links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from darkroom.model import Alarm, JobDue, PollState, SourceObject, Upload, WarningMetric
from tests import event_schemas


@dataclass
class Bus:
    """Fulfils `ports.EventBus` and keeps the events that were sent. An event that its published schema refuses is an error."""

    sent: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)

    def publish(self, detail_type: str, detail: Mapping[str, object]) -> None:
        event_schemas.check(detail_type, detail)
        self.sent.append((detail_type, detail))

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.sent]


@dataclass
class Executions:
    """Fulfils `ports.Executions`. A second start with the same name changes nothing, and no execution ends by itself."""

    running: dict[tuple[str, int, int], PollState] = field(default_factory=dict)

    def start(self, tick: PollState, attempt: int) -> None:
        self.running.setdefault((tick.job_id, tick.run, attempt), tick)


@dataclass
class Queue:
    """Fulfils `ports.IntakeQueue` and keeps each message that was sent, with its delay."""

    sent: list[tuple[Upload | JobDue, int]] = field(default_factory=list)

    def requeue(self, what: Upload | JobDue, delay_seconds: int) -> None:
        self.sent.append((what, delay_seconds))


@dataclass
class RecordedAlerts:
    """Fulfils `ports.Alerts` and keeps the alarms and the warnings."""

    rung: list[Alarm] = field(default_factory=list)
    noted: list[WarningMetric] = field(default_factory=list)

    def call(self, alarm: Alarm, message: str, **facts: str) -> None:
        self.rung.append(alarm)

    def warn(self, metric: WarningMetric, message: str, *, count: int = 1, **facts: str) -> None:
        self.noted.append(metric)


@dataclass
class PresignedUrls:
    """Fulfils `ports.PresignedUrls` and keeps each link's key, file name and lifetime."""

    minted: list[tuple[str, str, int]] = field(default_factory=list)

    def sign(self, source: SourceObject, filename: str, content_type: str, valid_seconds: int) -> str:
        self.minted.append((source.key, filename, valid_seconds))
        return f"https://links.example.test/{source.key}?name={filename}&signature={len(self.minted)}"
