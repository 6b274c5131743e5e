"""The Topaz simulator against the vendor's published behaviour, over real sockets.

The tests speak to it with a plain HTTP client and pictures made by Pillow. They must not import
the application: what is checked here is the stand-in, not its user.
"""

from __future__ import annotations

import io
import math
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from darkroom_local.simulators.topaz import KINDS, TopazSimulator, parse_fault
from darkroom_local.simulators.topaz.models import LEGACY_KEY_PREFIX

KEY = "test-key-1"
# A client without a key; no certificates are loaded, as everything here is plain HTTP.
BARE = httpx.Client(verify=False, timeout=10, limits=httpx.Limits(max_keepalive_connections=0))
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


def picture(width: int = 60, height: int = 40, name: str = "PNG", mode: str = "RGB", **save: Any) -> bytes:
    """A picture of that size with a gradient in it."""
    image = Image.linear_gradient("L").resize((width, height)).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, name, **save)
    return buffer.getvalue()


@pytest.fixture
def sim() -> Iterator[TopazSimulator]:
    with TopazSimulator(api_key=KEY, speed=20) as simulator:
        yield simulator


@pytest.fixture
def http(sim: TopazSimulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=sim.base_url, headers={"X-API-Key": KEY}, timeout=10, verify=False) as client:
        yield client


def submit(
    http: httpx.Client,
    data: bytes | None = None,
    filename: str = "cat.png",
    path: str = "/enhance/async",
    **fields: Any,
) -> httpx.Response:
    files = {"image": (filename, picture() if data is None else data)}
    return http.post(path, files=files, data={k: str(v) for k, v in fields.items()})


def submitted(http: httpx.Client, **wishes: Any) -> str:
    answer = submit(http, **wishes)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["process_id"])


def finished(http: httpx.Client, process_id: str, limit_seconds: float = 6) -> dict[str, Any]:
    stop = time.time() + limit_seconds
    while time.time() < stop:
        body: dict[str, Any] = http.get(f"/status/{process_id}").json()
        if body["status"] in ("Completed", "Failed", "Cancelled"):
            return body
        time.sleep(0.02)
    raise AssertionError("the job did not end")


def link(http: httpx.Client, process_id: str, which: str = "download_url") -> str:
    return str(http.get(f"/download/{process_id}").json()[which])


def result_of(http: httpx.Client, process_id: str) -> bytes:
    body = finished(http, process_id)
    assert body["status"] == "Completed", body
    answer = BARE.get(link(http, process_id))
    assert answer.status_code == 200
    return answer.content


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


# --- what is published -----------------------------------------------------------------------


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
    with (
        TopazSimulator(api_key=KEY, speed=2) as sim,
        httpx.Client(base_url=sim.base_url, headers={"X-API-Key": KEY}, verify=False) as http,
    ):
        answer = submit(http).json()
        seen: list[str] = []
        while "Completed" not in seen:
            status = http.get(f"/status/{answer['process_id']}").json()
            seen += [] if status["status"] in seen else [status["status"]]
            assert time.time() < answer["eta"] + 0.5
            if status["status"] == "Processing":
                assert 1 <= status["progress"] <= 99
            time.sleep(0.01)
        assert seen == ["Pending", "Processing", "Completed"]
        assert time.time() <= answer["eta"] + 0.1


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


def test_unsupported_parameters_are_passed_over_in_silence(http: httpx.Client) -> None:
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


def balance(sim: TopazSimulator) -> dict[str, int]:
    answer = BARE.get(sim.origin + "/account/v1/credits/balance", headers={"X-API-Key": KEY})
    assert answer.status_code == 200
    body: dict[str, int] = answer.json()
    return body


# --- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"output_height": 0},
        {"output_height": 32_001},
        {"output_width": "12.5"},
        {"output_width": 32_000, "output_height": 32_000},
        {"output_format": "gif"},
        {"crop_to_fill": "yes"},
        {"model": "Standard V9"},
        {"sharpen": 1.01},
        {"denoise": "nan"},
        {"face_enhancement_creativity": -0.1},
        {"subject_detection": "Sky"},
        {"path": "/enhance-gen/async", "creativity": 7},
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
    with (
        TopazSimulator(api_key=KEY, speed=20, request_limit_bytes=100_000) as sim,
        httpx.Client(base_url=sim.base_url, headers={"X-API-Key": KEY}, verify=False) as http,
    ):
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
        time.sleep(0.1)
    time.sleep(0.2)
    assert sim.submits == []
    assert sim.requests[-1]["status"] is None


def test_only_the_right_key_in_the_right_header_opens_the_door(
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


def test_an_unknown_endpoint_is_404(http: httpx.Client) -> None:
    assert http.post("/enhance-everything/async").status_code == 404
    assert http.put("/status").status_code == 404


# --- links -----------------------------------------------------------------------------------


def test_links_serve_ranges_heads_and_preconditions_without_a_key(sim: TopazSimulator, http: httpx.Client) -> None:
    process_id = submitted(http)
    whole = result_of(http, process_id)
    body = http.get(f"/download/{process_id}").json()
    assert abs(body["expiry"] - time.time() - 3600) < 5
    head = BARE.head(body["head_url"])
    assert head.headers["Content-Length"] == str(len(whole))
    etag = head.headers["ETag"]
    url = body["download_url"]

    def get(**headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return BARE.get(url, headers=named)

    part = get(Range="bytes=10-19", If_Match=etag)
    assert (part.status_code, part.content) == (206, whole[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(whole)}"
    assert get(Range="bytes=10-").content == whole[10:]
    assert get(Range="bytes=-7").content == whole[-7:]
    assert get(Range=f"bytes={len(whole)}-").status_code == 416
    assert get(Range="bytes=1-2", If_Range='"other"').status_code == 200
    assert get(If_Match='"other"').status_code == 412
    assert not any(entry["key_leaked"] for entry in sim.requests)


def test_a_key_sent_to_a_link_is_noted_as_leaked(sim: TopazSimulator, http: httpx.Client) -> None:
    process_id = submitted(http)
    result_of(http, process_id)
    assert http.get(link(http, process_id)).status_code == 200
    assert sim.requests[-1]["key_leaked"] is True


def test_tampered_links_and_links_for_another_method_are_403(
    http: httpx.Client,
) -> None:
    process_id = submitted(http)
    finished(http, process_id)
    url = link(http, process_id)
    assert BARE.get(url[:-1] + ("0" if url[-1] != "0" else "1")).status_code == 403
    assert BARE.get(url.partition("?")[0]).status_code == 403
    assert BARE.head(url).status_code == 403
    assert BARE.get(link(http, process_id, "head_url")).status_code == 403


def test_links_end_and_fresh_ones_can_be_minted() -> None:
    with (
        TopazSimulator(api_key=KEY, speed=20, link_lifetime_seconds=1.0) as sim,
        httpx.Client(base_url=sim.base_url, headers={"X-API-Key": KEY}, verify=False) as http,
    ):
        process_id = submitted(http)
        finished(http, process_id)
        old = link(http, process_id)
        time.sleep(1.05)
        assert BARE.get(old).status_code == 403
        time.sleep(max(0.0, math.ceil(time.time()) - time.time()))
        assert BARE.get(link(http, process_id)).status_code == 200


# --- faults ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("throttle", 429),
        ("error_before", 500),
        ("auth", 401),
        ("forbidden", 403),
        ("no_funds", 402),
        ("no_subscription", 412),
        ("topping_up", 425),
        ("moved", 301),
    ],
)
@pytest.mark.parametrize("on", ["submit", "list", "account"])
def test_refusing_faults_count_down_and_leave_nothing_accepted(
    sim: TopazSimulator, http: httpx.Client, kind: str, status: int, on: str
) -> None:
    def call() -> int:
        if on == "submit":
            return submit(http).status_code
        path = "/status" if on == "list" else "/account/v1/credits/balance"
        base = sim.base_url if on == "list" else sim.origin
        return http.get(base + path).status_code

    sim.faults.add(kind, times=2, on=on)
    assert [call(), call(), call()] == [status, status, 200]
    assert len(sim.submits) == (1 if on == "submit" else 0)
    assert sim.requests[0]["faults"] == [kind]


def test_overload_answers_rotate_through_the_four_seen_shapes(sim: TopazSimulator, http: httpx.Client) -> None:
    sim.faults.add("throttle", times=4, on="list")
    bodies = [http.get("/status").json() for _ in range(4)]
    assert [set(body) for body in bodies] == [
        {"code", "message"},
        {"detail"},
        {"detail"},
        {"error"},
    ]
    assert isinstance(bodies[1]["detail"], str)
    assert set(bodies[2]["detail"][0]) == {"msg"}


def test_the_status_of_a_server_error_can_be_chosen(sim: TopazSimulator, http: httpx.Client) -> None:
    sim.faults.add("error_before", on="list", status=503)
    sim.faults.add("error_after", on="list", status=502)
    assert [http.get("/status").status_code for _ in range(3)] == [503, 502, 200]


@pytest.mark.parametrize(("kind", "accepted"), [("reset_before", 0), ("lost_answer", 1)])
def test_a_cut_connection_gives_no_answer(sim: TopazSimulator, http: httpx.Client, kind: str, accepted: int) -> None:
    sim.faults.add(kind)
    with pytest.raises(httpx.TransportError):
        submit(http)
    assert len(sim.submits) == len(http.get("/status").json()) == accepted
    assert sim.requests[0]["aborted"] is True
    assert sim.requests[0]["status"] is None


def test_an_error_or_garbage_after_acceptance_hides_a_running_job(sim: TopazSimulator, http: httpx.Client) -> None:
    sim.faults.add("error_after")
    sim.faults.add("garbage")
    assert submit(http, filename="1.png").status_code == 500
    answer = submit(http, filename="2.png")
    assert answer.status_code == 200
    with pytest.raises(ValueError, match="Expecting"):
        answer.json()
    listed = {job["filename"] for job in http.get("/status").json()}
    assert listed == {"1.png", "2.png"}


def test_a_delayed_answer_belongs_to_an_accepted_job(sim: TopazSimulator, http: httpx.Client) -> None:
    sim.faults.add("delay", seconds=0.6)
    with pytest.raises(httpx.ReadTimeout):
        http.post("/enhance/async", files={"image": ("a.png", picture())}, timeout=0.3)
    assert len(sim.submits) == 1


def test_a_fault_can_single_out_one_upload(sim: TopazSimulator, http: httpx.Client) -> None:
    sim.faults.add("throttle", match="dog")
    sim.faults.add("error_before", on="status", match="cat")
    cat = submitted(http, filename="cat.png")
    assert submit(http, filename="dog.png").status_code == 429
    dog = submitted(http, filename="dog.png")
    assert http.get(f"/status/{dog}").status_code == 200
    assert http.get(f"/status/{cat}").status_code == 500


def test_an_early_eta_passes_while_the_job_still_runs(sim: TopazSimulator, http: httpx.Client) -> None:
    sim.faults.add("eta_early", late_seconds=1.3)
    answer = submit(http).json()
    assert answer["eta"] <= time.time() + 1
    time.sleep(max(0.0, answer["eta"] - time.time()) + 0.05)
    status = http.get(f"/status/{answer['process_id']}").json()
    assert status["status"] in {"Pending", "Processing"}
    assert status["eta"] == answer["eta"]
    assert finished(http, answer["process_id"])["status"] == "Completed"


@pytest.mark.parametrize(("kind", "word"), [("failed_job", "Failed"), ("cancelled_job", "Cancelled")])
def test_a_job_can_end_badly_and_is_refunded(sim: TopazSimulator, http: httpx.Client, kind: str, word: str) -> None:
    sim.faults.add(kind)
    process_id = submitted(http)
    assert finished(http, process_id)["status"] == word
    assert http.get(f"/download/{process_id}").status_code == 409
    assert balance(sim)["available_credits"] == 10_000


def test_status_can_lie_about_the_size_once_or_for_a_jobs_life(sim: TopazSimulator, http: httpx.Client) -> None:
    sim.faults.add("wrong_size", on="submit")
    liar = submitted(http)
    status = finished(http, liar)
    image = opened(result_of(http, liar))
    assert (status["output_width"], status["output_height"]) != image.size == (60, 40)
    honest = submitted(http)
    finished(http, honest)
    sim.faults.add("wrong_size", on="status")
    widths = [http.get(f"/status/{honest}").json()["output_width"] for _ in range(2)]
    assert widths == [76, 60]


def test_an_unknown_status_word_can_show_up_once_or_while_running(sim: TopazSimulator, http: httpx.Client) -> None:
    sim.faults.add("unknown_status", on="submit")
    process_id = submitted(http)
    assert http.get(f"/status/{process_id}").json()["status"] == "Queued2"
    assert http.get("/status").json()[0]["status"] == "Queued2"
    assert finished(http, process_id)["status"] == "Completed"
    sim.faults.add("unknown_status")
    assert http.get(f"/status/{process_id}").json()["status"] == "Queued2"
    assert http.get(f"/status/{process_id}").json()["status"] == "Completed"


def test_the_list_can_lag_and_can_come_in_the_other_shape(sim: TopazSimulator, http: httpx.Client) -> None:
    sim.faults.add("list_lag", seconds=0.4)
    sim.faults.add("list_shape", times=2)
    process_id = submitted(http)
    assert http.get("/status").json()["data"] == []
    assert http.get("/status?paginated=true").json() == []
    assert http.get(f"/status/{process_id}").status_code == 200
    time.sleep(0.45)
    assert len(http.get("/status").json()) == 1


def test_a_cut_transfer_sends_half_and_can_be_resumed(sim: TopazSimulator, http: httpx.Client) -> None:
    process_id = submitted(http, output_width=300)
    whole = result_of(http, process_id)
    sim.faults.add("cut", on="result")
    pieces: list[bytes] = []
    with BARE.stream("GET", link(http, process_id)) as answer:
        assert answer.headers["Content-Length"] == str(len(whole))
        with pytest.raises(httpx.RemoteProtocolError):
            pieces.extend(answer.iter_raw())
    got = b"".join(pieces)
    assert got == whole[: len(whole) // 2]
    rest = BARE.get(link(http, process_id), headers={"Range": f"bytes={len(got)}-"}).content
    assert got + rest == whole


def test_results_can_be_corrupt_expired_or_slow(sim: TopazSimulator, http: httpx.Client) -> None:
    process_id = submitted(http)
    whole = result_of(http, process_id)
    sim.faults.add("corrupt", on="result")
    sim.faults.add("expired", on="result")
    url = link(http, process_id)
    assert BARE.get(url).status_code == 403
    wrong = BARE.get(url).content
    assert len(wrong) == len(whole)
    assert wrong.startswith(b"This is not")
    sim.faults.add("slow", on="result", bytes_per_second=len(whole) * 2)
    start = time.time()
    assert BARE.get(url).content == whole
    assert 0.4 < time.time() - start < 1.5


def test_results_can_be_throttled_and_reset_like_everything_else(sim: TopazSimulator, http: httpx.Client) -> None:
    process_id = submitted(http)
    finished(http, process_id)
    url = link(http, process_id)
    sim.faults.add("error_before", on="result", status=503)
    assert BARE.get(url).status_code == 503
    sim.faults.add("reset_before", on="result")
    with pytest.raises(httpx.TransportError):
        BARE.get(url)
    assert BARE.get(url).status_code == 200


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "throttle:nowhere",
        "throttle:submit:0",
        "cut:submit",
        "delay:submit:1:minutes=2",
        "delay:submit:1:seconds",
    ],
)
def test_a_mistaken_fault_is_refused_when_it_is_set(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_fault(text)


def test_faults_can_be_written_in_one_line() -> None:
    fault = parse_fault("slow:result:*:bytes_per_second=100:match=cat")
    assert (fault.on, fault.times, fault.match) == ("result", None, "cat")
    assert fault.option("bytes_per_second") == 100
    assert parse_fault("throttle").on == "submit"


# --- control and life cycle ------------------------------------------------------------------


def test_another_process_can_read_the_log_and_set_faults(sim: TopazSimulator, http: httpx.Client) -> None:
    with httpx.Client(base_url=sim.origin + "/_simulator", verify=False) as control:
        wish = {"kind": "error_before", "on": "list", "times": 2, "status": 502}
        assert control.post("/faults", json=wish).status_code == 201
        assert http.get("/status").status_code == 502
        body = control.get("/faults").json()
        assert body["active"][0]["times"] == 1
        assert set(body["kinds"]) == set(KINDS)
        assert control.delete("/faults").status_code == 204
        assert control.post("/faults", json={"kind": "x"}).status_code == 400
        submitted(http, filename="seen.png")
        assert [s["filename"] for s in control.get("/submits").json()] == ["seen.png"]
        assert [e["status"] for e in control.get("/requests").json()] == [502, 200]
        assert control.delete("/requests").status_code == 204
        assert sim.requests == []


def test_the_log_says_how_a_request_came(sim: TopazSimulator, http: httpx.Client) -> None:
    submitted(http, filename="a.png", model="CGI")
    entry = sim.requests[0]
    assert (entry["method"], entry["path"]) == ("POST", "/image/v1/enhance/async")
    assert entry["fields"] == {"model": "CGI"}
    assert entry["filename"] == "a.png"
    assert entry["has_content_length"]
    assert entry["transfer_encoding"] is None
    assert "x-api-key" in [name.lower() for name in entry["header_names"]]


def test_two_simulators_cannot_share_a_port(sim: TopazSimulator) -> None:
    with pytest.raises(OSError, match="address"), TopazSimulator(api_key=KEY, port=sim.port):
        pass


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_serving_ends_cleanly_on_sigterm() -> None:
    code = textwrap.dedent("""
        from darkroom_local.simulators.topaz import serve
        serve(api_key="k", faults=["throttle:list"], on_ready=lambda u: print(u, flush=True))
        print("ended", flush=True)
    """)
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    assert child.stdout is not None
    url = child.stdout.readline().strip()
    assert BARE.get(url + "/status", headers={"X-API-Key": "k"}).status_code == 429
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=10)
    assert (child.returncode, out, err) == (0, "ended\n", "")
