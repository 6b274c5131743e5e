"""sweep: the schedule's handler, once a minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom import container

logger = Logger()
metrics = Metrics()
application = container.of_this_process()


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Any event → how much was done, by step. Raises when a step failed; the next minute tries again."""
    ends = datetime.now(UTC) + timedelta(milliseconds=context.get_remaining_time_in_millis())
    done = dict(application.sweep(ends))
    logger.info("sweep", step="Sweep", done=done)
    return done
