"""The error answers: `{detail: text}`, or `{detail: [{loc, msg, type}]}` for a bad body.

The page lists no errors. The shapes are those of FastAPI, from which its schemas come.
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
    """One error in a request, and where it is."""

    where: tuple[str | int, ...]
    message: str
    kind: str

    def body(self) -> dict[str, Any]:
        """Return the problem as the answer lists it."""
        return {"loc": list(self.where), "msg": self.message, "type": self.kind}


class InvalidRequest(Refusal):
    """422: everything that is wrong with a request."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(422)
        self.problems = tuple(problems)


def error_response(refusal: Refusal) -> web.Response:
    """Return the response for a refusal."""
    detail: Any = refusal.message or MESSAGES.get(refusal.status, "Error")
    if isinstance(refusal, InvalidRequest):
        detail = [problem.body() for problem in refusal.problems]
    return web.json_response({"detail": detail}, status=refusal.status)
