"""Tests that the AI/ML API simulator does what the vendor publishes: examples, fields, headers and charges."""

from __future__ import annotations

import base64
import io
import re
import threading
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from PIL import Image
from tests.simulators.aimlapi.support import (
    GENERATIONS,
    PRICE,
    PURSE,
    STRONG,
    SUPER,
    blurred,
    generate,
    link,
    logged,
    result_of,
    running,
    steepest,
)
from tests.simulators.client import BARE, BEARER, until
from tests.simulators.picture_server import PictureServer, opened, picture

from darkroom_local.simulators.aimlapi import AimlapiSimulator

LANDSCAPE = "/aimlapi/api-docs/main/reference-files/blurred-landscape.png"


def test_the_example_of_the_page_sharpen_generative_is_answered_as_published(
    http: httpx.Client, picture_server: PictureServer
) -> None:
    picture_server.pictures[LANDSCAPE] = blurred()
    answer = http.post(
        GENERATIONS,
        headers={**BEARER, "Content-Type": "application/json"},
        json={
            "model": "topaz-labs/sharpen",
            "image_url": picture_server.url(LANDSCAPE),
            "mode": "Super Focus V2",
            "strength": 0.6,
            "output_format": "jpeg",
        },
    )
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    body = answer.json()
    url = body["data"][0]["url"]
    assert body == {"data": [{"url": url}], "meta": {"usage": {"tokens_used": 210000}}}
    assert urlsplit(url).path.endswith(".jpeg")
    made = opened(BARE.get(url).content)
    assert (made.format, made.size) == ("JPEG", (60, 40))


def test_the_example_of_the_page_sharpen_is_answered_as_published(
    http: httpx.Client, picture_server: PictureServer
) -> None:
    picture_server.pictures[LANDSCAPE] = blurred()
    extra = {"strength": 0.9, "minor_denoise": 0.9, "output_format": "png"}
    answer = http.post(GENERATIONS, json={**STRONG, "image_url": picture_server.url(LANDSCAPE), **extra})
    assert answer.json()["meta"] == {"usage": {"tokens_used": 210000}}
    assert opened(result_of(answer)).format == "PNG"


@pytest.mark.parametrize(
    ("model", "mode"),
    [
        *((SUPER["model"], mode) for mode in ("Super Focus", "Super Focus V2")),
        *(
            (STRONG["model"], mode)
            for mode in ("Standard", "Strong", "Lens Blur", "Lens Blur V2", "Motion Blur", "Natural", "Refocus")
        ),
    ],
)
def test_every_published_mode_is_taken(
    http: httpx.Client, picture_server: PictureServer, model: str, mode: str
) -> None:
    assert generate(http, picture_server.url(), model=model, mode=mode).status_code == 200


@pytest.mark.parametrize(
    ("word", "format_", "suffix"),
    [
        ("jpeg", "JPEG", "jpeg"),
        ("jpg", "JPEG", "jpeg"),
        ("png", "PNG", "png"),
        ("tiff", "TIFF", "tiff"),
        ("tif", "TIFF", "tiff"),
        (None, "JPEG", "jpeg"),
    ],
)
def test_the_output_format_is_as_asked_and_jpeg_if_not(
    http: httpx.Client, picture_server: PictureServer, word: str | None, format_: str, suffix: str
) -> None:
    answer = generate(http, picture_server.url(), **({"output_format": word} if word else {}))
    assert opened(result_of(answer)).format == format_
    assert urlsplit(link(answer)).path.endswith("." + suffix)


def test_the_picture_is_really_sharpened_and_keeps_its_size(http: httpx.Client, picture_server: PictureServer) -> None:
    picture_server.pictures["/soft.png"] = soft = blurred()

    def made(strength: float) -> bytes:
        return result_of(generate(http, picture_server.url("/soft.png"), strength=strength, output_format="png"))

    weak, strong = made(0.2), made(1)
    assert steepest(soft) < steepest(weak) < steepest(strong)
    assert opened(strong).size == (60, 40)
    assert opened(made(0)).tobytes() == opened(soft).tobytes()


def test_exif_orientation_is_honoured(http: httpx.Client, picture_server: PictureServer) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture_server.pictures["/side.jpg"] = picture(name="JPEG", exif=exif)
    assert opened(result_of(generate(http, picture_server.url("/side.jpg")))).size == (20, 30)


def test_the_journal_keeps_what_was_submitted_with_the_published_defaults(
    sim: AimlapiSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    url = picture_server.url("/cat.png?mark=job-7~1&empty=")
    answer = generate(http, url, "job:7", seed=7, focus_boost=0.25)
    (submit,) = sim.submits
    assert submit.pop("time") <= time.time()
    assert submit == {
        "inference_id": answer.headers["x-inference-id"],
        "client_request_id": "job:7",
        "image_url": url,
        "query": {"mark": "job-7~1", "empty": ""},
        "model": "topaz-labs/sharpen-gen",
        "settings": {
            "mode": "Super Focus V2",
            "output_format": "jpeg",
            "subject_detection": "All",
            "face_enhancement": True,
            "face_enhancement_creativity": 0,
            "face_enhancement_strength": 0.8,
            "focus_boost": 0.25,
            "seed": 7,
        },
        "credits": PRICE,
    }


def test_the_headers_say_which_request_it_was_and_what_it_cost(
    http: httpx.Client, picture_server: PictureServer
) -> None:
    first, second = generate(http, picture_server.url(), "order-8f21c4"), generate(http, picture_server.url())
    assert first.headers["x-client-request-id"] == "order-8f21c4"
    assert first.headers["x-aimlapi-credits-used"] == "210000.0"
    assert first.headers["x-aimlapi-usd-spent"] == "0.105000000"
    assert re.fullmatch(r"[A-Za-z0-9_-]{21}", first.headers["x-inference-id"])
    assert "x-client-request-id" not in second.headers
    for name in ("x-inference-id", "x-request-id"):
        assert first.headers[name] != second.headers[name]


@pytest.mark.parametrize("good", ["a", "A.b_c:d-9", "x" * 128])
def test_a_good_client_request_id_is_echoed_and_logged(
    http: httpx.Client, picture_server: PictureServer, good: str
) -> None:
    assert generate(http, picture_server.url(), good).headers["x-client-request-id"] == good
    assert logged(http)[0]["client_request_id"] == good


@pytest.mark.parametrize("bad", ["", "x" * 129, "with space", "slash/no", "caf\u00e9", "a=b"])
def test_a_bad_client_request_id_is_ignored_and_the_picture_is_paid(
    sim: AimlapiSimulator, http: httpx.Client, picture_server: PictureServer, bad: str
) -> None:
    headers = {"X-Client-Request-Id": bad.encode("latin-1")}
    answer = http.post(GENERATIONS, json={**SUPER, "image_url": picture_server.url()}, headers=headers)
    assert answer.status_code == 200
    assert "x-client-request-id" not in answer.headers
    assert sim.account.consumed_credits == PRICE
    assert sim.submits[0]["client_request_id"] is None
    assert logged(http)[0]["client_request_id"] is None


def test_the_same_client_request_id_twice_is_paid_twice(
    sim: AimlapiSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    answers = [generate(http, picture_server.url(), "job-1") for _ in range(2)]
    assert link(answers[0]) != link(answers[1])
    assert sim.account.consumed_credits == 2 * PRICE
    assert [row["client_request_id"] for row in logged(http, 2)] == ["job-1", "job-1"]


def test_credits_are_held_while_the_call_runs_and_the_balance_shows_it(picture_server: PictureServer) -> None:
    with running(speed=25) as (sim, http):
        assert http.get("/v2/billing").json() == {"current_balance": 10.0, "currency": "USD"}
        sim.faults.add("late_job", seconds=2)
        caller = threading.Thread(target=generate, args=(http, picture_server.url()))
        caller.start()
        try:
            until(lambda: sim.submits, len)
            assert sim.account.balance()["reserved_credits"] == PRICE
            assert sim.account.consumed_credits == 0
        finally:
            caller.join()
        assert sim.account.balance() == {
            "available_credits": PURSE - PRICE,
            "reserved_credits": 0,
            "total_credits": PURSE - PRICE,
        }
        assert http.get("/v2/billing").json() == {"current_balance": 9.895, "currency": "USD"}


def test_the_older_balance_is_in_credits(sim: AimlapiSimulator, http: httpx.Client) -> None:
    body = http.get("/v1/billing/balance").json()
    assert body.pop("lastUpdated").endswith("Z")
    assert body == {
        "balance": PURSE,
        "lowBalance": False,
        "lowBalanceThreshold": 10_000,
        "autoDebitStatus": "disabled",
        "status": "current",
        "statusExplanation": "Balance is current and up to date",
    }
    sim.account.set_available(9_999)
    assert http.get("/v1/billing/balance").json()["lowBalance"] is True


def test_the_price_can_be_chosen_because_its_rule_is_not_published(picture_server: PictureServer) -> None:
    with running(price_credits=7) as (sim, http):
        answer = generate(http, picture_server.url())
        assert answer.json()["meta"]["usage"]["tokens_used"] == 7
        assert sim.account.consumed_credits == 7


def test_the_connection_is_synchronous_as_long_as_the_picture_takes(picture_server: PictureServer) -> None:
    with running(speed=25) as (_, http):
        start = time.time()
        assert generate(http, picture_server.url(), **STRONG).status_code == 200
        assert 0.2 <= time.time() - start < 30


def test_a_link_lives_seven_days(http: httpx.Client, picture_server: PictureServer) -> None:
    expires = int(parse_qs(urlsplit(link(generate(http, picture_server.url()))).query)["expires"][0])
    assert abs(expires - time.time() - 604_800 / 1000) < 5  # the simulator's clock is a thousand times as fast


def test_a_link_ends(picture_server: PictureServer) -> None:
    with running(result_lifetime_seconds=5) as (_, http):
        url = link(generate(http, picture_server.url()))
        assert until(lambda: BARE.get(url).status_code, lambda code: code != 200) == 403


def test_the_picture_can_come_inside_the_answer_whole_at_several_megabytes(picture_server: PictureServer) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((1600, 1200), 90).convert("RGB").save(buffer, "PNG", compress_level=1)
    picture_server.pictures["/noise.png"] = buffer.getvalue()
    with running(answer_with="b64_json", speed=1000) as (_, http):
        answer = generate(http, picture_server.url("/noise.png"), output_format="png", strength=0)
        body: dict[str, Any] = answer.json()
    assert [list(entry) for entry in body["data"]] == [["b64_json"]]
    data = base64.b64decode(body["data"][0]["b64_json"], validate=True)
    assert len(data) > 2_000_000
    assert opened(data).tobytes() == opened(buffer.getvalue()).tobytes()
    assert body["meta"] == {"usage": {"tokens_used": PRICE}}
