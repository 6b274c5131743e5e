"""Tests that the Topaz simulator does what the vendor publishes."""

from __future__ import annotations

import io
import math
import time
from typing import Any

import httpx
import pytest
from PIL import Image
from tests.simulators.client import BARE, until
from tests.simulators.picture_server import opened
from tests.simulators.topaz.support import balance, finished, link, picture, result_of, running, submit, submitted

from darkroom_local.simulators.topaz import TopazSimulator

STATUS_FIELDS = {
    "process_id": str,
    "filename": str,
    "input_format": str,
    "input_height": int,
    "input_width": int,
    "output_format": str,
    "output_height": int,
    "output_width": int,
    "model": str,
    "face_enhancement": bool,
    "crop_to_fill": bool,
    "options_json": str,
    "sync": bool,
    "status": str,
    "progress": int,
    "eta": int,
    "creation_time": int,
    "modification_time": int,
    "credits": int,
}


def test_a_job_goes_from_submit_to_a_picture_of_the_announced_size(sim: TopazSimulator, http: httpx.Client) -> None:
    answer = submit(http, output_width=90, model="CGI", sharpen=0.4)
    body = answer.json()
    assert answer.headers["X-Process-Id"] == body["process_id"]
    assert answer.headers["X-ETA"] == str(body["eta"])
    status = finished(http, body["process_id"])
    assert {name: type(status[name]) for name in STATUS_FIELDS} == STATUS_FIELDS
    assert (status["input_width"], status["input_height"]) == (60, 40)
    assert (status["output_width"], status["output_height"]) == (90, 60)
    assert status["progress"] == 100
    assert status["filename"] == "cat.png"
    image = opened(result_of(http, body["process_id"]))
    assert (image.format, image.size) == ("JPEG", (90, 60))
    assert [s["process_id"] for s in sim.submits] == [body["process_id"]]
    assert sim.submits[0]["fields"]["sharpen"] == "0.4"


def test_a_job_is_pending_then_processing_then_completed_by_its_eta() -> None:
    """Watch new jobs until one shows all its statuses in time. On a busy machine, a poll or an answer may come too late."""
    with running(speed=2) as (_, http):

        def watched() -> tuple[list[str], bool]:
            answer = submit(http).json()
            seen: list[str] = []
            while "Completed" not in seen:
                status = http.get(f"/status/{answer['process_id']}").json()
                seen += [] if status["status"] in seen else [status["status"]]
                if status["status"] == "Processing":
                    assert 1 <= status["progress"] <= 99
                time.sleep(0.01)
            return seen, time.time() <= answer["eta"] + 0.1

        until(watched, lambda found: found == (["Pending", "Processing", "Completed"], True))


@pytest.mark.parametrize(
    ("asked", "format", "media_type"),
    [
        (None, "JPEG", "image/jpeg"),
        ("jpg", "JPEG", "image/jpeg"),
        ("png", "PNG", "image/png"),
        ("tif", "TIFF", "image/tiff"),
    ],
)
def test_the_output_format_is_the_one_asked_for_and_jpeg_otherwise(
    http: httpx.Client, asked: str | None, format: str, media_type: str
) -> None:
    process_id = submitted(http, **({"output_format": asked} if asked else {}))
    assert opened(result_of(http, process_id)).format == format
    assert BARE.get(link(http, process_id)).headers["Content-Type"] == media_type


def test_both_sides_letterbox_unless_told_to_crop(http: httpx.Client) -> None:
    white = io.BytesIO()
    Image.new("RGB", (60, 40), "white").save(white, "PNG")
    size = {"output_width": 60, "output_height": 80, "output_format": "png"}
    boxed = opened(result_of(http, submitted(http, data=white.getvalue(), **size)))
    cropped = opened(result_of(http, submitted(http, data=white.getvalue(), crop_to_fill="true", **size)))
    assert boxed.size == cropped.size == (60, 80)
    assert boxed.getpixel((30, 0)) == (0, 0, 0)
    assert boxed.getpixel((30, 40)) == (255, 255, 255)
    assert cropped.getpixel((30, 0)) == (255, 255, 255)


def test_exif_orientation_is_honoured(http: httpx.Client) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = picture(60, 40, "JPEG", exif=exif)
    process_id = submitted(http, data=data, output_width=80)
    status = finished(http, process_id)
    assert (status["input_width"], status["input_height"]) == (40, 60)
    assert opened(result_of(http, process_id)).size == (80, 120)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_every_common_pixel_mode_can_be_processed(http: httpx.Client, mode: str) -> None:
    base = Image.linear_gradient("L").resize((30, 20))
    image = base.convert("I").convert("I;16") if mode == "I;16" else base.convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, "TIFF" if mode == "CMYK" else "PNG")
    process_id = submitted(http, data=buffer.getvalue(), output_width=60, denoise=1)
    assert opened(result_of(http, process_id)).size == (60, 40)


def test_sharpening_changes_the_pixels(http: httpx.Client) -> None:
    data = picture(64, 64, mode="RGB")
    image = opened(data)
    image.paste("red", (20, 20, 40, 40))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    path = "/sharpen/async"
    args: dict[str, Any] = {"data": buffer.getvalue(), "output_format": "png"}
    wishes = {"model": "Lens Blur V2", "strength": 1}
    plain = result_of(http, submitted(http, path=path, **args))
    sharp = result_of(http, submitted(http, path=path, **args, **wishes))
    assert opened(plain).tobytes() != opened(sharp).tobytes()


def test_unsupported_parameters_are_ignored(http: httpx.Client) -> None:
    process_id = submitted(http, path="/sharpen/async", output_width=600, sharpness="x")
    status = finished(http, process_id)
    assert status["output_width"] == 60
    assert status["options_json"] == "{}"


@pytest.mark.parametrize("filename", ["Kätzchen 1.png", "a;b=c.png", "job-0123~part.tif", "日本.jpg"])
def test_the_filename_is_echoed_exactly(http: httpx.Client, filename: str) -> None:
    process_id = submitted(http, filename=filename)
    assert http.get(f"/status/{process_id}").json()["filename"] == filename


def test_the_synchronous_endpoint_answers_with_the_picture(http: httpx.Client) -> None:
    answer = submit(http, path="/enhance", output_height=80, output_format="png")
    assert answer.headers["Content-Type"] == "image/png"
    assert opened(answer.content).size == (120, 80)
    status = http.get(f"/status/{answer.headers['X-Process-Id']}").json()
    assert status["sync"] is True
    assert str(status["eta"]) == answer.headers["X-ETA"]
    too_big = submit(http, path="/enhance", output_width=12_000, output_height=9_000)
    assert too_big.status_code == 400


@pytest.mark.parametrize(
    ("megapixels", "credits"),
    [(1, 1), (4, 1), (8, 1), (16, 1), (24, 1), (32, 2), (40, 2), (50, 3), (64, 3), (100, 5)],
)
def test_prices_follow_the_published_table(http: httpx.Client, megapixels: int, credits: int) -> None:
    form = {"input_width": "10000", "input_height": str(megapixels * 100)}
    answer = http.post("/estimate", files={k: (None, v) for k, v in form.items()})
    assert answer.json()["credits"] == credits
    assert answer.json()["duration"] >= math.ceil((1 + megapixels) / 20)
    generative = http.post("/estimate-gen", files={k: (None, v) for k, v in form.items()})
    assert generative.json()["credits"] == math.ceil(megapixels / 4)


def test_the_list_comes_as_an_array_or_in_pages(http: httpx.Client) -> None:
    ids = [submitted(http, filename=f"{n}.png") for n in range(5)]
    listed = http.get("/status").json()
    assert [job["process_id"] for job in listed] == ids[::-1]
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        query = {"paginated": "true", "limit": "2"} | ({"cursor": cursor} if cursor else {})
        body = http.get("/status", params=query).json()
        seen += [job["process_id"] for job in body["data"]]
        cursor = body["pagination"]["next_cursor"]
    assert seen == ids[::-1]
    assert cursor is None
    wrong = {"paginated": "true", "limit": "101"}
    assert http.get("/status", params=wrong).status_code == 400


def test_a_status_can_be_deleted_once_the_job_has_ended(http: httpx.Client) -> None:
    running = submitted(http, output_width=1500)
    assert http.delete(f"/status/{running}").status_code == 409
    assert http.delete(f"/cancel/{running}").status_code == 204
    assert http.delete(f"/status/{running}").status_code == 204
    assert http.get(f"/status/{running}").status_code == 404
    submitted(http)
    assert http.delete("/status").status_code == 204
    assert http.get("/status").json() == []


def test_cancelling_refunds_and_works_only_while_running(sim: TopazSimulator, http: httpx.Client) -> None:
    process_id = submitted(http, output_width=1500)
    assert balance(sim)["reserved_credits"] == 1
    assert http.delete(f"/cancel/{process_id}").status_code == 204
    assert http.get(f"/status/{process_id}").json()["status"] == "Cancelled"
    assert http.delete(f"/cancel/{process_id}").status_code == 409
    assert balance(sim) == {
        "available_credits": 10_000,
        "reserved_credits": 0,
        "total_credits": 10_000,
    }


def test_credits_are_consumed_on_completion(sim: TopazSimulator, http: httpx.Client) -> None:
    finished(http, submitted(http))
    assert balance(sim)["available_credits"] == 9_999
    assert balance(sim)["reserved_credits"] == 0


def test_a_link_is_not_there_before_the_job_is_done(http: httpx.Client) -> None:
    process_id = submitted(http, output_width=1000)
    assert http.get(f"/download/{process_id}").status_code == 409


def test_the_journal_keeps_the_fields_of_the_form(sim: TopazSimulator, http: httpx.Client) -> None:
    submitted(http, filename="a.png", model="CGI")
    assert (sim.requests[0]["path"], sim.requests[0]["fields"]) == ("/image/v1/enhance/async", {"model": "CGI"})
