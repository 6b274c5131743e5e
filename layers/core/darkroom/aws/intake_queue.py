"""Sends messages to the intake queue in SQS, for uploads and jobs that must wait or are due."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from darkroom import queue_messages
from darkroom.model import JobDue, Upload

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient


@dataclass(frozen=True)
class SqsIntakeQueue:
    """Sends messages to the intake queue; implements `ports.IntakeQueue`."""

    client: SQSClient
    queue_url: str

    def requeue(self, what: Upload | JobDue, delay_seconds: int) -> None:
        """Send a new message. The caller deletes the old message, so that waiting never counts as a failed receive."""
        delay = min(max(delay_seconds, 0), queue_messages.MAX_DELAY_SECONDS)
        self.client.send_message(
            QueueUrl=self.queue_url, MessageBody=queue_messages.to_message(what), DelaySeconds=delay
        )
