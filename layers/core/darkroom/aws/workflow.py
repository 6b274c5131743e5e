"""The state machine, the event bus and the intake queue: everything Darkroom sends to AWS besides bytes and rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from darkroom import events
from darkroom.aws.rows import stamp
from darkroom.model import Due, Tick, Upload

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient
    from types_boto3_sqs import SQSClient
    from types_boto3_stepfunctions import SFNClient

EVENT_SOURCE = "darkroom"
MAX_RESTARTS = 20  # executions one job may have, each after the one before ended without ending the job


class EventNotSent(RuntimeError):
    """The bus refused the event; whoever called is retried."""


def tick_payload(tick: Tick) -> dict[str, object]:
    """What the execution carries: four keys, no links, no settings, no secrets."""
    return {"job_id": tick.job_id, "run": tick.run, "poll_at": stamp(tick.poll_at), "status": tick.status}


@dataclass(frozen=True)
class StepFunctionsWorkflow:
    """Fulfils `ports.Workflow`."""

    client: SFNClient
    state_machine_arn: str

    def start(self, tick: Tick, attempt: int) -> None:
        """Starts `<job_id>-<run>-<n>`. A name in use is looked up: running is fine, ended means the next n."""
        for number in range(attempt, attempt + MAX_RESTARTS):
            name = f"{tick.job_id}-{tick.run}-{number}"
            try:
                self.client.start_execution(
                    stateMachineArn=self.state_machine_arn, name=name, input=json.dumps(tick_payload(tick))
                )
                return
            except ClientError as error:
                if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                    raise
            if self._is_running(name):
                return
        raise RuntimeError(f"job {tick.job_id} had {MAX_RESTARTS} executions that ended without ending it")

    def _is_running(self, name: str) -> bool:
        arn = f"{self.state_machine_arn.replace(':stateMachine:', ':execution:')}:{name}"
        return self.client.describe_execution(executionArn=arn)["status"] == "RUNNING"


@dataclass(frozen=True)
class EventBridgeEvents:
    """Fulfils `ports.Events` on the default bus."""

    client: EventBridgeClient

    def publish(self, detail_type: str, detail: Mapping[str, object]) -> None:
        """One entry. Raises EventNotSent when the bus answers that it failed."""
        entry = {"Source": EVENT_SOURCE, "DetailType": detail_type, "Detail": json.dumps(detail, ensure_ascii=False)}
        answer = self.client.put_events(Entries=[entry])  # type: ignore[list-item]
        if answer["FailedEntryCount"]:
            raise EventNotSent(f"EventBridge refused an event: {answer['Entries'][0].get('ErrorCode')}")


@dataclass(frozen=True)
class SqsIntake:
    """Fulfils `ports.Intake`."""

    client: SQSClient
    queue_url: str

    def again(self, what: Upload | Due, delay_seconds: int) -> None:
        """A new message; the caller acknowledges the old one, so that waiting never counts as a failed receive."""
        delay = min(max(delay_seconds, 0), events.MAX_DELAY_SECONDS)
        self.client.send_message(QueueUrl=self.queue_url, MessageBody=events.message_of(what), DelaySeconds=delay)
