"""Brings the jobs of a deployed stack into every status, and checks how they end after the stack was updated.

The jobs are made by an earlier version of Darkroom, so this module uses only the public contract: buckets, messages, tags and the
rows of the ledger. The one exception is `doubt`, which runs the earlier version's own code.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from tests.e2e.deployed_application import Darkroom, picture

PREFIX = "photos/"  # the stack's InputPrefix; objects under other prefixes cause no event
LATE_SECONDS = 45.0  # a job that runs for so long is still at the provider when the stack is updated
ENDED_BEFORE = {
    "held/completed.png": "COMPLETED", "held/failed.png": "FAILED", "held/rejected.png": "REJECTED",
    "held/skipped.png": "SKIPPED", "held/deleted.png": "CANCELLED",
}  # fmt: skip
# The job's status when the stack is updated. Each of these jobs must be COMPLETED in the end.
AT_WORK = {
    "held/processing.png": "PROCESSING", "held/lost-answer.png": "SUBMITTING", "held/in-doubt.png": "IN_DOUBT",
    "held/no-credits.png": "CLAIMED",
}  # fmt: skip
QUEUED = f"{PREFIX}arrives-while-updating.png"
TAGS = {"held/rejected.png": "sclae=2", "held/skipped.png": "skip=true"}
MARK_IN_DOUBT = """
import sys
from datetime import UTC, datetime
import boto3
from darkroom.aws.ledger import DynamoLedger
from darkroom.aws.ledger_table import LedgerTable
ledger = DynamoLedger(LedgerTable(boto3.client("dynamodb"), sys.argv[1]), None)
ledger.mark_in_doubt(ledger.get(sys.argv[2]), "nobody can tell", datetime.now(UTC))
"""


def occupy(room: Darkroom, earlier: Path) -> None:
    """Make jobs in every status. `earlier` is the folder of the version of Darkroom that is deployed."""
    for key in [*ENDED_BEFORE, *AT_WORK]:
        room.upload(key, picture(80, 60, "PNG"), TAGS.get(key, "scale=2"))
    faults = room.simulator.faults
    faults.add("failed_job", match=room.job_id("held/failed.png"))
    room.s3.delete_object(
        Bucket=room.stack.input_bucket, Key="held/deleted.png", VersionId=room.versions["held/deleted.png"]
    )
    for key in ENDED_BEFORE:
        room.notify(key)
    ended = room.ended(ENDED_BEFORE, 120)
    assert {key: job["status"] for key, job in ended.items()} == ENDED_BEFORE

    for key in ("held/processing.png", "held/in-doubt.png"):  # polled again and again
        faults.add("eta_early", match=room.job_id(key), late_seconds=LATE_SECONDS)
    faults.add("lost_answer", on="submit", match=room.job_id("held/lost-answer.png"))
    faults.add("no_funds", on="submit", match=room.job_id("held/no-credits.png"))
    for key in AT_WORK:
        if key != "held/no-credits.png":
            room.notify(key)
    for key, status in AT_WORK.items():
        before = "PROCESSING" if status == "IN_DOUBT" else status
        if key == "held/no-credits.png":  # last, because from then on nothing is sent to the provider
            room.notify(key)
        room.until(key, lambda job, word=before: job.get("status") == word and "lease_until" not in job, 60)
    doubt(room, earlier, "held/in-doubt.png")
    assert {key: room.job(key)["status"] for key in AT_WORK} == AT_WORK


def doubt(room: Darkroom, earlier: Path, key: str) -> None:
    """Let the earlier version's code mark a running job as in doubt."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(earlier / "layers" / "core")}
    command = [sys.executable, "-c", MARK_IN_DOUBT, room.stack.outputs["LedgerTable"], room.job_id(key)]
    subprocess.run(command, env=environment | room.stack.endpoint.environment(), check=True)


def operate(room: Darkroom, *arguments: str) -> None:
    """Run the present command line, as an operator does after the update."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "darkroom_cli", *arguments]
    subprocess.run(command, env=environment | room.stack.endpoint.environment(), check=True)


def finish(room: Darkroom) -> None:
    """Deliver every message again, and let every job end."""
    for key in [*ENDED_BEFORE, *AT_WORK]:
        room.notify(key)
    doubted = room.job("held/in-doubt.png")
    operate(room, "resolve", doubted["job_id"], "--adopt", doubted["process_id"])
    operate(room, "resume", "topaz")
    room.ended([*AT_WORK, QUEUED], 90, hurry=True)


def wrongs(room: Darkroom) -> Iterator[str]:
    """Yield a sentence for each job that did not end as it must, and for each wrong booking."""
    for key, meant in {**ENDED_BEFORE, **dict.fromkeys([*AT_WORK, QUEUED], "COMPLETED")}.items():
        job, submits = room.job(key), len(room.submits(key))
        if job["status"] != meant:
            yield f"{key} is {job['status']}, not {meant}: {job.get('error')}"
        if submits != (1 if meant in ("COMPLETED", "FAILED") else 0):
            yield f"{key} was submitted {submits} times"
        if meant == "COMPLETED" and key not in room.output_keys():
            yield f"{key} has no result"
    month = room.row("BUDGET#topaz", room.job(QUEUED)["budget_month"])
    if (month["reserved"], month["spent"]) != (Decimal(0), Decimal(len(AT_WORK) + 2)):
        yield f"the month has {month['reserved']} credits reserved and {month['spent']} spent"
    runs = room.client("stepfunctions").list_executions(stateMachineArn=room.stack.outputs["StateMachineArn"])
    for run in runs["executions"]:
        if run["status"] not in ("SUCCEEDED", "FAILED"):
            yield f"the execution {run['name']} is {run['status']}"
