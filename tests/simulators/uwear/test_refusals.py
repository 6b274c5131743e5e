"""Tests that the uwear.ai simulator refuses bad bodies, bad keys and empty accounts. Jobs whose input it cannot fetch end with
the status Error.
"""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from tests.simulators.client import BARE, BEARER, KEY
from tests.simulators.picture_server import PictureServer, gone, half_a_picture, moved, no_picture
from tests.simulators.uwear.support import finished, running, submit, submitted

from darkroom_local.simulators.uwear import UwearSimulator

URL = "http://127.0.0.1:9/cat.png"


@pytest.mark.parametrize(
    ("body", "where", "kind"),
    [
        ({"image_url": URL}, ["model_name"], "missing"),
        ({"image_url": URL, "model_name": "magnific"}, ["model_name"], "literal_error"),
        ({"image_url": URL, "model_name": ["topaz"]}, ["model_name"], "literal_error"),
        ({"model_name": "recraft"}, [], "value_error"),
        ({"model_name": "recraft", "image_url": ""}, [], "value_error"),
        ({"model_name": "recraft", "image_url": URL, "generation_result_id": 5}, [], "value_error"),
        ({"model_name": "recraft", "image_url": 5}, ["image_url"], "string_type"),
        ({"model_name": "recraft", "image_url": "ftp://example.invalid/a"}, ["image_url"], "url_scheme"),
        ({"model_name": "recraft", "image_url": "file:///etc/passwd"}, ["image_url"], "url_scheme"),
        ({"model_name": "recraft", "image_url": "https://me:pw@example.invalid/a"}, ["image_url"], "url_scheme"),
        ({"model_name": "recraft", "image_url": "http://[/a"}, ["image_url"], "url_scheme"),
        ({"model_name": "recraft", "generation_result_id": "five"}, ["generation_result_id"], "int_type"),
        (
            {"model_name": "recraft", "image_url": URL, "generation_settings": {"upscale_factor": "2x"}},
            ["generation_settings"],
            "value_error",
        ),
        ({"model_name": "topaz", "image_url": URL, "generation_settings": "2x"}, ["generation_settings"], "dict_type"),
    ],
)
def test_a_bad_body_is_refused_and_says_where(
    sim: UwearSimulator, http: httpx.Client, body: dict[str, Any], where: list[str], kind: str
) -> None:
    answer = http.post("/generation-upscale", json=body)
    assert answer.status_code == 422
    problem = answer.json()["detail"][0]
    assert problem.keys() == {"loc", "msg", "type"}
    assert (problem["loc"], problem["type"]) == (["body", *where], kind)
    assert sim.submits == []
    assert sim.account.available_credits == 10_000


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("enhance_model", "Standard V9", "literal_error"),
        ("upscale_factor", "3x", "literal_error"),
        ("upscale_factor", 4, "literal_error"),
        ("face_enhancement", "yes", "bool_parsing"),
        ("face_enhancement", 1, "bool_parsing"),
        ("subject_detection", "All", "literal_error"),
        ("face_enhancement_creativity", 1.01, "less_than_equal"),
        ("face_enhancement_creativity", 10**400, "less_than_equal"),
        ("face_enhancement_creativity", "-0.5", "greater_than_equal"),
        ("face_enhancement_creativity", "nan", "float_parsing"),
        ("face_enhancement_creativity", True, "float_parsing"),
    ],
)
def test_a_bad_setting_is_refused_by_name(http: httpx.Client, name: str, value: Any, kind: str) -> None:
    answer = submit(http, URL, "topaz", generation_settings={name: value})
    assert answer.status_code == 422
    problems = [(problem["loc"], problem["type"]) for problem in answer.json()["detail"]]
    assert problems == [(["body", "generation_settings", name], kind)]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_a_body_that_is_not_a_json_object_is_refused(http: httpx.Client, content: bytes) -> None:
    answer = http.post("/generation-upscale", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][0] == "body"


def test_only_the_right_key_is_accepted(sim: UwearSimulator) -> None:
    url = sim.base_url + "/generations"
    assert BARE.get(url).status_code == 403
    assert BARE.get(url, headers={"Authorization": "Bearer other"}).status_code == 401
    assert BARE.get(url, headers={"Authorization": KEY}).status_code == 401
    assert BARE.get(url, headers={"X-API-Key": KEY}).json() == {"detail": "Not authenticated"}
    assert BARE.get(url, headers=BEARER).status_code == 200
    noted = [(entry["auth_header"], entry["key_matched"]) for entry in sim.requests]
    wrong, none = ("authorization", False), (None, False)
    assert noted == [none, wrong, wrong, none, ("authorization", True)]
    assert KEY not in str(sim.requests)


def test_an_account_without_credits_gets_402(
    sim: UwearSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.account.set_available(2)
    assert submit(http, picture_server.url(), "topaz").status_code == 402
    assert sim.submits == []
    assert submit(http, picture_server.url(), "recraft").status_code == 200


def test_ids_are_whole_numbers_and_unknown_ones_are_404(http: httpx.Client) -> None:
    assert http.get("/generation/12").status_code == 404
    answer = http.get("/generation/twelve")
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["path", "generation_id"])
    assert http.get("/generate").status_code == 404


@pytest.mark.parametrize("spoil", [no_picture, half_a_picture, gone, moved])
def test_an_input_that_cannot_be_had_ends_as_error_and_costs_nothing(
    sim: UwearSimulator, http: httpx.Client, picture_server: PictureServer, spoil: Any
) -> None:
    spoil(picture_server)
    body = finished(http, submitted(http, picture_server.url()))
    assert body["status"] == "Error"
    assert [(result["status"], result["image_url"]) for result in body["generation_results"]] == [("Error", None)]
    assert sim.account.available_credits == 10_000
    assert sim.account.consumed_credits == 0
    assert picture_server.asked == ["/cat.png"]


def test_an_address_where_nobody_listens_ends_as_error(http: httpx.Client) -> None:
    assert finished(http, submitted(http, URL))["status"] == "Error"


@pytest.mark.parametrize(
    "limits", [{"fetch_limit_seconds": 0.2}, {"fetch_limit_bytes": 50}, {"output_limit_mp": 0.001}]
)
def test_fetching_and_making_have_their_limits(picture_server: PictureServer, limits: dict[str, Any]) -> None:
    picture_server.delay_seconds = 0.5
    with running(speed=50, **limits) as (_, http):
        start = time.time()
        assert finished(http, submitted(http, picture_server.url()))["status"] == "Error"
        assert time.time() - start < 2
