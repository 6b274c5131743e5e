"""Tests the events of the Oxen.ai simulator: the vendor's example, and the requests that cause no event."""

from __future__ import annotations

import json

import httpx
import pytest
from tests.simulators.client import BARE
from tests.simulators.oxen.support import ALL, MINIMAL, MODEL, edit, finished, submitted
from tests.simulators.picture_server import PictureServer, opened

from darkroom_local.simulators.oxen import OxenSimulator


@pytest.mark.parametrize("body", [MINIMAL, ALL])
def test_the_event_example_hears_of_its_generation(
    http: httpx.Client, picture_server: PictureServer, body: dict[str, str]
) -> None:
    with http.stream("GET", "/events") as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        lines = stream.iter_lines()
        answer = http.post("/ai/queue", json={**body, "input_image": picture_server.url()})
        generation_id = answer.json()["generations"][0]["generation_id"]
        name = ""
        for line in lines:
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: ") and name == "media_generation_completed":
                payload = json.loads(line.removeprefix("data: "))
                break
    assert f'"generation_id":"{generation_id}"' in line  # the shell example on the vendor's page searches for this text
    assert payload.keys() == {"generation_id", "status", "media_type", "model", "url"}
    assert (payload["status"], payload["media_type"], payload["model"]) == ("succeeded", "image", MODEL)
    assert opened(BARE.get(payload["url"]).content).size == (60, 40)


def test_events_tell_of_failures_keep_alive_and_repeat_nothing(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    finished(http, submitted(http, picture_server.url()))
    with http.stream("GET", "/events") as stream:
        lines = stream.iter_lines()
        assert next(lines) == ": keep-alive"
        sim.faults.add("cancelled_job")
        finished(http, submitted(http, picture_server.url()))
        http.delete(f"/ai/queue/{submitted(http, picture_server.url())}")
        edit(http, picture_server.url())  # none of these three requests causes an event
        failed = submitted(http, picture_server.url(), upscale_factor="8x")
        data = next(line for line in lines if line.startswith("data: "))
    payload = json.loads(data.removeprefix("data: "))
    assert payload.keys() == {"generation_id", "status", "media_type", "error"}
    assert (payload["generation_id"], payload["status"]) == (failed, "failed")
    assert "upscale_factor" in payload["error"]
