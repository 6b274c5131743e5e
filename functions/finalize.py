"""The handler of finalize, the state machine's last step."""

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
    """Settle the job of `{job_id, run, …}`. Return `{job_id, run, poll_at, status}`, where `status` is the job's, or `running`
    if it must be polled again. The state machine retries after an error. On `{check: "storage"}`, which submit sends, check
    whether results can be stored, and return `{refusal}`, None if they can."""
    if "check" in event:
        return {"refusal": application.check_storage()}
    invocation_ends = datetime.now(UTC) + timedelta(milliseconds=context.get_remaining_time_in_millis())
    poll_state = application.finalize(event["job_id"], int(event["run"]), invocation_ends)
    metrics.add_metric(name=f"Finalize{poll_state.status}", unit=MetricUnit.Count, value=1)
    logger.info("finalize", step="Finalize", job_id=poll_state.job_id, status=poll_state.status)
    return poll_state_payload(poll_state)
