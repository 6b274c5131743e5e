"""submit: the intake queue's handler. Parses each message, calls the use case for each upload, answers what failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom import container, messages
from darkroom.pipeline.outcomes import RetryLater

logger, metrics, application = Logger(), Metrics(), container.of_this_process()


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """One SQS batch → `batchItemFailures`; raises if all failed, which comes to the same, but is counted as an error."""
    ends = datetime.now(UTC) + timedelta(milliseconds=context.get_remaining_time_in_millis())
    failed = [{"itemIdentifier": r["messageId"]} for r in event["Records"] if not taken(r, ends)]
    if len(failed) == len(event["Records"]):
        raise RuntimeError("no message could be taken: the lines above say why")
    return {"batchItemFailures": failed}


def taken(record: dict[str, Any], ends: datetime) -> bool:
    """Whether the message is dealt with; one that is too early comes back as a new message, never as a failure."""
    try:
        for what in messages.parse_message(record["body"]):
            if isinstance(verdict := application.submit(what, ends), RetryLater):
                application.adapters.intake.requeue(what, verdict.seconds)
            metrics.add_metric(name=f"Submit{verdict}", unit="Count", value=1)
            logger.info("submit", step="Submit", what=vars(what), verdict=str(verdict), why=verdict.reason)
    except Exception:  # whatever it was, this message comes back
        logger.warning("a message could not be taken", step="Submit", exc_info=True)
        return False
    return True
