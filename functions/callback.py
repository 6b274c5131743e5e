"""The handler of the function callback, which vendors call through its public URL. It holds no API key and calls no provider."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from darkroom import container

logger = Logger()
application = container.of_this_process()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Take one callback. The event is a function URL's request (payload 2.0). Return only an HTTP status.

    An error leads to a status of 502, after which the vendor tries again. The path is a secret and the body has links, so neither
    is logged. A request with a wrong address is not logged at all, so that a flood of them costs no log.
    """
    text = event.get("body") or ""
    body = b64decode(text) if event.get("isBase64Encoded") else text.encode()
    answer = application.callback(event["requestContext"]["http"]["method"], event["rawPath"], body)
    if answer.job_id is not None:
        logger.info("callback", step="Callback", job_id=answer.job_id, outcome=answer.outcome.value)
    return {"statusCode": answer.status_code}
