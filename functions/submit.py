"""The handler of the function submit. Lambda calls it with a batch of messages from the intake queue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom import container, queue_messages
from darkroom.pipeline.message_outcomes import RetryLater

logger, metrics, application = Logger(), Metrics(), container.of_this_process()


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Submit the uploads of a batch of SQS messages. Return the messages that failed, or raise RuntimeError if all failed."""
    invocation_ends = datetime.now(UTC) + timedelta(milliseconds=context.get_remaining_time_in_millis())
    failed = [one["messageId"] for one in event["Records"] if not process(one, invocation_ends)]
    if len(failed) == len(event["Records"]):
        raise RuntimeError("no message of the batch could be processed; the log lines before this one say why")
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def process(record: dict[str, Any], ends: datetime) -> bool:
    """Submit the uploads of a message; requeue those that must wait. Return False if SQS must deliver the message again."""
    try:
        for what in queue_messages.parse_message(record["body"]):
            if isinstance(outcome := application.submit(what, ends, queue_messages.is_repeated(record)), RetryLater):
                application.adapters.intake.requeue(what, outcome.seconds)
            metrics.add_metric(name=f"Submit{outcome}", unit="Count", value=1)
            logger.info("submit", step="Submit", what=vars(what), verdict=str(outcome), why=outcome.reason)
    except Exception:  # after any error, SQS delivers the message again
        logger.warning("a message could not be processed", step="Submit", exc_info=True)
        return False
    return True
