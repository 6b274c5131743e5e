"""The handler of the function poll, the step of the state machine that asks the provider about a job."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom import container
from darkroom.aws.executions import poll_state_payload

logger = Logger()
application = container.of_this_process()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, object]:
    """Ask the provider about a job. The event is `{job_id, run, …}`.

    Return `{job_id, run, poll_at, wait_seconds, status}`, where `status` is `running` or `ended`.
    """
    poll_state = application.poll(event["job_id"], int(event["run"]))
    logger.info(
        "poll", step="Poll", job_id=poll_state.job_id, status=poll_state.status, poll_at=poll_state.poll_at.isoformat()
    )
    return poll_state_payload(poll_state)
