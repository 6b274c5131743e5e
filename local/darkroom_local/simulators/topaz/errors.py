"""The error answers: a message for every published error status, and four shapes of the body.

The published shape is `{code, message}`. Clients have seen three other shapes, which come from gateways in front of the
service. Therefore the answers for 429 and 5xx use all four shapes in turn. This module decides how an error answer looks,
not when a request is refused.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from aiohttp import web

from darkroom_local.simulators.framework.refusals import Refusal

MESSAGES: dict[int, str] = {
    301: "Use https.",
    400: "A value in the request is not valid.",
    401: "The API key is missing or not known.",
    402: "The account has too few credits for this request.",
    403: "This API key is not allowed to do that.",
    404: "There is no job with this process id.",
    409: "The job's state does not allow this.",
    412: "No API subscription is active.",
    413: "The request is larger than the limit.",
    415: "The format of the picture is not supported.",
    416: "The range lies outside the file.",
    422: "The picture's width or height is zero.",
    425: "A credit top-up is in progress.",
    429: "Too many requests; try again later.",
    500: "Internal error.",
    502: "Bad gateway.",
    503: "Service unavailable.",
}


class ErrorShapes:
    """Makes the error answers. Those for 429 and 5xx use the four shapes of the body in turn."""

    def __init__(self) -> None:
        self._turns: Iterator[int] = itertools.cycle(range(4))

    def error_response(self, refusal: Refusal) -> web.Response:
        """Return the error answer for a refusal."""
        status = refusal.status
        message = refusal.message or MESSAGES.get(status, "Error.")
        body: dict[str, Any] = {"code": status, "message": message}
        if status == 429 or status >= 500:
            body = (
                body,
                {"detail": message},
                {"detail": [{"msg": message}]},
                {"error": message},
            )[next(self._turns)]
        return web.json_response(body, status=status)
