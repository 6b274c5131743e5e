"""How these tests speak to the uwear.ai simulator: a plain HTTP client.

The tests must not import the application: what is checked here is the stand-in, not its user.
"""

from __future__ import annotations

import time
from typing import Any

import httpx

KEY = "test-key-2"
BEARER = {"Authorization": f"Bearer {KEY}"}
# A client without a key; no certificates are loaded, as everything here is plain HTTP.
BARE = httpx.Client(verify=False, timeout=10, limits=httpx.Limits(max_keepalive_connections=0))
ENDED = ("Done", "Error", "Failed")


def submit(http: httpx.Client, image_url: str | None, model: str = "recraft", **body: Any) -> httpx.Response:
    """One submit; keyword arguments are further fields of the body."""
    given = {} if image_url is None else {"image_url": image_url}
    return http.post("/generation-upscale", json={**given, "model_name": model, **body})


def submitted(http: httpx.Client, image_url: str | None, model: str = "recraft", **body: Any) -> int:
    answer = submit(http, image_url, model, **body)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["generation_id"])


def finished(http: httpx.Client, generation_id: int, limit_seconds: float = 6) -> dict[str, Any]:
    stop = time.time() + limit_seconds
    while time.time() < stop:
        body: dict[str, Any] = http.get(f"/generation/{generation_id}").json()
        if body["status"] in ENDED:
            return body
        time.sleep(0.02)
    raise AssertionError("the generation did not end")


def link(http: httpx.Client, generation_id: int) -> str:
    """The result's address, once the generation is done."""
    body = finished(http, generation_id)
    assert body["status"] == "Done", body
    return str(body["generation_results"][0]["image_url"])


def result_of(http: httpx.Client, generation_id: int) -> bytes:
    answer = BARE.get(link(http, generation_id))
    assert answer.status_code == 200
    return answer.content
