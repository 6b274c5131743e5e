"""Tests that the AI/ML API simulator refuses bad bodies, bad keys and empty accounts. Inputs it cannot fetch cost nothing."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from tests.rows import each_row
from tests.simulators.aimlapi.support import GENERATIONS, PRICE, PURSE, STRONG, SUPER, generate, logged, running
from tests.simulators.client import BARE, BEARER, KEY
from tests.simulators.picture_server import PictureServer, gone, half_a_picture, moved, no_picture

from darkroom_local.simulators.aimlapi import AimlapiSimulator

URL = "http://127.0.0.1:9/cat.png"


def test_an_error_has_the_published_fields(sim: AimlapiSimulator, http: httpx.Client) -> None:
    answer = generate(http, URL, "job-1", mode="Super Focus V3")
    body = answer.json()
    assert answer.status_code == 400
    assert body.keys() == {"message", "path", "requestId", "statusCode", "timestamp"}
    assert (body["path"], body["statusCode"]) == (GENERATIONS, "400")
    assert str(uuid.UUID(body["requestId"])) == body["requestId"] == answer.headers["x-request-id"]
    assert abs((datetime.fromisoformat(body["timestamp"]) - datetime.now(UTC)).total_seconds()) < 5
    line = "mode: Invalid enum value. Expected 'Super Focus' | 'Super Focus V2', received 'Super Focus V3'"
    assert body["message"] == f"Body validation error\n{line}"
    assert answer.headers["x-client-request-id"] == "job-1"
    assert "x-aimlapi-credits-used" not in answer.headers
    assert (sim.submits, sim.account.available_credits) == ([], PURSE)


def test_an_error_can_be_a_problem_document_as_seen_on_the_live_service(picture_server: PictureServer) -> None:
    with running(errors_as="problem") as (sim, _):
        answer = BARE.get(sim.base_url + "/v2/logs")
        body = answer.json()
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert body.keys() == {"title", "status", "message", "instance", "requestId", "timestamp", "error"}
        assert (body["title"], body["status"], body["instance"]) == ("Unauthorized", 401, "/v2/logs")
        assert body["error"] == {"name": "UnauthorizedException", "message": body["message"]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": "topaz-labs/upscale"}, "model: Invalid enum value"),
        ({"model": None}, "received null"),
        ({"model": ["topaz-labs/sharpen"]}, "received array"),
        ({"mode": None}, "mode: Expected 'Super Focus'"),
        ({"mode": "Strong"}, "received 'Strong'"),
        ({**STRONG, "mode": "Super Focus"}, "received 'Super Focus'"),
        ({**STRONG, "mode": "Wildlife"}, "received 'Wildlife'"),
        ({"image_url": 5}, "image_url: Expected string, received number"),
        ({"image_url": "cat.png"}, "image_url: Invalid url"),
        ({"image_url": ""}, "image_url: Invalid url"),
        ({"image_url": "ftp://example.invalid/a"}, "image_url: Invalid url"),
        ({"image_url": "https://me:pw@example.invalid/a"}, "image_url: Invalid url"),
        ({"image_url": "http://[/a"}, "image_url: Invalid url"),
        ({"output_format": "webp"}, "output_format: Invalid enum value"),
        ({"subject_detection": "all"}, "subject_detection: Invalid enum value"),
        ({"face_enhancement": "true"}, "face_enhancement: Expected boolean, received string"),
        ({"face_enhancement_creativity": 1.01}, "less than or equal to 1"),
        ({"face_enhancement_strength": -0.1}, "greater than or equal to 0"),
        ({"strength": "0.5"}, "strength: Expected number, received string"),
        ({"strength": True}, "strength: Expected number, received boolean"),
        ({"strength": None}, "strength: Expected number, received null"),
        ({"strength": 10**400}, "less than or equal to 1"),
        ({"focus_boost": 0.24}, "focus_boost: Number must be greater than or equal to 0.25"),
        ({"seed": 1.5}, "seed: Expected integer"),
        ({**STRONG, "strength": 0}, "strength: Number must be greater than or equal to 0.01"),
        ({**STRONG, "minor_denoise": 0}, "minor_denoise: Number must be greater than or equal to 0.01"),
    ],
)
def test_a_bad_body_is_refused_and_says_what_is_wrong(
    sim: AimlapiSimulator, http: httpx.Client, change: dict[str, Any], said: str
) -> None:
    answer = generate(http, URL, **change)
    assert answer.status_code == 400
    assert said in answer.json()["message"]
    assert (sim.submits, sim.account.available_credits) == ([], PURSE)


@pytest.mark.parametrize("missing", ["model", "mode", "image_url"])
def test_a_required_field_must_be_there(http: httpx.Client, missing: str) -> None:
    body = {**SUPER, "image_url": URL}
    del body[missing]
    answer = http.post(GENERATIONS, json=body)
    assert answer.status_code == 400
    assert f"{missing}: " in answer.json()["message"]


def test_everything_wrong_is_listed_at_once(http: httpx.Client) -> None:
    lines = generate(http, "nowhere", strength=2, seed="x").json()["message"].splitlines()
    assert [line.partition(":")[0] for line in lines[1:]] == ["image_url", "strength", "seed"]


def test_a_field_of_the_other_model_or_of_none_is_ignored(
    sim: AimlapiSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    assert generate(http, picture_server.url(), **STRONG, focus_boost=9, sharpness=1).status_code == 200
    assert {"focus_boost", "sharpness"}.isdisjoint(sim.submits[0]["settings"])


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"5", b"\xff", b'{"strength": NaN}', b"[" * 100_000])
def test_a_body_that_is_not_a_json_object_is_refused(http: httpx.Client, content: bytes) -> None:
    answer = http.post(GENERATIONS, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Body validation error\n")


@pytest.mark.parametrize("path", ["/v2/logs?period=1h", "/v2/billing", "/v1/billing/balance", "/v1/nothing"])
def test_only_the_right_key_is_accepted(sim: AimlapiSimulator, path: str) -> None:
    url = sim.base_url + path
    wrong: list[dict[str, str]] = [
        {},
        {"Authorization": "Bearer other"},
        {"Authorization": KEY},
        {"X-API-Key": KEY},
    ]
    for headers in wrong:
        answer = BARE.get(url, headers=headers)
        assert answer.status_code == 401
        assert answer.json()["message"].startswith("This request requires a valid API key.")
    assert BARE.get(url, headers=BEARER).status_code == (404 if path.endswith("nothing") else 200)
    assert [entry["key_matched"] for entry in sim.requests] == [False] * 4 + [True]
    assert KEY not in str(sim.requests)


def test_a_wrong_key_starts_nothing(sim: AimlapiSimulator, picture_server: PictureServer) -> None:
    answer = BARE.post(sim.base_url + GENERATIONS, json={**SUPER, "image_url": picture_server.url()})
    assert (answer.status_code, sim.submits, picture_server.asked) == (401, [], [])


def test_an_account_without_credits_gets_403(
    sim: AimlapiSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.account.set_available(PRICE - 1)
    answer = generate(http, picture_server.url())
    assert answer.status_code == 403
    assert answer.json()["message"].startswith("You've run out of credits.")
    assert (sim.submits, picture_server.asked) == ([], [])
    sim.account.set_available(PRICE)
    assert generate(http, picture_server.url()).status_code == 200


def test_unknown_paths_and_methods_are_404(http: httpx.Client) -> None:
    answers = [http.get("/v1/images"), http.get(GENERATIONS), http.post("/v2/logs"), http.delete("/v2/billing")]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert answers[0].json()["path"] == "/v1/images"


@pytest.mark.parametrize("spoil", [no_picture, half_a_picture, gone, moved])
def test_an_input_that_cannot_be_had_is_400_and_costs_nothing(
    sim: AimlapiSimulator, http: httpx.Client, picture_server: PictureServer, spoil: Any
) -> None:
    spoil(picture_server)
    answer = generate(http, picture_server.url())
    assert answer.status_code == 400
    assert "image_url" in answer.json()["message"]
    assert sim.account.balance()["available_credits"] == PURSE
    assert picture_server.asked == ["/cat.png"]
    (row,) = logged(http)
    assert (row["status"], row["cost"]) == ("failed", {"usd": 0, "credits": 0})
    assert row["inference_id"] == answer.headers["x-inference-id"]


def test_an_address_where_nobody_listens_is_400(http: httpx.Client) -> None:
    assert generate(http, URL).status_code == 400


@pytest.mark.parametrize("limits", [{"fetch_limit_seconds": 0.1}, {"fetch_limit_bytes": 50}, {"input_limit_mp": 1e-4}])
def test_fetching_and_making_have_their_limits(picture_server: PictureServer, limits: dict[str, Any]) -> None:
    picture_server.delay_seconds = 0.3
    with running(**limits) as (sim, http):
        start = time.time()
        assert generate(http, picture_server.url()).status_code == 400
        assert time.time() - start < 2
        assert sim.account.available_credits == PURSE


@each_row("settings", [{"answer_with": "file"}, {"errors_as": "text"}, {"speed": 0}])
def test_a_mistaken_setting_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        AimlapiSimulator(api_key=KEY, **settings)
