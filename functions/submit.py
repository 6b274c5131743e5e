"""The handler of submit, which the intake queue calls: it submits each upload of a batch and reports failed messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom import container, messages
from darkroom.pipeline.outcomes import RetryLater

logger, metrics = Logger(), Metrics()


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Submit the uploads of one SQS batch, and return the failed messages as `batchItemFailures`. If all failed, raise: SQS
    delivers the messages again in either case, but only this counts as an error of the function."""
    invocation_ends_at = datetime.now(UTC) + timedelta(milliseconds=context.get_remaining_time_in_millis())
    failed = [
        {"itemIdentifier": record["messageId"]}
        for record in event["Records"]
        if not process(record, invocation_ends_at)
    ]
    if len(failed) == len(event["Records"]):
        raise RuntimeError("no message of the batch could be processed; the warnings above give the reasons")
    return {"batchItemFailures": failed}


def process(record: dict[str, Any], invocation_ends_at: datetime) -> bool:
    """Submit the uploads of one message, and return whether the message is done. An upload that must wait is sent to the
    queue as a new message, so that waiting never counts as a failure."""
    try:
        for what in messages.parse_message(record["body"]):
            if isinstance(outcome := container.submit()(what, invocation_ends_at), RetryLater):
                container.intake().requeue(what, outcome.seconds)
            metrics.add_metric(name=f"Submit{outcome}", unit="Count", value=1)
            logger.info("submit", step="Submit", what=vars(what), verdict=str(outcome), why=outcome.reason)
    except Exception:  # of any type: SQS delivers the message again
        logger.warning("a message could not be processed", step="Submit", exc_info=True)
        return False
    return True
