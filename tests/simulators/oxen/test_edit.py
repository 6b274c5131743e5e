"""Tests the synchronous call of the Oxen.ai simulator. It waits until the picture is made, and charges like the queue."""

from __future__ import annotations

import base64
import time

import httpx
import pytest
from tests.simulators.client import BARE, hang_up, until
from tests.simulators.oxen.support import ALL, MINIMAL, PRICE, PURSE, edit, running
from tests.simulators.picture_server import PictureServer, opened

from darkroom_local.simulators.oxen import OxenSimulator


def test_the_call_is_synchronous_until_the_picture_is_made(picture_server: PictureServer) -> None:
    with running(speed=20) as (_, http):
        start = time.time()
        assert edit(http, picture_server.url()).status_code == 200
        assert time.time() - start >= 0.25  # the call takes five seconds, at twenty times the speed


def test_the_picture_comes_inline_when_asked_for(http: httpx.Client, picture_server: PictureServer) -> None:
    images = edit(http, picture_server.url(), response_format="b64_json", upscale_factor="4x").json()["images"]
    assert [list(image) for image in images] == [["b64_json"]]
    assert opened(base64.b64decode(images[0]["b64_json"], validate=True)).size == (120, 80)


def test_the_picture_can_come_inline_unasked(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("inline")
    kinds = [list(edit(http, picture_server.url(), response_format="url").json()["images"][0]) for _ in range(2)]
    assert kinds == [["b64_json"], ["url"]]


def test_a_call_is_one_paid_submit_that_no_list_shows(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    url = picture_server.url("/cat.png?mark=job-9")
    edit(http, url)
    entries = [(s["operation"], s["generation_id"], s["input_image"], s["query"], s["credits"]) for s in sim.submits]
    assert entries == [("edit", None, url, {"mark": "job-9"}, PRICE)]
    assert sim.account.consumed_credits == PRICE
    assert http.get("/ai/queue", params={"status": "succeeded"}).json()["count"] == 0
    assert http.get("/ai/generations").json()["count"] == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("upscale_factor", "3x"),
        ("upscale_factor", 2),
        ("enhance_model", "Standard V9"),
        ("output_format", "tiff"),
        ("response_format", "binary"),
        ("input_image", "ftp://example.invalid/a.png"),
        ("input_image", ["http://127.0.0.1:9/a.png"]),
    ],
)
def test_bad_parameters_are_refused_at_once_and_by_name(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer, name: str, value: object
) -> None:
    answer = http.post("/ai/images/edit", json={**ALL, "input_image": picture_server.url(), name: value})
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_params")
    assert name in answer.json()["error"]["detail"]
    assert (sim.submits, picture_server.asked) == ([], [])


def test_an_input_that_cannot_be_had_is_refused_and_costs_nothing(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    url = picture_server.url("/gone.png")
    answer = edit(http, url)
    assert answer.status_code == 400
    assert answer.json() == {"error": {"message": f"404 Client Error: Not Found for url: {url}"}}
    assert (sim.account.available_credits, sim.account.reserved_credits) == (PURSE, 0)


def test_a_call_can_fail_by_itself(sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer) -> None:
    sim.faults.add("failed_job", on="edit")
    answer = edit(http, picture_server.url())
    assert answer.status_code == 500
    assert answer.json()["error"]["message"]
    assert (sim.account.available_credits, sim.account.consumed_credits) == (PURSE, 0)


def test_a_client_that_hangs_up_has_paid_all_the_same(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("late_job", on="edit", seconds=2)
    body = {**MINIMAL, "input_image": picture_server.url()}
    hang_up(http.build_request("POST", "/ai/images/edit", json=body), lambda: len(sim.submits) == 1)
    assert sim.account.consumed_credits == 0
    assert until(lambda: sim.account.consumed_credits, bool) == PRICE


@pytest.mark.parametrize(("kind", "accepted"), [("reset_before", 0), ("lost_answer", 1)])
def test_a_cut_connection_gives_no_answer(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer, kind: str, accepted: int
) -> None:
    sim.faults.add(kind, on="edit")
    with pytest.raises(httpx.TransportError):
        edit(http, picture_server.url())
    assert (len(sim.submits), sim.account.consumed_credits) == (accepted, accepted * PRICE)


def test_the_result_of_a_call_is_served_like_any_other(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("wrong_size", on="edit")
    sim.faults.add("expired")
    url = edit(http, picture_server.url()).json()["images"][0]["url"]
    assert BARE.get(url).status_code == 403
    assert opened(BARE.get(url).content).size == (76, 56)
