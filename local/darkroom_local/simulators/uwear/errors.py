"""The error answers. Their body is `{detail: text}`, or `{detail: [{loc, msg, type}]}` for a bad request.

The vendor's page lists no errors. The shapes are those of FastAPI, because the schemas on the page come from FastAPI.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from darkroom_local.simulators.framework.refusals import Refusal

MESSAGES: dict[int, str] = {
    301: "Use https.",
    401: "Invalid authentication credentials",
    402: "Not enough credits",
    403: "Not authenticated",
    404: "Not Found",
    413: "Request body too large",
    429: "Too many requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}


@dataclass(frozen=True)
class Problem:
    """One error in a request. `where` is the path of the bad value, and `kind` is FastAPI's name for the error."""

    where: tuple[str | int, ...]
    message: str
    kind: str

    def body(self) -> dict[str, Any]:
        """Return the JSON form of the problem."""
        return {"loc": list(self.where), "msg": self.message, "type": self.kind}


class InvalidRequest(Refusal):
    """The request is answered with 422. The answer lists everything that is wrong with the request."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(422)
        self.problems = tuple(problems)


def error_response(refusal: Refusal) -> web.Response:
    """Return the error answer for a refusal."""
    detail: Any = refusal.message or MESSAGES.get(refusal.status, "Error")
    if isinstance(refusal, InvalidRequest):
        detail = [problem.body() for problem in refusal.problems]
    return web.json_response({"detail": detail}, status=refusal.status)
