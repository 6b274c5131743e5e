"""Tests that the Oxen.ai simulator answers the example requests of the vendor's page as the page says."""

from __future__ import annotations

import time
import uuid
from typing import Any

import httpx
import pytest
from PIL import Image
from tests.rows import each_row
from tests.simulators.client import BARE, BEARER, until
from tests.simulators.oxen.support import (
    ALL,
    MINIMAL,
    MODEL,
    PRICE,
    PURSE,
    finished,
    result_of,
    running,
    seen,
    status,
    submit,
    submitted,
)
from tests.simulators.picture_server import PictureServer, opened, picture

from darkroom_local.simulators.oxen import OxenSimulator

ROW = {
    "generation_id", "model_name", "media_type", "status", "result_url", "error_message",
    "enqueued_at", "started_at", "completed_at", "target_namespace", "target_repo", "target_directory",
}  # fmt: skip


@pytest.mark.parametrize("body", [MINIMAL, ALL])
def test_the_async_example_is_enqueued_polled_and_read(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer, body: dict[str, str]
) -> None:
    answer = http.post("/ai/queue", json={**body, "input_image": picture_server.url("/cat.png?mark=job-7~1")})
    assert answer.status_code == 200
    generation_id = answer.json()["generations"][0]["generation_id"]
    assert answer.json() == {"generations": [{"generation_id": str(uuid.UUID(generation_id)), "status": "queued"}]}
    made = finished(http, generation_id)
    assert (made["status"], made["error_message"], made["model_name"]) == ("succeeded", None, MODEL)
    assert made["enqueued_at"] <= made["started_at"] <= made["completed_at"] <= time.time()
    image = opened(BARE.get(made["result_url"]).content)
    assert (image.format, image.size) == ("PNG", (60, 40))
    asked = [(s["generation_id"], s["operation"], s["query"], s["credits"]) for s in sim.submits]
    assert asked == [(generation_id, "submit", {"mark": "job-7~1"}, PRICE)]
    assert (sim.submits[0]["model"], sim.submits[0]["input_image"]) == (
        MODEL,
        picture_server.url("/cat.png?mark=job-7~1"),
    )
    assert sim.submits[0]["settings"] == {name: ALL[name] for name in ALL if name != "model"}


@pytest.mark.parametrize("body", [MINIMAL, ALL])
def test_the_sync_example_answers_with_the_picture(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer, body: dict[str, str]
) -> None:
    answer = http.post("/ai/images/edit", json={**body, "input_image": picture_server.url()})
    assert answer.status_code == 200
    assert answer.json().keys() == {"model", "created", "images"}
    assert (answer.json()["model"], type(answer.json()["created"])) == (MODEL, int)
    assert [list(image) for image in answer.json()["images"]] == [["url"]]
    assert opened(BARE.get(answer.json()["images"][0]["url"]).content).size == (60, 40)


def test_the_model_says_its_schema_and_its_price(http: httpx.Client) -> None:
    entry = http.get(f"/ai/models/{MODEL}").json()
    assert (entry["id"], entry["object"], entry["endpoint"]) == (MODEL, "model", "/images/generate")
    assert entry["pricing"] == {"method": "per_image", "cost_per_image": 0.05}
    schema = entry["request_schema"]
    assert (schema["type"], schema["required"]) == ("object", ["input_image"])
    assert schema["properties"]["input_image"]["format"] == "uri"
    published = {
        "enhance_model": ("High Fidelity V2", 5),
        "upscale_factor": ("2x", 2),
        "output_format": ("png", 2),
    }
    given = {
        name: (what["default"], len(what["enum"])) for name, what in schema["properties"].items() if "enum" in what
    }
    assert given == published
    assert http.get("/ai/models/flux-2-dev").json() == {"error": {"message": "Model not found: flux-2-dev"}}
    assert http.get("/ai/models/flux-2-dev").status_code == 404


@pytest.mark.parametrize(
    ("wishes", "name", "size"),
    [
        ({}, "PNG", (60, 40)),
        ({"upscale_factor": "4x"}, "PNG", (120, 80)),
        ({"output_format": "jpg"}, "JPEG", (60, 40)),
        ({"enhance_model": "Text Refine", "unpublished": "passed over"}, "PNG", (60, 40)),
    ],
)
def test_the_parameters_are_listened_to(
    http: httpx.Client, picture_server: PictureServer, wishes: dict[str, str], name: str, size: tuple[int, int]
) -> None:
    image = opened(result_of(http, submitted(http, picture_server.url("/dog.jpg"), **wishes)))
    assert (image.format, image.size) == (name, size)


def test_the_four_published_formats_are_taken(http: httpx.Client, picture_server: PictureServer) -> None:
    names = ("JPEG", "PNG", "GIF", "WEBP")
    picture_server.pictures |= {f"/{name}": picture(name=name) for name in names}
    ids = {name: submitted(http, picture_server.url(f"/{name}")) for name in names}
    assert {name: opened(result_of(http, ids[name])).size for name in names} == dict.fromkeys(names, (60, 40))


@pytest.mark.parametrize("name", ["JPEG", "WEBP"])
def test_exif_orientation_is_honoured(http: httpx.Client, picture_server: PictureServer, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture_server.pictures["/side"] = picture(name=name, exif=exif)
    assert opened(result_of(http, submitted(http, picture_server.url("/side")))).size == (40, 60)


def test_a_generation_is_queued_then_processing_then_succeeded(picture_server: PictureServer) -> None:
    """Watch new generations until one shows all its statuses. On a busy machine, a short status may pass between two polls."""
    with running(speed=10) as (_, http):

        def watched() -> dict[str, tuple[bool, ...]]:
            generation_id = submitted(http, picture_server.url())
            times: dict[str, tuple[bool, ...]] = {}
            while "succeeded" not in times:
                body = status(http, generation_id)
                marks = tuple(body[name] is not None for name in ("started_at", "completed_at", "result_url"))
                times.setdefault(body["status"], marks)
                time.sleep(0.01)
            return times

        times = until(watched, lambda times: len(times) == 3)
        assert list(times) == ["queued", "processing", "succeeded"]
        assert list(times.values()) == [(False, False, False), (True, False, False), (True, True, True)]


def test_one_submit_can_be_four_generations_each_paid(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    answer = submit(http, picture_server.url(), num_generations=4)
    ids = [each["generation_id"] for each in answer.json()["generations"]]
    assert len(set(ids)) == 4
    assert sim.account.reserved_credits == 4 * PRICE
    assert [entry["generation_id"] for entry in sim.submits] == ids
    assert {finished(http, each)["status"] for each in ids} == {"succeeded"}
    assert sim.account.consumed_credits == 4 * PRICE


def test_the_queue_shows_what_is_active_or_has_one_status(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("late_job", times=2, seconds=2)
    urls = [picture_server.url(f"/cat.png?mark={number}") for number in range(2)]
    ids = [submitted(http, url, upscale_factor="4x") for url in urls]
    body = http.get("/ai/queue").json()
    assert (body.keys(), body["count"]) == ({"count", "generations"}, 2)
    assert [row["generation_id"] for row in body["generations"]] == ids[::-1]
    assert [row["input_image"] for row in body["generations"]] == urls[::-1]
    assert body["generations"][0].keys() == ROW | {"input_image", "upscale_factor", "prompt"}
    for each in ids:
        finished(http, each)
    assert http.get("/ai/queue").json() == {"count": 0, "generations": []}
    assert http.get("/ai/queue", params={"status": "failed"}).json()["count"] == 0
    done = http.get("/ai/queue", params={"status": "succeeded", "model": MODEL, "media_type": "image"}).json()
    assert [row["generation_id"] for row in done["generations"]] == ids[::-1]
    assert all(row["result_url"] for row in done["generations"])
    for other in ({"model": "flux-2-dev"}, {"media_type": "video"}, {"namespace": "them"}, {"repo": "r"}):
        assert http.get("/ai/queue", params={"status": "succeeded", **other}).json()["count"] == 0


def test_targets_are_shown_and_looked_for(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("late_job", seconds=60)
    where = {"target_namespace": "us", "target_repo": "r", "target_directory": "d"}
    generation_id = submitted(http, picture_server.url(), **where)
    assert where.items() <= status(http, generation_id).items()
    assert http.get("/ai/queue").json()["count"] == 0
    query = {"namespace": "us", "repo": "r", "folder": "d"}
    assert http.get("/ai/queue", params=query).json()["count"] == 1


def test_the_queue_can_be_lean_while_the_history_still_says_what_was_submitted(picture_server: PictureServer) -> None:
    with running(echo_input=False) as (sim, http):
        sim.faults.add("late_job", seconds=60)
        generation_id = submitted(http, picture_server.url())
        assert http.get("/ai/queue").json()["generations"][0].keys() == ROW
        assert status(http, generation_id).keys() == ROW
        assert http.get("/ai/generations").json()["generations"][0]["input_image"] == picture_server.url()


def test_the_history_comes_in_pages_with_what_was_charged(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("late_job", times=3, seconds=2)
    ids = [submitted(http, picture_server.url(f"/cat.png?mark={number}")) for number in range(3)]
    body = http.get("/ai/generations").json()
    assert (body["count"], body["total_cost"], body["generations"][0]["cost"]) == (3, None, None)
    for each in ids:
        finished(http, each)
    body = http.get("/ai/generations", params={"page": 2, "page_size": 2}).json()
    assert [row["generation_id"] for row in body.pop("generations")] == ids[:1]
    assert body == {
        "count": 1,
        "page_number": 2,
        "page_size": 2,
        "total_pages": 2,
        "total_entries": 3,
        "total_cost": "0.15",
    }
    one = http.get(f"/ai/generations/{ids[0]}").json()
    assert (one["status"], one["status_message"]) == ("success", "resource_found")
    assert one["generation"].keys() >= ROW | {"cost", "user_id", "username", "user_image"}
    assert (one["generation"]["cost"], one["generation"]["input_image"]) == (
        "0.05",
        picture_server.url("/cat.png?mark=0"),
    )
    assert http.get("/ai/generations", params={"status": "cancelled"}).json()["total_entries"] == 0
    for query in ({"page": 0}, {"page_size": 1001}, {"page_size": "x"}, {"status": "done"}):
        assert http.get("/ai/generations", params=query).status_code == 400


def test_a_generation_can_be_cancelled_while_it_is_active_and_costs_nothing(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("hold", seconds=60)
    sim.faults.add("late_job", times=2, seconds=2)
    queued, processing = submitted(http, picture_server.url()), submitted(http, picture_server.url())
    for generation_id, word in ((queued, "queued"), (processing, "processing")):
        seen(http, generation_id, word)
        answer = http.delete(f"/ai/queue/{generation_id}")
        assert (answer.status_code, answer.json()) == (200, {"status": "success", "generation_id": generation_id})
        assert status(http, generation_id)["status"] == "cancelled"
        assert status(http, generation_id)["completed_at"] is not None
    assert sim.account.balance() == {"available_credits": PURSE, "reserved_credits": 0, "total_credits": PURSE}
    time.sleep(2.2)  # the work that was going on must not change the cancelled generations
    assert status(http, processing)["status"] == "cancelled"
    assert sim.account.available_credits == PURSE


def test_cancelling_one_that_ended_has_no_effect(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    generation_id = submitted(http, picture_server.url())
    finished(http, generation_id)
    assert http.delete(f"/ai/queue/{generation_id}").status_code == 200
    assert status(http, generation_id)["status"] == "succeeded"
    assert sim.account.consumed_credits == PRICE


def test_units_are_charged_once_the_generation_succeeded(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    generation_id = submitted(http, picture_server.url())
    assert (sim.account.reserved_credits, sim.account.consumed_credits) == (PRICE, 0)
    finished(http, generation_id)
    assert (sim.account.reserved_credits, sim.account.consumed_credits) == (0, PRICE)


def test_price_enums_and_the_name_of_the_schema_can_be_chosen(picture_server: PictureServer) -> None:
    chosen: dict[str, Any] = {
        "price_units": 1_234,
        "narrowed_choices": {"upscale_factor": ("2x",)},
        "schema_field": "json_request_schema",
    }
    with running(**chosen) as (sim, http):
        entry = http.get(f"/ai/models/{MODEL}").json()
        assert entry["pricing"]["cost_per_image"] == 0.1234
        assert entry["json_request_schema"]["properties"]["upscale_factor"]["enum"] == ["2x"]
        assert "request_schema" not in entry
        assert finished(http, submitted(http, picture_server.url(), upscale_factor="4x"))["status"] == "failed"
        assert finished(http, submitted(http, picture_server.url()))["status"] == "succeeded"
        assert sim.account.consumed_credits == 1_234


@each_row(
    "wrong",
    [
        {"narrowed_choices": {"upscale_factor": ("6x",)}},
        {"narrowed_choices": {"seed": ("1",)}},
        {"narrowed_choices": {"output_format": ()}},
        {"schema_field": "schema"},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"narrowed|schema_field"):
        OxenSimulator(api_key="k", **wrong)


def test_the_base_is_the_published_path(sim: OxenSimulator) -> None:
    assert sim.base_url == sim.origin + "/api"
    assert BARE.get(sim.origin + "/api/ai/queue", headers=BEARER).status_code == 200
