"""Tests that the Topaz simulator refuses what the vendor refuses."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.simulators.client import BARE, KEY, until
from tests.simulators.topaz.support import balance, finished, picture, running, submit, submitted

from darkroom_local.simulators.topaz import TopazSimulator
from darkroom_local.simulators.topaz.published_facts import LEGACY_KEY_PREFIX


@pytest.mark.parametrize(
    "fields",
    [
        {"output_height": 0},
        {"output_height": 32_001},
        {"output_width": "12.5"},
        {"path": "/enhance-gen/async", "output_width": 32_000, "output_height": 32_000},
        {"output_format": "gif"},
        {"crop_to_fill": "yes"},
        {"model": "Standard V9"},
        {"sharpen": 1.01},
        {"denoise": "nan"},
        {"face_enhancement_creativity": -0.1},
        {"subject_detection": "Sky"},
        {"path": "/enhance-gen/async", "creativity": 10},
        {"path": "/enhance-gen/async", "texture": 1.5},
        {"path": "/enhance-gen/async", "prompt": "x" * 1025},
        {"path": "/sharpen/async", "strength": 0},
        {"path": "/sharpen/async", "model": "Standard V2"},
        {"source_url": "https://example.invalid/a.png"},
    ],
)
def test_a_bad_value_is_refused_with_400_and_costs_nothing(
    sim: TopazSimulator, http: httpx.Client, fields: dict[str, Any]
) -> None:
    answer = submit(http, **fields)
    assert answer.status_code == 400
    assert answer.json().keys() == {"code", "message"}
    assert answer.json()["code"] == 400
    assert sim.submits == []
    assert balance(sim)["available_credits"] == 10_000


def test_a_request_without_a_picture_or_without_multipart_is_refused(
    http: httpx.Client,
) -> None:
    no_image = http.post("/enhance/async", files={"model": (None, "CGI")})
    assert no_image.status_code == 400
    assert http.post("/enhance/async", json={"model": "CGI"}).status_code == 400
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    assert http.post("/enhance/async", content=b"oops", headers=broken).status_code == 400
    assert http.post("/estimate", files={"model": (None, "CGI")}).status_code == 400


def test_an_input_over_the_models_limit_is_refused(http: httpx.Client) -> None:
    data = picture(5000, 3300, mode="1")
    answer = submit(http, data, path="/enhance-gen/async", model="Recovery", output_width=50)
    assert answer.status_code == 400


def test_what_cannot_be_decoded_is_refused_with_415(http: httpx.Client) -> None:
    assert submit(http, b"hello").status_code == 415
    assert submit(http, picture(name="GIF", mode="L")).status_code == 415
    assert submit(http, b"\xff\xd8\xff\xe0 no jpeg at all").status_code == 415


def test_a_picture_without_area_is_refused_with_422(http: httpx.Client) -> None:
    png = bytearray(picture())
    png[16:20] = bytes(4)
    jpeg = bytearray(picture(name="JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 7] = bytes(2)
    assert submit(http, bytes(png)).status_code == 422
    assert submit(http, bytes(jpeg)).status_code == 422


def test_a_truncated_picture_ends_as_a_failed_job_and_is_refunded(sim: TopazSimulator, http: httpx.Client) -> None:
    data = picture(400, 400, "JPEG")
    assert finished(http, submitted(http, data=data[:-900]))["status"] == "Failed"
    assert balance(sim)["available_credits"] == 10_000


def test_the_request_limit_holds_for_announced_and_for_streamed_bodies() -> None:
    with running(speed=20, request_limit_bytes=100_000) as (sim, http):
        big = submit(http, bytes(200_000))
        assert big.status_code == 413
        head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'

        def pieces() -> Iterator[bytes]:
            yield head
            for _ in range(20):
                yield bytes(10_000)
            yield b"\r\n--x--\r\n"

        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        streamed = http.post("/enhance/async", content=pieces(), headers=headers)
        assert streamed.status_code == 413
        assert [entry["has_content_length"] for entry in sim.requests] == [True, False]
        assert sim.requests[1]["transfer_encoding"] == "chunked"


def test_the_published_limit_is_checked_before_the_body_is_sent(
    sim: TopazSimulator,
) -> None:
    with socket.create_connection(("127.0.0.1", sim.port)) as raw:
        raw.sendall(
            f"POST /image/v1/enhance/async HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n"
            "Content-Length: 500000001\r\n\r\n".encode()
        )
        assert raw.recv(64).startswith(b"HTTP/1.1 413")


def test_a_chunked_upload_is_accepted_and_noted(sim: TopazSimulator, http: httpx.Client) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    body = [head, picture(), b"\r\n--x--\r\n"]
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = http.post("/enhance/async", content=iter(body), headers=headers)
    assert answer.status_code == 200
    assert sim.requests[-1]["has_content_length"] is False


def test_an_upload_broken_off_by_the_client_is_not_accepted(
    sim: TopazSimulator,
) -> None:
    head = f"POST /image/v1/enhance/async HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\n"
    head += "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9999\r\n"
    part = '--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    with socket.create_connection(("127.0.0.1", sim.port)) as raw:
        raw.sendall(f"{head}\r\n{part}".encode() + picture())
        until(lambda: sim.requests, len)
    time.sleep(0.2)
    assert sim.submits == []
    assert sim.requests[-1]["status"] is None


def test_only_the_right_key_in_the_right_header_is_accepted(
    sim: TopazSimulator,
) -> None:
    url = sim.base_url + "/status"
    wrong: list[dict[str, str]] = [
        {},
        {"X-API-Key": "other"},
        {"Authorization": f"Bearer {KEY}"},
    ]
    for headers in wrong:
        answer = BARE.get(url, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, 401)
    assert BARE.get(url, headers={"x-api-key": KEY}).status_code == 200
    noted = [(entry["auth_header"], entry["key_matched"]) for entry in sim.requests]
    assert noted == [
        (None, False),
        ("x-api-key", False),
        ("authorization", False),
        ("x-api-key", True),
    ]
    assert KEY not in str(sim.requests)


def test_a_legacy_key_goes_as_a_bearer_token() -> None:
    key = LEGACY_KEY_PREFIX + "abc"
    with TopazSimulator(api_key=key) as sim:
        url = sim.base_url + "/status"
        bearer = {"Authorization": f"Bearer {key}"}
        assert BARE.get(url, headers=bearer).status_code == 200
        assert BARE.get(url, headers={"X-API-Key": key}).status_code == 401


def test_an_account_without_credits_gets_402(sim: TopazSimulator, http: httpx.Client) -> None:
    control = sim.origin + "/_simulator/account"
    assert BARE.post(control, json={"available_credits": 1}).status_code == 200
    answer = submit(http, path="/enhance-gen/async", output_width=3000)
    assert (answer.status_code, sim.submits) == (402, [])
    assert BARE.get(control).json()["available_credits"] == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/status"), ("DELETE", "/status"), ("GET", "/download"), ("DELETE", "/cancel")],
)
def test_ids_are_uuids_and_unknown_ones_are_404(http: httpx.Client, method: str, path: str) -> None:
    unknown = f"{path}/d7b3b3b3-7b3b-4b3b-8b3b-3b3b3b3b3b3b"
    assert http.request(method, f"{path}/12").status_code == 400
    assert http.request(method, unknown).status_code == 404
