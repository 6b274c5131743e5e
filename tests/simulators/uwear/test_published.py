"""Tests that the uwear.ai simulator does what the vendor publishes, and what clients have observed."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any

import httpx
import pytest
from PIL import Image
from tests.simulators.client import BARE, BEARER, until
from tests.simulators.picture_server import PictureServer, opened, picture
from tests.simulators.uwear.support import finished, given, listed, result_of, running, submit, submitted

from darkroom_local.simulators.uwear import UwearSimulator


def test_a_generation_goes_from_submit_to_an_enlarged_picture(
    sim: UwearSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    answer = submit(http, picture_server.url("/cat.png?mark=job-7~1"))
    assert answer.status_code == 200
    body = answer.json()
    assert {name: type(value) for name, value in body.items()} == {
        "generation_id": int,
        "created_at": str,
        "updated_at": str,
    }
    made = finished(http, body["generation_id"])
    assert made["status"] == "Done"
    assert [result["status"] for result in made["generation_results"]] == ["Done"]
    assert isinstance(made["generation_results"][0]["generation_result_id"], int)
    assert datetime.fromisoformat(made["created_at"]) <= datetime.fromisoformat(made["updated_at"])
    image = opened(result_of(http, body["generation_id"]))
    assert (image.format, image.size) == ("PNG", (120, 80))
    assert [(s["generation_id"], s["query"]) for s in sim.submits] == [(body["generation_id"], {"mark": "job-7~1"})]


def test_the_published_example_has_placeholders_that_are_refused(http: httpx.Client) -> None:
    example = {
        "generation_result_id": 0,
        "image_url": "",
        "model_name": "string",
        "generation_settings": {"additionalProperties": "string"},
    }
    answer = http.post("/generation-upscale", json=example)
    assert answer.status_code == 422
    assert ["body", "model_name"] in [problem["loc"] for problem in answer.json()["detail"]]
    assert http.post("/generation-upscale", json={**example, "model_name": "topaz"}).status_code == 404


def test_a_generation_is_created_then_ongoing_then_done(picture_server: PictureServer) -> None:
    """Watch new generations until one shows all its statuses. On a busy machine, a short status may pass between two polls."""
    with running(speed=10) as (_, http):

        def watched() -> dict[str, list[tuple[str, bool]]]:
            generation_id = submitted(http, picture_server.url())
            seen: dict[str, list[tuple[str, bool]]] = {}
            while "Done" not in seen:
                body = http.get(f"/generation/{generation_id}").json()
                results = [(result["status"], bool(result["image_url"])) for result in body["generation_results"]]
                seen.setdefault(body["status"], results)
                time.sleep(0.01)
            return seen

        seen = until(watched, lambda seen: len(seen) == 3)
        assert list(seen) == ["Created", "Ongoing", "Done"]
        assert list(seen.values()) == [[], [("Ongoing", False)], [("Done", True)]]


def test_both_forms_of_every_path_answer(sim: UwearSimulator, picture_server: PictureServer) -> None:
    with httpx.Client(base_url=sim.origin, headers=BEARER, verify=False) as http:
        generation_id = submitted(http, picture_server.url())
        finished(http, generation_id)
        for prefix in ("", "/api/v1"):
            assert http.get(f"{prefix}/generation/{generation_id}").json()["generation_id"] == generation_id
            assert http.get(f"{prefix}/generations").json()["total_count"] == 1
    assert sim.base_url == sim.origin


@pytest.mark.parametrize(
    ("wishes", "size"),
    [
        ({}, (120, 80)),
        ({"upscale_factor": "2x"}, (60, 40)),
        ({"upscale_factor": "6x", "enhance_model": "Low Resolution V2"}, (180, 120)),
        ({"face_enhancement": "true", "face_enhancement_creativity": "0.25"}, (120, 80)),
        ({"face_enhancement": True, "face_enhancement_creativity": 1, "subject_detection": "Auto"}, (120, 80)),
        ({"unpublished": "passed over"}, (120, 80)),
    ],
)
def test_topaz_listens_to_its_settings(
    sim: UwearSimulator,
    http: httpx.Client,
    picture_server: PictureServer,
    wishes: dict[str, Any],
    size: tuple[int, int],
) -> None:
    generation_id = submitted(http, picture_server.url(), "topaz", generation_settings=wishes)
    assert opened(result_of(http, generation_id)).size == size
    settings = sim.submits[0]["settings"]
    assert settings["face_enhancement"] is ("face_enhancement" in wishes)
    assert settings["enhance_model"] == wishes.get("enhance_model", "High Fidelity V2")


def test_the_factor_of_recraft_can_be_chosen_because_the_vendor_does_not_publish_it(
    picture_server: PictureServer,
) -> None:
    with running(speed=50, recraft_factor=2) as (_, http):
        assert opened(result_of(http, submitted(http, picture_server.url()))).size == (60, 40)


@pytest.mark.parametrize(("name", "kept"), [("PNG", "PNG"), ("JPEG", "JPEG"), ("TIFF", "PNG")])
def test_png_and_jpeg_keep_their_format_and_the_rest_becomes_png(
    http: httpx.Client, picture_server: PictureServer, name: str, kept: str
) -> None:
    picture_server.pictures["/it"] = picture(name=name)
    assert opened(result_of(http, submitted(http, picture_server.url("/it")))).format == kept


def test_exif_orientation_is_honoured(http: httpx.Client, picture_server: PictureServer) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture_server.pictures["/side.jpg"] = picture(name="JPEG", exif=exif)
    assert opened(result_of(http, submitted(http, picture_server.url("/side.jpg")))).size == (80, 120)


def test_an_earlier_result_can_be_upscaled_again_while_it_is_kept(
    sim: UwearSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    first = finished(http, submitted(http, picture_server.url()))
    result_id = first["generation_results"][0]["generation_result_id"]
    second = submitted(
        http, None, "topaz", generation_result_id=result_id, generation_settings={"upscale_factor": "2x"}
    )
    assert opened(result_of(http, second)).size == (240, 160)
    assert sim.submits[1]["generation_result_id"] == result_id
    assert submit(http, None, generation_result_id=77).status_code == 404


@pytest.mark.parametrize(("model", "credits"), [("recraft", 1), ("topaz", 3)])
def test_credits_are_charged_once_the_generation_is_done(
    sim: UwearSimulator, http: httpx.Client, picture_server: PictureServer, model: str, credits: int
) -> None:
    generation_id = submitted(http, picture_server.url(), model)
    assert sim.account.reserved_credits == credits
    assert sim.account.consumed_credits == 0
    finished(http, generation_id)
    assert sim.account.balance() == {
        "available_credits": 10_000 - credits,
        "reserved_credits": 0,
        "total_credits": 10_000 - credits,
    }


def test_the_list_comes_in_numbered_pages_newest_first(http: httpx.Client, picture_server: PictureServer) -> None:
    urls = [picture_server.url(f"/cat.png?mark={number}") for number in range(5)]
    ids = [submitted(http, url, "topaz") for url in urls]
    body = http.get("/generations").json()
    assert body.keys() == {"current_page", "max_page", "total_count", "data"}
    assert (body["current_page"], body["max_page"], body["total_count"]) == (1, 1, 5)
    assert [entry["generation_id"] for entry in body["data"]] == ids[::-1]
    fields = {"generation_id", "clothing_item_id", "num_images", "payload", "status", "feature_name", "created_at",
              "updated_at"}  # fmt: skip
    assert body["data"][0].keys() == fields
    assert json.loads(body["data"][0]["payload"]) == {"image_url": urls[4], "model_name": "topaz"}
    assert given(http) == urls[::-1]
    part = http.get("/generations", params={"page": 2, "items_per_page": 2}).json()
    assert (part["current_page"], part["max_page"], part["total_count"]) == (2, 3, 5)
    assert [entry["generation_id"] for entry in part["data"]] == ids[::-1][2:4]
    assert listed(http, page=4, items_per_page=2) == []
    for query in ({"page": 0}, {"items_per_page": 0}, {"page": -1}, {"page": "x"}):
        assert http.get("/generations", params=query).status_code == 422


def test_the_list_can_be_narrowed_to_a_status(http: httpx.Client, picture_server: PictureServer) -> None:
    generation_id = submitted(http, picture_server.url())
    finished(http, generation_id)
    assert [entry["generation_id"] for entry in listed(http, status="Done")] == [generation_id]
    assert listed(http, status="Error") == []


def test_pages_hold_a_hundred_at_most_whatever_is_asked(http: httpx.Client, picture_server: PictureServer) -> None:
    for _ in range(103):
        submitted(http, picture_server.url())
    assert [len(listed(http, page=number, items_per_page=500)) for number in (1, 2)] == [100, 3]


@pytest.mark.parametrize("kind", ["list_array", "list_shape"])
def test_the_list_as_clients_have_seen_it_comes_in_parts_and_says_what_was_submitted(
    sim: UwearSimulator, http: httpx.Client, picture_server: PictureServer, kind: str
) -> None:
    urls = [picture_server.url(f"/cat.png?mark={number}") for number in range(5)]
    ids = [submitted(http, url) for url in urls]
    sim.faults.add(kind, None, "list")

    def entries(**query: int) -> list[dict[str, Any]]:
        body = http.get("/generations", params=query).json()
        if kind == "list_array":
            assert isinstance(body, list)
            return body
        assert body["total"] == 5
        found: list[dict[str, Any]] = body["generations"]
        return found

    shown = [(entry["generation_id"], entry["image_url"]) for entry in entries()]
    assert shown == list(zip(ids, urls, strict=True))[::-1]
    assert [entry["generation_id"] for entry in entries(limit=2, offset=1)] == ids[::-1][1:3]
    assert entries(offset=5) == []
    for query in ({"limit": 0}, {"limit": 101}, {"offset": -1}, {"limit": "x"}):
        assert http.get("/generations", params=query).status_code == 422


def test_the_list_can_be_set_to_name_no_input(picture_server: PictureServer) -> None:
    with running(speed=50, echo_input=False) as (_, http):
        submitted(http, picture_server.url())
        assert listed(http)[0]["payload"] == ""


def test_results_end_four_hours_after_they_were_made(picture_server: PictureServer) -> None:
    with running(speed=4_800) as (_, http):  # at this speed, four hours take three seconds
        body = finished(http, submitted(http, picture_server.url()))
        url = body["generation_results"][0]["image_url"]
        assert BARE.get(url).status_code == 200
        until(lambda: BARE.get(url).status_code, lambda code: code == 403)
        assert http.get(f"/generation/{body['generation_id']}").json()["generation_results"][0]["image_url"] == url
        result_id = body["generation_results"][0]["generation_result_id"]
        assert submit(http, None, generation_result_id=result_id).status_code == 404
