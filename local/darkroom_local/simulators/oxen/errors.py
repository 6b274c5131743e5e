"""The error answers, in the two published shapes.

Most errors have the shape `{error: {type, title, detail?}, status: "error", status_message}`. Where the vendor's page shows
only a message, the shape is `{error: {message}}`. The pages name four error types. The types for 402, 403 and 429 are
assumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from darkroom_local.simulators.framework.refusals import Refusal

BAD_PARAMETERS = "Invalid parameters supplied, please check your request and try again."
TYPES: Mapping[int, tuple[str, str]] = {
    400: ("invalid_params", BAD_PARAMETERS),
    401: ("unauthenticated", "You must be authenticated to access this resource"),
    402: ("insufficient_credits", "Insufficient credits"),
    403: ("unauthorized", "You are not allowed to access this resource"),
    404: ("resource_not_found", "The requested resource could not be found"),
    413: ("invalid_params", BAD_PARAMETERS),
    429: ("rate_limited", "Too many requests"),
}
_OTHERWISE = ("unknown_error", "Something went wrong")


class PlainRefusal(Refusal):
    """The request is refused with the short body `{error: {message}}`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.words = message


def error_response(refusal: Refusal) -> web.Response:
    """Return the error answer for a refusal."""
    if isinstance(refusal, PlainRefusal):
        return web.json_response({"error": {"message": refusal.words}}, status=refusal.status)
    name, title = TYPES.get(refusal.status, _OTHERWISE)
    error: dict[str, Any] = {"type": name, "title": title}
    if refusal.message is not None:
        error["detail"] = refusal.message
    body = {"error": error, "status": "error", "status_message": name}
    return web.json_response(body, status=refusal.status)
