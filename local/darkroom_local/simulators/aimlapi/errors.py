"""The error answers, and the headers that identify the request in every answer.

There are two shapes of the error body. One is on the page General Info (`message`, `path`, `requestId`, `statusCode` as
text, `timestamp`). The other is the problem document that the real service returned in 2026-08.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus

from aiohttp import web

from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.framework.request_journal import Entry

DOCUMENTED, PROBLEM = "documented", "problem"  # the two shapes of the error body
_BILLING = "https://aimlapi.com/app/billing/"
OUT_OF_CREDITS = (
    f"You've run out of credits. Please top up your balance or update your payment method to continue: {_BILLING}"
)
MESSAGES: dict[int, str] = {
    400: "Body validation error",
    401: "This request requires a valid API key. You can create a new API key on the Billing page: "
    "https://aimlapi.com/app/keys",
    403: OUT_OF_CREDITS,
    429: "Too Many Requests",
    500: "Internal server error",
    502: "Bad Gateway",
    503: "Service unavailable",
    504: "Generation timeout",
}
PARTNER_FAILED = "Something wrong with the server. Please, try again later."


class InvalidRequest(Refusal):
    """The request is answered with 400. The message has one line for each problem in the body or the query."""

    def __init__(self, part: str, problems: Sequence[str]) -> None:
        super().__init__(400, "\n".join([f"{part} validation error", *problems]))


def error_response(refusal: Refusal, shape: str = DOCUMENTED) -> web.Response:
    """Return the error answer for a refusal. `shape` is one of the two shapes of the error body."""
    entry, status = refusal.entry, refusal.status
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error"
    message = refusal.message or MESSAGES.get(status, phrase)
    details = {
        "message": message,
        "requestId": entry.get("request_id") or str(uuid.uuid4()),
        "timestamp": format_time(datetime.now(UTC)),
    }
    path = entry.get("path", "")
    if shape == PROBLEM:
        error = {"name": phrase.replace(" ", "") + "Exception", "message": message}
        body = {"title": phrase, "status": status, "instance": path, **details, "error": error}
        return web.json_response(
            body, status=status, headers=id_headers(entry), content_type="application/problem+json"
        )
    return web.json_response(
        {**details, "path": path, "statusCode": str(status)}, status=status, headers=id_headers(entry)
    )


def id_headers(entry: Entry) -> dict[str, str]:
    """Return the headers that carry the ids of the request and its inference, as far as they are known."""
    names = {
        "x-request-id": "request_id",
        "x-inference-id": "inference_id",
        "x-client-request-id": "client_request_id",
    }
    return {header: entry[field] for header, field in names.items() if entry.get(field)}


def format_time(moment: datetime) -> str:
    """Return the moment as ISO 8601 text in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
