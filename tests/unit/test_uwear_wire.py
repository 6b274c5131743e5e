"""Tests the exact bytes that the uwear.ai adapter sends, the paths that it sends them to, and what each answer means.

The transport is httpx's mock. test_uwear_list.py tests the list.
"""

from __future__ import annotations

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
    JPEG,
    LINK,
    LINKED,
    NO_OBJECTS,
    READ_TIMEOUT,
    SUBMIT_TIMEOUT,
    WRONG,
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
    ProcessUnknown,
    ProviderRejected,
    ProviderUnavailable,
    ResultNotReady,
    SubmitInDoubt,
    Throttled,
)
from darkroom.model import ProcessState, SendMode
from darkroom.providers.uwear import Uwear

__all__ = ["resolve"]  # pytest must find this automatic fixture here

BASE = "https://api.uwear.example.test/api/v1"
ACCEPTED = {"generation_id": 4711, "created_at": "2026-11-21T14:00:00.000000Z", "updated_at": "2026-11-21T14:00:00Z"}
RESULT = "https://cdn.example.test/1.png?s=1"
SUBMIT_BODY = b'{"image_url":"%s","model_name":"topaz","generation_settings":{%s}}'


def uwear(vendor: Callable[[httpx.Request], httpx.Response], *keys: str) -> Uwear:
    return adapter_of(Uwear, vendor, *keys, base_url=BASE)


def submit(provider: Uwear, **tags: str) -> Any:
    return provider.submit(planned("uwear", **tags), LINKED, HANDLE, refuse_to_keep)


# --- what is sent ----------------------------------------------------------------------------------------------


def test_a_submit_is_one_json_post_byte_for_byte() -> None:
    vendor = Vendor(answer(ACCEPTED))
    submit(uwear(vendor))
    (request,) = vendor.requests
    assert (request.method, str(request.url)) == ("POST", f"{BASE}/generation-upscale")
    assert vendor.bodies == [b'{"image_url":"' + LINK.encode() + b'","model_name":"recraft"}']


def test_every_setting_goes_as_a_text() -> None:
    vendor = Vendor(answer(ACCEPTED))
    submit(
        uwear(vendor),
        model="topaz",
        enhance_model="standard v2",
        scale="6",
        face_enhancement="yes",
        face_enhancement_creativity="0.50",
        subject_detection="auto",
    )
    settings = (
        b'"enhance_model":"Standard V2","face_enhancement":"true","face_enhancement_creativity":"0.50",'
        b'"subject_detection":"Auto","upscale_factor":"6x"'
    )
    assert vendor.bodies == [SUBMIT_BODY % (LINK.encode(), settings)]


def test_a_model_without_settings_gets_none_and_the_other_none_it_was_not_given() -> None:
    vendor = Vendor(answer(ACCEPTED))
    submit(uwear(vendor), model="topaz")
    assert vendor.bodies == [b'{"image_url":"' + LINK.encode() + b'","model_name":"topaz"}']


def test_a_submit_carries_these_headers_and_no_other() -> None:
    vendor = Vendor(answer(ACCEPTED))
    submit(uwear(vendor))
    assert headers_of(vendor.requests[0]) == {
        "host": "api.uwear.example.test",
        "accept": "*/*",
        "accept-encoding": "identity",
        "connection": "close",
        "authorization": "Bearer key-1",
        "content-type": "application/json",
        "content-length": str(len(vendor.bodies[0])),
    }


CALLS: dict[str, tuple[Callable[[Uwear], object], str, str]] = {
    "progress": (lambda u: u.progress("4711"), "GET", "/generation/4711"),
    "result": (lambda u: u.result("4711").__enter__(), "GET", "/generation/4711"),
    "cancel": (lambda u: u.cancel("4711"), "GET", "/generation/4711"),
    "find": (lambda u: u.find(HANDLE, SendMode.LINK, SENT), "GET", "/generations?page=1&items_per_page=100"),
    "submit": (submit, "POST", "/generation-upscale"),
}
EACH_CALL = each_row("name", CALLS)
BY_ID = each_row("call", [Uwear.progress, Uwear.cancel, lambda u, name: u.result(name).__enter__()])


@EACH_CALL
def test_each_call_goes_to_its_endpoint_with_the_key_and_its_own_patience(name: str) -> None:
    call, method, path = CALLS[name]
    vendor = refusing()
    with pytest.raises((ProviderUnavailable, SubmitInDoubt)):
        call(uwear(vendor))
    (request,) = vendor.requests
    assert (request.method, str(request.url)) == (method, f"{BASE}{path}")
    assert request.headers["authorization"] == "Bearer key-1"
    assert "x-client-request-id" not in request.headers
    assert request.extensions["timeout"] == (SUBMIT_TIMEOUT if name == "submit" else READ_TIMEOUT)


@EACH_CALL
def test_a_401_reads_the_key_again_and_repeats_once_if_it_changed(name: str) -> None:
    vendor, same = refusing(401), refusing(401)
    for provider in (uwear(vendor, "old", "new", "newer"), uwear(same, "same", "same")):
        with pytest.raises(OperatorFault) as caught:
            CALLS[name][0](provider)
        assert caught.value.code is ErrorCode.AUTH_FAILED
    assert [request.headers["authorization"] for request in vendor.requests] == ["Bearer old", "Bearer new"]
    assert len(same.requests) == 1


@EACH_CALL
@each_row(("status", "code"), [(402, ErrorCode.OUT_OF_CREDITS), (403, ErrorCode.AUTH_FAILED)])
def test_an_account_that_needs_its_owner_is_the_operators_fault(name: str, status: int, code: ErrorCode) -> None:
    with pytest.raises(OperatorFault, match="Not enough credits") as caught:
        CALLS[name][0](uwear(Vendor(answer({"detail": "Not enough credits"}, status))))
    assert caught.value.code is code


@BY_ID
@each_row(
    "process_id",
    ["", ".", "..", "1/2", "../generations", "1.0", "-1", "+1", "1_0", "?x", "a", "\u0663", "1\n", "9" * 19],
)
def test_an_invalid_generation_id_is_never_asked_for(call: Callable[..., Any], process_id: str) -> None:
    vendor = refusing()
    with pytest.raises(ProcessUnknown):
        call(uwear(vendor), process_id)
    assert vendor.requests == []


@BY_ID
def test_a_404_means_an_unknown_generation(call: Callable[..., Any]) -> None:
    with pytest.raises(ProcessUnknown, match="generation not found"):
        call(uwear(Vendor(answer({"detail": "generation not found"}, 404))), "4711")


def test_nobody_is_asked_for_a_price_a_balance_or_to_forget() -> None:
    vendor = refusing()
    provider = uwear(vendor)
    assert provider.estimate(planned("uwear", model="topaz"), 640, 480).credits == Decimal(3)
    assert provider.balance() is None
    provider.forget("4711")
    assert vendor.requests == []


# --- what answers mean -----------------------------------------------------------------------------------------


@each_row("number", [0, 4711, 10**18 - 1])
def test_an_accepted_submit_gives_its_id_and_the_usual_time(number: int) -> None:
    submission = submit(uwear(Vendor(answer({**ACCEPTED, "generation_id": number}))))
    assert (submission.process_id, submission.staged, submission.credits) == (str(number), False, None)
    assert timedelta(seconds=5) < submission.eta - datetime.now(UTC) <= timedelta(seconds=10)


@each_row("number", [*(value for value in WRONG if value != 7 or value is True), "4711", 10**18, 7.0])
def test_an_acceptance_without_a_usable_id_is_in_doubt(number: object) -> None:
    with pytest.raises(SubmitInDoubt):
        submit(uwear(Vendor(answer({**ACCEPTED, "generation_id": number}))))


@each_row(("name", "content"), NO_OBJECTS, ids=[name for name, _ in NO_OBJECTS])
def test_an_acceptance_that_is_no_object_is_in_doubt(name: str, content: bytes) -> None:
    with pytest.raises(SubmitInDoubt) as caught:
        submit(uwear(Vendor(raw(content))))
    assert caught.value.__cause__ is None


@each_row(
    ("status", "error"),
    [(400, ProviderRejected), (404, ProviderRejected), (422, ProviderRejected), (307, ProviderRejected),
     (302, SubmitInDoubt), (408, SubmitInDoubt), (429, Throttled), (500, SubmitInDoubt), (503, SubmitInDoubt)],
)  # fmt: skip
def test_each_status_of_a_submit_has_its_meaning(status: int, error: type[DarkroomError]) -> None:
    said = {"detail": [{"loc": ["body", "image_url"], "msg": "Input should be a valid URL", "type": "url_parsing"}]}
    with pytest.raises(error, match="Input should be a valid URL") as caught:
        submit(uwear(Vendor(answer(said, status))))
    assert type(caught.value) is error


@each_row(("error", "meaning"), [(httpx.ConnectTimeout("x"), NothingSent), (httpx.ReadTimeout("x"), SubmitInDoubt)])
def test_a_submit_that_breaks_is_in_doubt_unless_it_was_never_connected(
    error: Exception, meaning: type[DarkroomError]
) -> None:
    with pytest.raises(meaning):
        submit(uwear(Vendor(error)))


@each_row(
    ("word", "state"),
    [("Created", ProcessState.RUNNING), ("Queued", ProcessState.RUNNING), ("Ongoing", ProcessState.RUNNING),
     ("Done", ProcessState.COMPLETED), ("Error", ProcessState.FAILED), ("Failed", ProcessState.FAILED),
     ("done", ProcessState.RUNNING), ("", ProcessState.RUNNING), (None, ProcessState.RUNNING),
     (["Done"], ProcessState.RUNNING), ("x" * 5_000, ProcessState.RUNNING)],
)  # fmt: skip
def test_each_status_word_has_its_meaning(word: object, state: ProcessState) -> None:
    progress = uwear(Vendor(answer({"generation_id": 4711, "status": word}))).progress("4711")
    assert (progress.state, progress.vendor_word) == (state, str(word)[:40])


@each_row("name", [name for name, (_, method, _) in CALLS.items() if method == "GET"])
@each_row(("kind", "content"), NO_OBJECTS, ids=[kind for kind, _ in NO_OBJECTS])
def test_a_read_of_an_unknown_shape_is_no_answer(name: str, kind: str, content: bytes) -> None:
    with pytest.raises(ProviderUnavailable) as caught:
        CALLS[name][0](uwear(Vendor(raw(content))))
    assert caught.value.__cause__ is None


def test_a_result_is_the_first_ones_link_opened() -> None:
    results = [{"generation_result_id": 1, "image_url": RESULT, "status": "Done"}, {"image_url": "https://other.test"}]
    host = Host()
    with uwear(split(Vendor(answer({"generation_results": results})), host)).result("4711") as link:
        assert b"".join(link.stream()) == CONTENT
    assert {request.headers["host"] for request in host.requests} == {"cdn.example.test"}
    assert not [request for request in host.requests if "authorization" in request.headers]


@each_row("before", [None, {}, {"image_url": None}, {"image_url": ""}, {"image_url": 7}, "text"])
def test_a_result_without_a_link_does_not_hide_the_next(before: Any) -> None:
    host = Host()
    results = [before, {"generation_result_id": 2, "image_url": RESULT, "status": "Done"}]
    with uwear(split(Vendor(answer({"generation_results": results})), host)).result("4711") as link:
        assert link.size_bytes == len(CONTENT)


@each_row(
    "results", [*WRONG, [RESULT], [[RESULT]], [{}], [{"image_url": None}], [{"image_url": 7}], {"image_url": RESULT}]
)
def test_a_result_without_a_link_is_not_ready(results: Any) -> None:
    vendor = Vendor(answer({"status": "Done", "generation_results": results}))
    with pytest.raises(ResultNotReady):
        uwear(vendor).result("4711").__enter__()
    assert len(vendor.requests) == 1


def test_a_generation_cannot_be_cancelled() -> None:
    vendor = Vendor(answer({"status": "Created"}))
    assert uwear(vendor).cancel("4711") is False
    assert [request.method for request in vendor.requests] == ["GET"]


def test_a_jpeg_is_sent_no_differently() -> None:
    vendor = Vendor(answer(ACCEPTED))
    uwear(vendor).submit(planned("uwear", JPEG), LINKED, HANDLE, refuse_to_keep)
    assert b"format" not in vendor.bodies[0]
