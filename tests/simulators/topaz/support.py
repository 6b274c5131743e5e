"""Sends the requests of these tests to the Topaz simulator, and makes the pictures in them.

These tests must not import the application, because they check the simulators alone.
"""

from __future__ import annotations

import io
from functools import partial
from typing import Any

import httpx
from PIL import Image
from tests.simulators import client
from tests.simulators.client import BARE, KEY, content, until

from darkroom_local.simulators.topaz import TopazSimulator

HEADERS = {"X-API-Key": KEY}
running = partial(client.running, TopazSimulator, HEADERS)


def picture(width: int = 60, height: int = 40, name: str = "PNG", mode: str = "RGB", **save: Any) -> bytes:
    """Return a picture of this size that shows a gradient."""
    image = Image.linear_gradient("L").resize((width, height)).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, name, **save)
    return buffer.getvalue()


def submit(
    http: httpx.Client,
    data: bytes | None = None,
    filename: str = "cat.png",
    path: str = "/enhance/async",
    **fields: Any,
) -> httpx.Response:
    files = {"image": (filename, picture() if data is None else data)}
    return http.post(path, files=files, data={k: str(v) for k, v in fields.items()})


def submitted(http: httpx.Client, **wishes: Any) -> str:
    answer = submit(http, **wishes)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["process_id"])


def finished(http: httpx.Client, process_id: str) -> dict[str, Any]:
    def status() -> dict[str, Any]:
        body: dict[str, Any] = http.get(f"/status/{process_id}").json()
        return body

    return until(status, lambda body: body["status"] in ("Completed", "Failed", "Cancelled"))


def link(http: httpx.Client, process_id: str, which: str = "download_url") -> str:
    return str(http.get(f"/download/{process_id}").json()[which])


def result_of(http: httpx.Client, process_id: str) -> bytes:
    body = finished(http, process_id)
    assert body["status"] == "Completed", body
    return content(link(http, process_id))


def balance(sim: TopazSimulator) -> dict[str, int]:
    answer = BARE.get(sim.origin + "/account/v1/credits/balance", headers=HEADERS)
    assert answer.status_code == 200
    body: dict[str, int] = answer.json()
    return body
