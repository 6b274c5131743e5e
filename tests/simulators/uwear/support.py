"""Sends the requests of these tests to the uwear.ai simulator, and waits for its results."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import httpx
from tests.simulators import client
from tests.simulators.client import content, until

from darkroom_local.simulators.uwear import UwearSimulator

running = partial(client.running, UwearSimulator)
ENDED = ("Done", "Error", "Failed")


def submit(http: httpx.Client, image_url: str | None, model: str = "recraft", **body: Any) -> httpx.Response:
    """Submit the picture at `image_url`. Keyword arguments are further fields of the body."""
    given = {} if image_url is None else {"image_url": image_url}
    return http.post("/generation-upscale", json={**given, "model_name": model, **body})


def submitted(http: httpx.Client, image_url: str | None, model: str = "recraft", **body: Any) -> int:
    answer = submit(http, image_url, model, **body)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["generation_id"])


def listed(http: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    """Return the entries on one page of the vendor's list."""
    answer = http.get("/generations", params=query)
    assert answer.status_code == 200, answer.text
    entries: list[dict[str, Any]] = answer.json()["data"]
    return entries


def given(http: httpx.Client, **query: Any) -> list[str]:
    """Return the URLs of the inputs that one page of the vendor's list names."""
    return [json.loads(entry["payload"])["image_url"] for entry in listed(http, **query)]


def finished(http: httpx.Client, generation_id: int) -> dict[str, Any]:
    def status() -> dict[str, Any]:
        body: dict[str, Any] = http.get(f"/generation/{generation_id}").json()
        return body

    return until(status, lambda body: body["status"] in ENDED)


def link(http: httpx.Client, generation_id: int) -> str:
    """Wait until the generation has ended, and return the URL of its result. It must have succeeded."""
    body = finished(http, generation_id)
    assert body["status"] == "Done", body
    return str(body["generation_results"][0]["image_url"])


def result_of(http: httpx.Client, generation_id: int) -> bytes:
    return content(link(http, generation_id))
