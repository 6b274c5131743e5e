"""The handler of the function sweep, which a schedule calls once a minute."""

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
    """Run the sweep and return how many items each step handled. The event is ignored.

    Raises an error if a step failed. The next sweep tries again.
    """
    invocation_ends = datetime.now(UTC) + timedelta(milliseconds=context.get_remaining_time_in_millis())
    done = dict(application.sweep(invocation_ends))
    logger.info("sweep", step="Sweep", done=done)
    return done
