"""Prints a line for each job of Darkroom that ended, from the queue of consumer.yaml. It shows what every consumer must do.

Usage: python events/example/consumer.py QUEUE_URL. It runs until it is interrupted, and needs boto3, sqs:ReceiveMessage and
sqs:DeleteMessage. An event may come twice. `job_id` and `run` together name the end of a job, so the second one is dropped. A
message is deleted after its event was handled: if the consumer dies before that, SQS delivers the message again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import boto3

WAIT_SECONDS = 20  # the longest that SQS lets a request wait for a message


def line(event: Mapping[str, Any]) -> str:
    """Return what to print about an event."""
    job = event["detail"]
    source = f"s3://{job['source_bucket']}/{job['source_key']}"
    if event["detail-type"] == "Job Completed":
        return f"{source} -> s3://{job['output_bucket']}/{job['output_key']} ({job['cost_usd']} USD)"
    return f"{source}: {event['detail-type']}: {job.get('error_code', '')} {job.get('error', '')}"


def consume(sqs: Any, queue_url: str, handled: set[tuple[str, int]], wait_seconds: int = WAIT_SECONDS) -> int:
    """Handle the next messages, ten at most, and return how many came. `handled` has the ends that were printed already.

    A consumer that must never handle an end twice keeps `handled` where its work goes, for instance in its database.
    """
    answer = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_seconds)
    messages = answer.get("Messages", [])
    for message in messages:
        event = json.loads(message["Body"])
        end = (event["detail"]["job_id"], event["detail"]["run"])
        if end not in handled:
            print(line(event), flush=True)
            handled.add(end)
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    return len(messages)


def main(queue_url: str) -> None:
    """Print ended jobs until the process is interrupted."""
    sqs, handled = boto3.client("sqs"), set[tuple[str, int]]()
    while True:
        consume(sqs, queue_url, handled)


if __name__ == "__main__":
    main(sys.argv[1])
