"""How these tests speak to the Oxen.ai simulator: a plain HTTP client, and the bodies of the vendor's page.

The tests must not import the application: what is checked here is the stand-in, not its user.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import httpx

from darkroom_local.simulators.oxen import OxenSimulator

KEY = "test-key-3"
BEARER = {"Authorization": f"Bearer {KEY}"}
# A client without a key; no certificates are loaded, as everything here is plain HTTP.
BARE = httpx.Client(verify=False, timeout=10, limits=httpx.Limits(max_keepalive_connections=0))
MODEL = "topazlabs-image-upscale"
# The page's two bodies, but for the address of the picture.
MINIMAL = {"model": MODEL}
ALL = {**MINIMAL, "enhance_model": "High Fidelity V2", "upscale_factor": "2x", "output_format": "png"}
ENDED = ("succeeded", "failed", "cancelled")
PRICE, PURSE = 500, 1_000_000


@contextlib.contextmanager
def running(**settings: Any) -> Iterator[tuple[OxenSimulator, httpx.Client]]:
    """A simulator of these settings and a client with its key."""
    with (
        OxenSimulator(api_key=KEY, **{"speed": 50, **settings}) as sim,
        httpx.Client(base_url=sim.base_url, headers=BEARER, timeout=10, verify=False) as http,
    ):
        yield sim, http


def submit(http: httpx.Client, url: str, **body: Any) -> httpx.Response:
    """One submit to the queue; keyword arguments are further fields of the body."""
    return http.post("/ai/queue", json={**MINIMAL, "input_image": url, **body})


def submitted(http: httpx.Client, url: str, **body: Any) -> str:
    answer = submit(http, url, **body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["generations"][0]["generation_id"])


def edit(http: httpx.Client, url: str, **body: Any) -> httpx.Response:
    """One synchronous call."""
    return http.post("/ai/images/edit", json={**MINIMAL, "input_image": url, **body})


def status(http: httpx.Client, generation_id: str) -> dict[str, Any]:
    body: dict[str, Any] = http.get(f"/ai/queue/{generation_id}").json()
    return body


def seen(http: httpx.Client, generation_id: str, *words: str, limit_seconds: float = 6) -> dict[str, Any]:
    """The generation once it has one of these statuses."""
    stop = time.time() + limit_seconds
    while time.time() < stop:
        body = status(http, generation_id)
        if body["status"] in words:
            return body
        time.sleep(0.01)
    raise AssertionError(f"the generation was never {words}")


def finished(http: httpx.Client, generation_id: str) -> dict[str, Any]:
    return seen(http, generation_id, *ENDED)


def link(http: httpx.Client, generation_id: str) -> str:
    """The result's address, once the generation succeeded."""
    body = finished(http, generation_id)
    assert body["status"] == "succeeded", body
    return str(body["result_url"])


def result_of(http: httpx.Client, generation_id: str) -> bytes:
    answer = BARE.get(link(http, generation_id))
    assert answer.status_code == 200
    return answer.content
