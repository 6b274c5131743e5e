"""Sends the requests of these tests to the Oxen.ai simulator, with the bodies that the vendor's page shows."""

from __future__ import annotations

from functools import partial
from typing import Any

import httpx
from tests.simulators import client
from tests.simulators.client import BEARER, content, until

from darkroom_local.simulators.oxen import OxenSimulator

running = partial(client.running, OxenSimulator, BEARER, speed=50)
MODEL = "topazlabs-image-upscale"
# The two bodies that the vendor's page shows. The picture's URL is left out, because each test gives its own.
MINIMAL = {"model": MODEL}
ALL = {**MINIMAL, "enhance_model": "High Fidelity V2", "upscale_factor": "2x", "output_format": "png"}
ENDED = ("succeeded", "failed", "cancelled")
PRICE, PURSE = 500, 1_000_000


def submit(http: httpx.Client, url: str, **body: Any) -> httpx.Response:
    """Submit the picture at `url` to the queue. Keyword arguments are further fields of the body."""
    return http.post("/ai/queue", json={**MINIMAL, "input_image": url, **body})


def submitted(http: httpx.Client, url: str, **body: Any) -> str:
    answer = submit(http, url, **body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["generations"][0]["generation_id"])


def edit(http: httpx.Client, url: str, **body: Any) -> httpx.Response:
    """Make one synchronous call for the picture at `url`."""
    return http.post("/ai/images/edit", json={**MINIMAL, "input_image": url, **body})


def status(http: httpx.Client, generation_id: str) -> dict[str, Any]:
    body: dict[str, Any] = http.get(f"/ai/queue/{generation_id}").json()
    return body


def seen(http: httpx.Client, generation_id: str, *words: str) -> dict[str, Any]:
    """Wait until the generation has one of these statuses, and return it."""
    return until(lambda: status(http, generation_id), lambda body: body["status"] in words)


def finished(http: httpx.Client, generation_id: str) -> dict[str, Any]:
    return seen(http, generation_id, *ENDED)


def link(http: httpx.Client, generation_id: str) -> str:
    """Wait until the generation has ended, and return the URL of its result. It must have succeeded."""
    body = finished(http, generation_id)
    assert body["status"] == "succeeded", body
    return str(body["result_url"])


def result_of(http: httpx.Client, generation_id: str) -> bytes:
    return content(link(http, generation_id))
