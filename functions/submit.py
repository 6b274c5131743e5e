"""submit: the intake queue's handler. Parses each message, calls the use case for each upload, answers with partial failures."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom import wiring
from darkroom.events import work_of
from darkroom.pipeline.verdicts import Done, Later

logger = Logger()
metrics = Metrics()
processor = BatchProcessor(EventType.SQS, logger=logger, raise_on_entire_batch_failure=False)  # type: ignore[arg-type]


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """One SQS batch → `batchItemFailures`. What is too early comes back as a new message, never as a failure."""
    ends = datetime.now(UTC) + timedelta(milliseconds=context.get_remaining_time_in_millis())

    def record_handler(record: SQSRecord) -> None:
        for what in work_of(record.body):
            verdict = wiring.submit()(what, ends)
            if isinstance(verdict, Later):
                wiring.intake().again(what, verdict.seconds)
            name = verdict.job.status.value if isinstance(verdict, Done) else type(verdict).__name__
            metrics.add_metric(name=f"Submit{name}", unit=MetricUnit.Count, value=1)
            logger.info("submit", step="Submit", what=asdict(what), verdict=name, why=getattr(verdict, "reason", None))

    return process_partial_response(event, record_handler, processor, context)
