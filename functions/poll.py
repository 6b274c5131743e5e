"""poll: the state machine's question to the provider."""

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
    """`{job_id, run, …}` → `{job_id, run, poll_at, status}`, status `running` or `ended`."""
    tick = application.poll(event["job_id"], int(event["run"]))
    logger.info("poll", step="Poll", job_id=tick.job_id, status=tick.status, poll_at=tick.poll_at.isoformat())
    return poll_state_payload(tick)
