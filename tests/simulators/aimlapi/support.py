"""Sends the requests of these tests to the AI/ML API simulator, and reads its request log."""

from __future__ import annotations

import io
import itertools
from functools import partial
from typing import Any

import httpx
from PIL import Image, ImageFilter
from tests.simulators import client
from tests.simulators.client import BEARER, content, until
from tests.simulators.picture_server import opened

from darkroom_local.simulators.aimlapi import AimlapiSimulator

SPEED = 500.0
running = partial(client.running, AimlapiSimulator, BEARER, speed=SPEED)
GENERATIONS = "/v1/images/generations"
PRICE = 210_000
PURSE = 20_000_000
SUPER = {"model": "topaz-labs/sharpen-gen", "mode": "Super Focus V2"}
STRONG = {"model": "topaz-labs/sharpen", "mode": "Strong"}


def generate(http: httpx.Client, image_url: str, client_id: str | None = None, /, **body: Any) -> httpx.Response:
    """Send a request for one generation. Keyword arguments are fields of its body."""
    headers = {} if client_id is None else {"X-Client-Request-Id": client_id}
    return http.post(GENERATIONS, json={**SUPER, "image_url": image_url, **body}, headers=headers)


def link(answer: httpx.Response) -> str:
    """Return the URL of the result that an answer names. The request must have succeeded."""
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"][0]["url"])


def result_of(answer: httpx.Response) -> bytes:
    return content(link(answer))


def log(http: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    """Return the rows that the request log shows for the last day."""
    answer = http.get("/v2/logs", params={"period": "24h", **query})
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows


def logged(http: httpx.Client, number: int = 1) -> list[dict[str, Any]]:
    """Wait until the request log has at least `number` rows, and return all rows."""
    return until(lambda: log(http), lambda rows: len(rows) >= number)


def blurred(name: str = "PNG") -> bytes:
    """Return a picture of a dark rectangle with soft edges."""
    image = Image.new("RGB", (60, 40), "white")
    image.paste((20, 40, 60), (15, 10, 45, 30))
    buffer = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(3)).save(buffer, name)
    return buffer.getvalue()


def steepest(data: bytes) -> int:
    """Return the largest difference between two neighbouring pixels in the middle row of a picture."""
    image = opened(data).convert("L")
    row = list(image.crop((0, image.height // 2, image.width, image.height // 2 + 1)).tobytes())
    return max(abs(left - right) for left, right in itertools.pairwise(row))
