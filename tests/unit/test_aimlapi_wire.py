"""Tests the exact bytes that the AI/ML API adapter sends, the paths that it sends them to, and what each answer means.

The transport is httpx's mock. test_aimlapi_list.py tests the request log, and test_synchronous_calls.py tests the
results.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from tests.fakes.mock_vendor import HANDLE, SENT, Vendor, answer, refuse_to_keep
from tests.fakes.result_server import CONTENT, Host, resolve
from tests.rows import each_row
from tests.unit.wire_support import (
    HELD_TIMEOUT,
    LINK,
    LINKED,
    NO_OBJECTS,
    READ_TIMEOUT,
    WRONG,
    Kept,
    adapter_of,
    headers_of,
    planned,
    raw,
    refusing,
    split,
)

from darkroom.errors import (
    DarkroomError,
    ErrorCode,
    NothingSent,
    OperatorFault,
    ProviderRejected,
    ProviderUnavailable,
    SubmitInDoubt,
    Throttled,
)
from darkroom.model import SendMode
from darkroom.ports import ImageStream
from darkroom.providers.aimlapi import Aimlapi

__all__ = ["resolve"]  # pytest must find this automatic fixture here

BASE = "https://api.aimlapi.example.test"
RESULT = "https://cdn.example.test/komodo/output/1.jpeg?X-Amz-Expires=604800&X-Amz-Signature=s"
GOOD: dict[str, Any] = {"data": [{"url": RESULT}], "meta": {"usage": {"tokens_used": 210_000}}}
ALL_TAGS = {
    "model": "topaz-labs/sharpen-gen", "mode": "super focus", "output_format": "tif", "subject_detection": "foreground",
    "face_enhancement": "no", "face_enhancement_creativity": "0", "face_enhancement_strength": "0.80", "strength": "1",
    "focus_boost": "0.25", "seed": "2147483647",
}  # fmt: skip


def aimlapi(vendor: Callable[[httpx.Request], httpx.Response], *keys: str, base_url: str = BASE) -> Aimlapi:
    return adapter_of(Aimlapi, vendor, *keys, base_url=base_url)


def submit(provider: Aimlapi, keep: Any = refuse_to_keep, image: ImageStream = LINKED, **tags: str) -> Any:
    return provider.submit(planned("aimlapi", **tags), image, HANDLE, keep)


def submitted(body: Any, status: int = 200, **headers: str) -> tuple[Any, Kept]:
    """Submit to a vendor that gives this answer. Return the submission and the store of staged results."""
    kept = Kept()
    return submit(aimlapi(split(Vendor(answer(body, status, **headers)), Host())), kept), kept


# --- what is sent ----------------------------------------------------------------------------------------------


def test_a_submit_without_settings_is_one_json_post_byte_for_byte() -> None:
    vendor = Vendor(answer(GOOD))
    submit(aimlapi(split(vendor, Host())), Kept())
    (request,) = vendor.requests
    assert (request.method, str(request.url)) == ("POST", f"{BASE}/v1/images/generations")
    assert vendor.bodies == [
        b'{"model":"topaz-labs/sharpen-gen","mode":"Super Focus V2","output_format":"png","image_url":"'
        + LINK.encode()
        + b'"}'
    ]


def test_every_setting_goes_in_its_own_type_byte_for_byte() -> None:
    vendor = Vendor(answer(GOOD))
    submit(aimlapi(split(vendor, Host())), Kept(), **ALL_TAGS)
    assert vendor.bodies == [
        b'{"model":"topaz-labs/sharpen-gen","mode":"Super Focus","output_format":"tiff","subject_detection":"Foreground",'
        b'"face_enhancement":false,"face_enhancement_creativity":0.0,"face_enhancement_strength":0.8,"strength":1.0,'
        b'"focus_boost":0.25,"seed":2147483647,"image_url":"' + LINK.encode() + b'"}'
    ]


def test_the_other_model_has_its_own_modes_and_settings() -> None:
    vendor = Vendor(answer(GOOD))
    submit(aimlapi(split(vendor, Host())), Kept(), model="topaz-labs/sharpen", mode="Lens Blur V2", minor_denoise="0.9")
    assert vendor.bodies == [
        b'{"model":"topaz-labs/sharpen","mode":"Lens Blur V2","minor_denoise":0.9,"output_format":"png","image_url":"'
        + LINK.encode()
        + b'"}'
    ]


def test_a_submit_carries_these_headers_and_no_other() -> None:
    vendor = Vendor(answer(GOOD))
    submit(aimlapi(split(vendor, Host())), Kept())
    assert headers_of(vendor.requests[0]) == {
        "host": "api.aimlapi.example.test",
        "accept": "*/*",
        "accept-encoding": "identity",
        "connection": "close",
        "authorization": "Bearer key-1",
        "content-type": "application/json",
        "content-length": str(len(vendor.bodies[0])),
        "x-client-request-id": "0123456789abcdef0123456789abcdef-2-3",
    }


CALLS: list[tuple[Callable[[Aimlapi], object], str, str]] = [
    (lambda a: a.balance(), "GET", "/v2/billing"),
    (lambda a: a.progress(str(HANDLE)), "GET", "/v2/logs"),
    (lambda a: a.result(str(HANDLE)).__enter__(), "GET", "/v2/logs"),
    (lambda a: a.cancel(str(HANDLE)), "GET", "/v2/logs"),
    (lambda a: a.find(HANDLE, SendMode.SYNCHRONOUS_LINK, SENT), "GET", "/v2/logs"),
]
SUBMIT = (submit, "POST", "/v1/images/generations")
EACH_CALL = each_row(
    ("call", "method", "path"), [*CALLS, SUBMIT], ids=["balance", "progress", "result", "cancel", "find", "submit"]
)


@EACH_CALL
def test_each_call_is_one_request_to_its_published_endpoint(
    call: Callable[[Aimlapi], object], method: str, path: str
) -> None:
    vendor = refusing()
    with pytest.raises((ProviderUnavailable, SubmitInDoubt)):
        call(aimlapi(vendor))
    assert [(r.method, r.url.scheme, r.url.host, r.url.path) for r in vendor.requests] == [
        (method, "https", "api.aimlapi.example.test", path)
    ]


@EACH_CALL
def test_only_the_synchronous_call_has_a_long_time_out_and_names_its_job(
    call: Callable[[Aimlapi], object], method: str, path: str
) -> None:
    vendor = refusing()
    with pytest.raises((ProviderUnavailable, SubmitInDoubt)):
        call(aimlapi(vendor))
    (request,) = vendor.requests
    is_submit = method == "POST"
    assert request.extensions["timeout"] == (HELD_TIMEOUT if is_submit else READ_TIMEOUT)
    assert ("x-client-request-id" in request.headers) is is_submit
    assert request.headers["authorization"] == "Bearer key-1"


@EACH_CALL
def test_a_401_reads_the_key_again_and_repeats_once_if_it_changed(
    call: Callable[[Aimlapi], object], method: str, path: str
) -> None:
    vendor = refusing(401)
    with pytest.raises(OperatorFault) as caught:
        call(aimlapi(vendor, "old", "new", "newer"))
    assert caught.value.code is ErrorCode.AUTH_FAILED
    assert [request.headers["authorization"] for request in vendor.requests] == ["Bearer old", "Bearer new"]
    assert len(set(vendor.bodies)) == 1
    same = refusing(401)
    with pytest.raises(OperatorFault):
        call(aimlapi(same, "same", "same"))
    assert len(same.requests) == 1


@EACH_CALL
@each_row("status", [402, 403])
def test_403_means_that_the_account_has_no_credits(
    call: Callable[[Aimlapi], object], method: str, path: str, status: int
) -> None:
    said = {"message": "You've run out of credits. Please top up your balance", "statusCode": "403"}
    with pytest.raises(OperatorFault, match="run out of credits") as caught:
        call(aimlapi(Vendor(answer(said, status))))
    assert caught.value.code is ErrorCode.OUT_OF_CREDITS


@EACH_CALL
def test_no_call_takes_the_key_over_plain_http(call: Callable[[Aimlapi], object], method: str, path: str) -> None:
    vendor = refusing()
    with pytest.raises(OperatorFault):
        call(aimlapi(vendor, base_url="http://api.aimlapi.example.test"))
    assert vendor.requests == []


def test_a_link_that_cannot_be_signed_sends_nothing() -> None:
    def unsigned() -> str:
        raise NothingSent("no link to the image could be signed")

    vendor = refusing()
    with pytest.raises(NothingSent):
        submit(aimlapi(vendor), image=ImageStream(LINKED.open, unsigned, 1, "image/png", ".png"))
    assert vendor.requests == []


# --- what the answer to a submit means ---------------------------------------------------------------------------


@each_row("status", [200, 201])
def test_the_published_answer_is_a_result_that_is_kept_under_our_handle(status: int) -> None:
    submission, kept = submitted(GOOD, status)
    assert kept.results == {str(HANDLE): CONTENT}
    assert (submission.process_id, submission.staged, submission.credits) == (str(HANDLE), True, Decimal(210_000))
    assert abs(submission.eta - datetime.now(UTC)) < timedelta(minutes=1)


@each_row(
    ("meta", "header", "credits"),
    [({"usage": {"tokens_used": 210_000}}, "1", 210_000), ({"usage": {"credits_used": 5, "tokens_used": 9}}, "1", 5),
     ({"usage": {"credits_used": "5", "tokens_used": 9}}, "1", 5),
     ({"usage": {"credits_used": "NaN", "tokens_used": "9.0"}}, "1", 9), (None, "210000.0", 210_000),
     ({"usage": {"tokens_used": True}}, "7", 7),
     ({"usage": None}, "7", 7), (None, "7", 7), ([], "7", 7), ({"usage": []}, "7", 7), ({}, "0", 0),
     ({"usage": {"tokens_used": -1}}, "", None), ({"usage": {"tokens_used": float("nan")}}, "-7", None),
     ({"usage": {"tokens_used": 10**40}}, "7.5", "7.5"),
     (None, "Infinity", None), (None, "-0.5", None), (None, "1e400", None),
     (None, "9" * 16, None), (None, "9" * 5_000, None),
     (None, "\u00b2", None)],
)  # fmt: skip
def test_what_was_charged_is_said_in_one_of_three_places(meta: Any, header: str, credits: int | str | None) -> None:
    body, kept = {"data": GOOD["data"], "meta": meta}, Kept()
    given = httpx.Response(200, text=json.dumps(body), headers=[(b"X-AIMLAPI-Credits-Used", header.encode("latin-1"))])
    submission = submit(aimlapi(split(Vendor(given), Host())), kept)
    assert submission.credits == (None if credits is None else Decimal(credits))
    assert kept.calls == 1


USD = "x-aimlapi-usd-spent"


@each_row(
    ("usage", "headers", "credits"),
    [({"usd_spent": 0.105}, {}, 210_000), ({"usd_spent": "0.105000000"}, {}, 210_000), ({}, {USD: "0.105000000"}, 210_000),
     ({"usd_spent": 0.3}, {USD: "0.105"}, 210_000), ({"usd_spent": 0.3, "tokens_used": 5}, {USD: "0.105"}, 5),
     ({"usd_spent": 0.3}, {USD: "0.2", "x-aimlapi-credits-used": "7"}, 7), ({"usd_spent": 0}, {}, 0),
     ({"usd_spent": 1e-9}, {}, "0.002"), ({"usd_spent": -0.1}, {USD: "NaN"}, None), ({"usd_spent": True}, {}, None)],
)  # fmt: skip
def test_dollars_count_where_no_credits_are_said(
    usage: Any, headers: dict[str, str], credits: int | str | None
) -> None:
    submission, _ = submitted({"data": GOOD["data"], "meta": {"usage": usage}}, **headers)
    assert submission.credits == (None if credits is None else Decimal(credits))
    assert credits is None or "E" not in str(submission.credits)


@each_row("data", [value for value in WRONG if value != [7]] + [[{"url": wrong}] for wrong in WRONG])
def test_an_answer_that_names_no_result_is_in_doubt_and_keeps_nothing(data: Any) -> None:
    kept, host = Kept(), Host()
    with pytest.raises(SubmitInDoubt):
        submit(aimlapi(split(Vendor(answer({"data": data, "meta": None})), host)), kept)
    assert (kept.calls, host.requests) == (0, [])


@each_row(("name", "content"), NO_OBJECTS, ids=[name for name, _ in NO_OBJECTS])
def test_an_answer_that_is_no_object_is_in_doubt(name: str, content: bytes) -> None:
    with pytest.raises(SubmitInDoubt) as caught:
        submit(aimlapi(Vendor(raw(content))))
    assert caught.value.__suppress_context__


@each_row(
    ("status", "error"),
    [(400, ProviderRejected), (404, ProviderRejected), (405, ProviderRejected), (409, ProviderRejected),
     (413, ProviderRejected), (415, ProviderRejected), (422, ProviderRejected), (301, ProviderRejected),
     (307, ProviderRejected), (302, SubmitInDoubt), (303, SubmitInDoubt), (408, SubmitInDoubt), (429, Throttled),
     (500, SubmitInDoubt), (502, SubmitInDoubt), (503, SubmitInDoubt), (504, SubmitInDoubt)],
)  # fmt: skip
def test_each_status_of_a_submit_has_its_meaning(status: int, error: type[DarkroomError]) -> None:
    with pytest.raises(error) as caught:
        submit(aimlapi(Vendor(answer({"title": "Bad Request", "message": "Generation timeout"}, status))))
    assert type(caught.value) is error
    assert "Generation timeout" in str(caught.value)


@each_row(
    ("error", "meaning"),
    [(httpx.ConnectError("x"), NothingSent), (httpx.ConnectTimeout("x"), NothingSent),
     (httpx.ReadTimeout(LINK), SubmitInDoubt), (httpx.RemoteProtocolError("x"), SubmitInDoubt)],
)  # fmt: skip
def test_a_call_that_breaks_is_in_doubt_unless_it_was_never_connected(
    error: Exception, meaning: type[DarkroomError]
) -> None:
    with pytest.raises(meaning) as caught:
        submit(aimlapi(Vendor(error)))
    assert "amazonaws" not in str(caught.value)
