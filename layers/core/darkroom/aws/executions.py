"""Executions of the state machine on Step Functions: one runs for each job that is at the provider."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from darkroom.model import PollState
from darkroom.timestamps import stamp

if TYPE_CHECKING:
    from types_boto3_stepfunctions import SFNClient


MAX_RESTARTS = 20  # executions one job may have, each after the one before ended without ending the job


def poll_state_payload(tick: PollState) -> dict[str, object]:
    """What the execution carries: four keys, no links, no settings, no secrets."""
    return {"job_id": tick.job_id, "run": tick.run, "poll_at": stamp(tick.poll_at), "status": tick.status.value}


@dataclass(frozen=True)
class StepFunctionsExecutions:
    """Fulfils `ports.Executions`."""

    client: SFNClient
    state_machine_arn: str

    def start(self, tick: PollState, attempt: int) -> None:
        """Starts `<job_id>-<run>-<n>`. A name in use is looked up: running is fine, ended means the next n."""
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
        raise RuntimeError(f"job {tick.job_id} had {MAX_RESTARTS} executions that ended without ending it")

    def _is_running(self, name: str) -> bool:
        arn = f"{self.state_machine_arn.replace(':stateMachine:', ':execution:')}:{name}"
        return self.client.describe_execution(executionArn=arn)["status"] == "RUNNING"
