"""finalize: the state machine's last step, whatever the outcome."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom import container
from darkroom.aws.executions import poll_state_payload

logger = Logger()
metrics = Metrics()
application = container.of_this_process()


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, object]:
    """`{job_id, run, …}` → `{job_id, run, poll_at, status}`: the job's own status, or `running`. Raises to be retried."""
    ends = datetime.now(UTC) + timedelta(milliseconds=context.get_remaining_time_in_millis())
    tick = application.finalize(event["job_id"], int(event["run"]), ends)
    metrics.add_metric(name=f"Finalize{tick.status}", unit=MetricUnit.Count, value=1)
    logger.info("finalize", step="Finalize", job_id=tick.job_id, status=tick.status)
    return poll_state_payload(tick)
