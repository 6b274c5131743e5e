"""Starts executions of the state machine in Step Functions, one for each run that is at a provider."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from darkroom.model import PollState
from darkroom.timestamps import stamp

if TYPE_CHECKING:
    from types_boto3_stepfunctions import SFNClient


MAX_RESTARTS = 20  # the most executions of one run; a new one starts if the last one ended before the job did


def poll_state_payload(tick: PollState) -> dict[str, object]:
    """Return the input of an execution. It has five keys, and no links, settings or secrets."""
    return {
        "job_id": tick.job_id,
        "run": tick.run,
        "poll_at": stamp(tick.poll_at),
        "wait_seconds": tick.wait_seconds,
        "status": tick.status.value,
    }


@dataclass(frozen=True)
class StepFunctionsExecutions:
    """Starts executions of the state machine; implements `ports.Executions`."""

    client: SFNClient
    state_machine_arn: str

    def start(self, tick: PollState, attempt: int) -> None:
        """Start the execution `<job_id>-<run>-<n>`, where n begins with `attempt`. If an execution with that name runs, do
        nothing. If it has ended, try the next n. Raises RuntimeError after MAX_RESTARTS."""
        for number in range(attempt, attempt + MAX_RESTARTS):
            name = f"{tick.job_id}-{tick.run}-{number}"
            try:
                self.client.start_execution(
                    stateMachineArn=self.state_machine_arn, name=name, input=json.dumps(poll_state_payload(tick))
                )
                return
            except ClientError as error:
                if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                    raise
            if self._is_running(name):
                return
        raise RuntimeError(f"job {tick.job_id} had {MAX_RESTARTS} executions, and each ended before the job did")

    def _is_running(self, name: str) -> bool:
        arn = f"{self.state_machine_arn.replace(':stateMachine:', ':execution:')}:{name}"
        return self.client.describe_execution(executionArn=arn)["status"] == "RUNNING"
