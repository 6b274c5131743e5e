"""How these tests speak to the AI/ML API simulator: a plain HTTP client, and the log it is asked for.

The tests must not import the application: what is checked here is the stand-in, not its user.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import time
from collections.abc import Iterator
from typing import Any

import httpx
from PIL import Image, ImageFilter
from tests.simulators.gallery import opened

from darkroom_local.simulators.aimlapi import AimlapiSimulator

KEY = "test-key-3"
BEARER = {"Authorization": f"Bearer {KEY}"}
GENERATIONS = "/v1/images/generations"
# A client without a key; no certificates are loaded, as everything here is plain HTTP.
BARE = httpx.Client(verify=False, timeout=10, limits=httpx.Limits(max_keepalive_connections=0))
PRICE = 210_000
PURSE = 20_000_000
SUPER = {"model": "topaz-labs/sharpen-gen", "mode": "Super Focus V2"}
STRONG = {"model": "topaz-labs/sharpen", "mode": "Strong"}


@contextlib.contextmanager
def running(**settings: Any) -> Iterator[tuple[AimlapiSimulator, httpx.Client]]:
    """A simulator set up in its own way, and a client of it."""
    with (
        AimlapiSimulator(api_key=KEY, **{"speed": 500, **settings}) as sim,
        httpx.Client(base_url=sim.base_url, headers=BEARER, timeout=10, verify=False) as http,
    ):
        yield sim, http


def generate(http: httpx.Client, image_url: str, client_id: str | None = None, /, **body: Any) -> httpx.Response:
    """One generation; keyword arguments are fields of the body."""
    headers = {} if client_id is None else {"X-Client-Request-Id": client_id}
    return http.post(GENERATIONS, json={**SUPER, "image_url": image_url, **body}, headers=headers)


def link(answer: httpx.Response) -> str:
    """The result's address."""
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"][0]["url"])


def result_of(answer: httpx.Response) -> bytes:
    picture = BARE.get(link(answer))
    assert picture.status_code == 200
    return picture.content


def log(http: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    """The rows of the last day."""
    answer = http.get("/v2/logs", params={"period": "24h", **query})
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows


def logged(http: httpx.Client, number: int = 1, limit_seconds: float = 4) -> list[dict[str, Any]]:
    """The log, once it has that many rows."""
    stop = time.time() + limit_seconds
    while len(rows := log(http)) < number:
        assert time.time() < stop, f"the log has {len(rows)} rows"
        time.sleep(0.02)
    return rows


def blurred(name: str = "PNG") -> bytes:
    """A picture with soft edges."""
    image = Image.new("RGB", (60, 40), "white")
    image.paste((20, 40, 60), (15, 10, 45, 30))
    buffer = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(3)).save(buffer, name)
    return buffer.getvalue()


def steepest(data: bytes) -> int:
    """The greatest step between two neighbours in the middle of a picture."""
    image = opened(data).convert("L")
    row = list(image.crop((0, image.height // 2, image.width, image.height // 2 + 1)).tobytes())
    return max(abs(left - right) for left, right in itertools.pairwise(row))
