"""Make the answer for a generation that succeeded. It has the picture or its URL, and the cost.

This module must not look at injected faults, because the shape of the answer is decided when the request is accepted.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from darkroom_local.simulators.aimlapi.errors import id_headers
from darkroom_local.simulators.aimlapi.published_facts import CREDITS_PER_USD
from darkroom_local.simulators.framework.request_journal import Entry

URL, B64 = "url", "b64_json"
# How the body gives the cost: as numbers, as texts, in dollars only, or not at all.
TOKENS, CREDITS, TEXTS, USD, NULL, NOWHERE = "tokens_used", "credits_used", "texts", "usd_spent", "null", "nowhere"


@dataclass(frozen=True)
class AnswerShape:
    """The shape of an answer. The defaults are the published shape."""

    answer_with: str = URL
    no_data: bool = False
    status: int = 200
    usage: str = TOKENS
    cost_headers: bool = True
    credits_header: bool = True  # whether the cost headers include the one in credits, not only the one in dollars


def picture_answer(entry: Entry, shape: AnswerShape, picture: str | bytes, credits: int) -> web.Response:
    """Return the answer that contains `picture`, which is a URL or the bytes.

    With bytes the function blocks, so run it in a worker thread.
    """
    found = {B64: base64.b64encode(picture).decode("ascii")} if isinstance(picture, bytes) else {URL: picture}
    body: dict[str, Any] = {"data": None if shape.no_data else [found]}
    if shape.usage != NOWHERE:
        body["meta"] = {"usage": _usage(shape, credits)}
    headers = id_headers(entry)
    if shape.cost_headers:
        headers["x-aimlapi-usd-spent"] = f"{usd(credits):.9f}"
    if shape.cost_headers and shape.credits_header:
        headers["x-aimlapi-credits-used"] = f"{credits:.1f}"  # assumed: the pages do not say how the number is written
    text = json.dumps(body).encode("ascii")
    return web.Response(body=text, status=shape.status, headers=headers, content_type="application/json")


def usd(credits: int) -> float:
    """Return the value of these credits in US dollars."""
    return credits / CREDITS_PER_USD


def _usage(shape: AnswerShape, credits: int) -> dict[str, Any] | None:
    said: dict[str, dict[str, Any]] = {
        TOKENS: {"tokens_used": credits},
        CREDITS: {"credits_used": credits, "usd_spent": usd(credits)},
        TEXTS: {"credits_used": str(credits), "usd_spent": str(usd(credits))},
        USD: {"usd_spent": usd(credits)},
    }
    return said.get(shape.usage)
