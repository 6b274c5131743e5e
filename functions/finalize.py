"""The handler of the function finalize, the last step of the state machine."""

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
    """Deliver the result of a job, or write its report, and settle the job. The event is `{job_id, run, …}`.

    Return `{job_id, run, poll_at, wait_seconds, status}`. `status` is that of the job, or `running` if the job must be polled
    again. The state machine tries again after an error. The event `{check: "storage"}` comes from submit: check whether results
    can be stored, and return `{refusal}`, which is None if they can.
    """
    if "check" in event:
        return {"refusal": application.check_storage()}
    invocation_ends = datetime.now(UTC) + timedelta(milliseconds=context.get_remaining_time_in_millis())
    poll_state = application.finalize(event["job_id"], int(event["run"]), invocation_ends)
    metrics.add_metric(name=f"Finalize{poll_state.status}", unit=MetricUnit.Count, value=1)
    logger.info("finalize", step="Finalize", job_id=poll_state.job_id, status=poll_state.status)
    return poll_state_payload(poll_state)
