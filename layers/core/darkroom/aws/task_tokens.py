"""Ends waits of the state machine by their task tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from types_boto3_stepfunctions import SFNClient

# The wait is over: it timed out, was ended before, or its execution was stopped (Step Functions API reference, SendTaskSuccess).
OVER = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})


@dataclass(frozen=True)
class StepFunctionsTaskTokens:
    """Sends task tokens back to Step Functions; implements `ports.TaskTokens`."""

    client: SFNClient

    def wake(self, task_token: str) -> bool:
        """End the wait. The state machine ignores the output, so that nothing of a callback gets into an execution."""
        try:
            self.client.send_task_success(taskToken=task_token, output="{}")
        except ClientError as error:
            if error.response["Error"]["Code"] not in OVER:
                raise
            return False
        return True
