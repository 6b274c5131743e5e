"""Tests that the Oxen.ai simulator refuses few requests at once. Other bad requests fail later, with a reason and no charge."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from tests.simulators.client import BARE, BEARER, KEY
from tests.simulators.oxen.support import MODEL, PRICE, PURSE, edit, finished, result_of, running, submit, submitted
from tests.simulators.picture_server import PictureServer, gone, half_a_picture, moved, no_picture, opened, picture

from darkroom_local.simulators.oxen import OxenSimulator

URL = "http://127.0.0.1:9/cat.png"
MISSING = {
    "error": {"type": "resource_not_found", "title": "The requested resource could not be found"},
    "status": "error",
    "status_message": "resource_not_found",
}
PAID = ("/ai/queue", "/ai/images/edit")


@pytest.mark.parametrize("path", PAID)
@pytest.mark.parametrize("body", [{}, {"model": ""}, {"model": 5}, {"model": [MODEL]}])
def test_a_body_without_a_model_is_refused_at_once(
    sim: OxenSimulator, http: httpx.Client, path: str, body: dict[str, Any]
) -> None:
    answer = http.post(path, json={"input_image": URL, **body})
    assert answer.status_code == 400
    assert answer.json() == {
        "error": {
            "type": "invalid_params",
            "title": "Invalid parameters supplied, please check your request and try again.",
            "detail": "model is required",
        },
        "status": "error",
        "status_message": "invalid_params",
    }
    assert (sim.submits, sim.account.available_credits) == ([], PURSE)


@pytest.mark.parametrize("path", PAID)
def test_an_unknown_model_is_refused_at_once(sim: OxenSimulator, http: httpx.Client, path: str) -> None:
    answer = http.post(path, json={"model": "topazlabs-image-upscaler", "input_image": URL})
    assert answer.status_code == 404
    assert answer.json() == {"error": {"message": "Model not found: topazlabs-image-upscaler"}}
    assert sim.submits == []


@pytest.mark.parametrize("count", [0, 5, -1, "2", True, 1.5, None])
def test_a_bad_number_of_generations_is_refused_at_once(sim: OxenSimulator, http: httpx.Client, count: Any) -> None:
    answer = submit(http, URL, num_generations=count)
    assert answer.status_code == 400
    assert answer.json()["error"]["detail"] == "num_generations must be an integer between 1 and 4"
    assert sim.submits == []


@pytest.mark.parametrize("path", PAID)
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_a_body_that_is_not_a_json_object_is_refused(http: httpx.Client, path: str, content: bytes) -> None:
    answer = http.post(path, content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_params")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("enhance_model", "Standard V9"),
        ("enhance_model", None),
        ("upscale_factor", "3x"),
        ("upscale_factor", 2),
        ("output_format", "tiff"),
        ("response_format", "binary"),
        ("input_image", 5),
        ("input_image", ["http://127.0.0.1:9/cat.png"]),
        ("input_image", "ftp://example.invalid/a"),
        ("input_image", "file:///etc/passwd"),
        ("input_image", "https://me:pw@example.invalid/a"),
        ("input_image", "http://[/a"),
    ],
)
def test_a_bad_parameter_is_accepted_and_ends_as_failed(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer, name: str, value: Any
) -> None:
    answer = http.post("/ai/queue", json={"model": MODEL, "input_image": picture_server.url(), name: value})
    assert answer.status_code == 200
    body = finished(http, answer.json()["generations"][0]["generation_id"])
    assert (body["status"], body["result_url"]) == ("failed", None)
    assert name in body["error_message"]
    assert body["completed_at"] is not None
    assert len(sim.submits) == 1
    assert (sim.account.available_credits, sim.account.consumed_credits) == (PURSE, 0)
    assert picture_server.asked == []


def test_a_submit_without_an_input_ends_as_failed(http: httpx.Client) -> None:
    generation_id = http.post("/ai/queue", json={"model": MODEL}).json()["generations"][0]["generation_id"]
    assert finished(http, generation_id)["error_message"] == "input_image is required"


def test_only_the_right_key_is_accepted(sim: OxenSimulator) -> None:
    url = sim.base_url + "/ai/queue"
    wrong = [None, {"Authorization": "Bearer other"}, {"Authorization": KEY}, {"X-API-Key": KEY}]
    for headers in wrong:
        answer = BARE.get(url, headers=headers)
        assert (answer.status_code, answer.json()["status_message"]) == (401, "unauthenticated")
    assert BARE.get(url, headers=BEARER).status_code == 200
    assert [entry["key_matched"] for entry in sim.requests] == [False] * 4 + [True]
    assert KEY not in str(sim.requests)
    for path in (f"/ai/models/{MODEL}", "/ai/generations", "/events", "/ai/images/edit"):
        assert BARE.request("POST" if "edit" in path else "GET", sim.base_url + path).status_code == 401


@pytest.mark.parametrize("call", [submit, edit])
def test_an_account_without_money_gets_402(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer, call: Any
) -> None:
    sim.account.set_available(PRICE - 1)
    answer = call(http, picture_server.url())
    assert answer.status_code == 402
    assert answer.json()["error"]["title"] == "Insufficient credits"
    assert answer.json()["status"] == "error"
    assert sim.submits == []
    sim.account.set_available(PRICE)
    assert submit(http, picture_server.url(), num_generations=2).status_code == 402
    assert call(http, picture_server.url()).status_code == 200


@pytest.mark.parametrize("generation_id", ["bb8f5eb7-361e-4e13-ab73-67457bc8057e", "nonsense"])
def test_an_unknown_generation_is_404(http: httpx.Client, generation_id: str) -> None:
    for method, path in (("GET", "queue"), ("DELETE", "queue"), ("GET", "generations")):
        answer = http.request(method, f"/ai/{path}/{generation_id}")
        assert (answer.status_code, answer.json()) == (404, MISSING)
    assert http.get("/ai/nothing").status_code == 404


def test_a_filter_that_is_not_published_is_refused(http: httpx.Client) -> None:
    for query in ({"status": "completed"}, {"media_type": "audio"}):
        assert http.get("/ai/queue", params=query).status_code == 400


def a_tiff(picture_server: PictureServer) -> None:
    picture_server.pictures["/cat.png"] = picture(name="TIFF")


def half_a_webp(picture_server: PictureServer) -> None:
    whole = picture(200, 200, "WEBP")
    picture_server.pictures["/cat.png"] = whole[: len(whole) // 2]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (no_picture, "must be jpeg, png, gif, or webp"),
        (a_tiff, "must be jpeg, png, gif, or webp"),
        (half_a_picture, "could not be decoded"),
        (half_a_webp, "must be jpeg, png, gif, or webp"),
        (gone, "404 Client Error: Not Found for url: http://"),
        (moved, "302 Client Error: Found for url: http://"),
    ],
)
def test_an_input_that_cannot_be_used_ends_as_failed_and_costs_nothing(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer, spoil: Any, reason: str
) -> None:
    spoil(picture_server)
    body = finished(http, submitted(http, picture_server.url()))
    assert (body["status"], body["result_url"]) == ("failed", None)
    assert reason in body["error_message"]
    assert (sim.account.available_credits, sim.account.consumed_credits) == (PURSE, 0)
    assert picture_server.asked == ["/cat.png"]


def test_an_address_where_nobody_listens_ends_as_failed(http: httpx.Client) -> None:
    assert finished(http, submitted(http, URL))["error_message"].endswith(f"for url: {URL}")


def test_transparency_outlives_a_gif(http: httpx.Client, picture_server: PictureServer) -> None:
    picture_server.pictures["/see.gif"] = picture(name="GIF", transparency=0)
    assert opened(result_of(http, submitted(http, picture_server.url("/see.gif")))).mode == "RGBA"


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"fetch_limit_seconds": 0.1}, "Could not download"),
        ({"fetch_limit_bytes": 50}, "too large"),
        ({"output_limit_mp": 0.001}, "megapixels"),
    ],
)
def test_fetching_and_making_have_their_limits(
    picture_server: PictureServer, limits: dict[str, Any], reason: str
) -> None:
    picture_server.delay_seconds = 0.3 if "fetch_limit_seconds" in limits else 0.0
    with running(**limits) as (_, http):
        start = time.time()
        body = finished(http, submitted(http, picture_server.url()))
        assert (body["status"], reason in body["error_message"]) == ("failed", True), body
        assert time.time() - start < 2
