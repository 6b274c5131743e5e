"""Tests the exact bytes that the Topaz adapter sends, the paths that it sends them to, and what each answer means.

The transport is httpx's mock, so these tests need no socket. The contract suite tests the most important
requests again over real sockets.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from tests.fakes.mock_vendor import BASE, HANDLE, PROCESS, SENT, Vendor, adapter, answer, image_of, refuse_to_keep
from tests.rows import each_row

from darkroom.errors import ErrorCode, OperatorFault, ProviderUnavailable, SubmitInDoubt
from darkroom.model import ImageFormat, Plan, ProcessState, SendMode
from darkroom.providers.topaz import LEGACY_KEY_PREFIX, Topaz

CONTENT = b"\x89PNG not really\r\n--" + bytes(range(256))
IMAGE = image_of(lambda: io.BytesIO(CONTENT), len(CONTENT))
PLAN = Plan(
    provider="topaz",
    model="Standard V2",
    endpoint="enhance/async",
    parameters={"model": "Standard V2", "output_width": "512", "prompt": 'a "b"\u00e9'},
    settings={},
    layers={},
    notes=(),
    source_format=ImageFormat.PNG,
    output_format=ImageFormat.PNG,
    output_width=512,
    output_height=512,
    credits=Decimal(1),
    credit_price_usd=Decimal("0.12"),
)
MULTIPART_BODY = (
    b"--{b}\r\n"
    b'Content-Disposition: form-data; name="model"\r\n\r\nStandard V2\r\n'
    b"--{b}\r\n"
    b'Content-Disposition: form-data; name="output_width"\r\n\r\n512\r\n'
    b"--{b}\r\n"
    b'Content-Disposition: form-data; name="prompt"\r\n\r\na "b"\xc3\xa9\r\n'
    b"--{b}\r\n"
    b'Content-Disposition: form-data; name="image"; filename="0123456789abcdef0123456789abcdef-2-3.png"\r\n'
    b"Content-Type: image/png\r\n\r\n" + CONTENT + b"\r\n"
    b"--{b}--\r\n"
)
ESTIMATE_BODY = (
    b'--{b}\r\nContent-Disposition: form-data; name="model"\r\n\r\nStandard V2\r\n'
    b'--{b}\r\nContent-Disposition: form-data; name="output_width"\r\n\r\n512\r\n'
    b'--{b}\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na "b"\xc3\xa9\r\n'
    b'--{b}\r\nContent-Disposition: form-data; name="category"\r\n\r\nEnhance\r\n'
    b'--{b}\r\nContent-Disposition: form-data; name="input_width"\r\n\r\n40\r\n'
    b'--{b}\r\nContent-Disposition: form-data; name="input_height"\r\n\r\n30\r\n'
    b"--{b}--\r\n"
)


def framed(template: bytes, request: httpx.Request) -> bytes:
    """Return the expected body with the boundary that the request's Content-Type names."""
    kind, _, boundary = request.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/form-data"
    return template.replace(b"{b}", boundary.encode())


# --- what is sent ----------------------------------------------------------------------------------------------


def test_a_submit_is_one_multipart_post_byte_for_byte() -> None:
    vendor = Vendor(answer({"process_id": PROCESS, "eta": 1_700_000_000}))
    adapter(vendor).submit(PLAN, IMAGE, HANDLE, refuse_to_keep)
    (request,) = vendor.requests
    assert (request.method, str(request.url)) == ("POST", f"{BASE}/enhance/async")
    assert vendor.bodies == [framed(MULTIPART_BODY, request)]


def test_a_submit_that_asks_for_callbacks_names_the_address_and_changes_nothing_else() -> None:
    vendor, plain = Vendor(answer({"process_id": PROCESS})), Vendor(answer({"process_id": PROCESS}))
    adapter(vendor).submit(PLAN, IMAGE, HANDLE, refuse_to_keep, "https://callbacks.example/topaz/1")
    adapter(plain).submit(PLAN, IMAGE, HANDLE, refuse_to_keep)
    (request,), (without,) = vendor.requests, plain.requests
    field = b'--{b}\r\nContent-Disposition: form-data; name="webhook_url"\r\n\r\nhttps://callbacks.example/topaz/1\r\n'
    assert framed(field, request) in vendor.bodies[0]
    assert vendor.bodies[0].replace(framed(field, request), b"") == framed(MULTIPART_BODY, request)
    assert request.url == without.url


def test_a_submit_announces_its_exact_length_and_is_never_chunked() -> None:
    vendor = Vendor(answer({"process_id": PROCESS}))
    adapter(vendor).submit(PLAN, IMAGE, HANDLE, refuse_to_keep)
    headers = vendor.requests[0].headers
    assert headers["content-length"] == str(len(vendor.bodies[0]))
    assert "transfer-encoding" not in headers


def test_a_source_that_cannot_seek_is_sent_with_its_length_all_the_same() -> None:
    class Forward(io.RawIOBase):
        def __init__(self) -> None:
            self.left = CONTENT

        def read(self, size: int = -1) -> bytes:
            piece, self.left = self.left[:100], self.left[100:]
            return piece

    vendor = Vendor(answer({"process_id": PROCESS}))
    adapter(vendor).submit(PLAN, image_of(Forward, len(CONTENT)), HANDLE, refuse_to_keep)
    assert vendor.bodies == [framed(MULTIPART_BODY, vendor.requests[0])]
    assert "transfer-encoding" not in vendor.requests[0].headers


CALLS: list[tuple[Callable[[Topaz], object], str, str]] = [
    (lambda t: t.progress(PROCESS), "GET", f"{BASE}/status/{PROCESS}"),
    (lambda t: t.result(PROCESS).__enter__(), "GET", f"{BASE}/download/{PROCESS}"),
    (lambda t: t.find(HANDLE, SendMode.UPLOAD, SENT), "GET", f"{BASE}/status?paginated=true&limit=100"),
    (lambda t: t.cancel(PROCESS), "DELETE", f"{BASE}/cancel/{PROCESS}"),
    (lambda t: t.forget(PROCESS), "DELETE", f"{BASE}/status/{PROCESS}"),
    (lambda t: t.estimate(PLAN, 40, 30), "POST", f"{BASE}/estimate"),
    (lambda t: t.submit(PLAN, IMAGE, HANDLE, refuse_to_keep), "POST", f"{BASE}/enhance/async"),
]
BALANCE = (lambda t: t.balance(), "GET", "https://api.example.test/account/v1/credits/balance")


@each_row(("call", "method", "url"), [*CALLS, BALANCE])
def test_each_call_goes_to_its_published_endpoint(call: Callable[[Topaz], object], method: str, url: str) -> None:
    vendor = Vendor(answer(status=503))
    with pytest.raises((ProviderUnavailable, SubmitInDoubt)):
        call(adapter(vendor))
    assert [(r.method, str(r.url)) for r in vendor.requests] == [(method, url)]


@each_row(("call", "method", "url"), [*CALLS, BALANCE])
def test_each_call_carries_the_key_in_one_header(call: Callable[[Topaz], object], method: str, url: str) -> None:
    vendor = Vendor(answer(status=503))
    with pytest.raises((ProviderUnavailable, SubmitInDoubt)):
        call(adapter(vendor))
    assert vendor.requests[0].headers["x-api-key"] == "key-1"
    assert "authorization" not in vendor.requests[0].headers


@each_row(("call", "method", "url"), [*CALLS, BALANCE])
def test_a_legacy_key_goes_as_a_bearer_token(call: Callable[[Topaz], object], method: str, url: str) -> None:
    vendor = Vendor(answer(status=503))
    with pytest.raises((ProviderUnavailable, SubmitInDoubt)):
        call(adapter(vendor, LEGACY_KEY_PREFIX + "abc"))
    assert vendor.requests[0].headers["authorization"] == f"Bearer {LEGACY_KEY_PREFIX}abc"
    assert "x-api-key" not in vendor.requests[0].headers


def test_an_estimate_is_a_form_without_a_file() -> None:
    vendor = Vendor(answer({"duration": 12, "credits": 3}))
    estimate = adapter(vendor).estimate(PLAN, 40, 30)
    assert vendor.bodies == [framed(ESTIMATE_BODY, vendor.requests[0])]
    assert (estimate.duration_seconds, estimate.credits) == (12, Decimal(3))


@each_row(
    ("endpoint", "path", "category"),
    [
        ("enhance/async", "estimate", "Enhance"),
        ("enhance-gen/async", "estimate-gen", "Enhance"),
        ("sharpen/async", "estimate", "Sharpen"),
        ("sharpen-gen/async", "estimate-gen", "Sharpen"),
        ("denoise-gen/async", "estimate-gen", "Denoise"),
        ("restore-gen/async", "estimate-gen", "Restore"),
        ("lighting/async", "estimate", "Lighting"),
    ],
)
def test_an_estimate_is_asked_of_the_kind_of_its_endpoint(endpoint: str, path: str, category: str) -> None:
    vendor = Vendor(answer({"duration": 12, "credits": 3}))
    adapter(vendor).estimate(replace(PLAN, endpoint=endpoint), 40, 30)
    (request,) = vendor.requests
    assert str(request.url) == f"{BASE}/{path}"
    assert f'name="category"\r\n\r\n{category}\r\n'.encode() in vendor.bodies[0]


def test_estimates_of_many_are_one_list() -> None:
    vendor = Vendor(answer([{"duration": 12, "credits": 3}, {"duration": 9, "credits": 1}]))
    found = adapter(vendor).estimate_many([(PLAN, 40, 30), (replace(PLAN, endpoint="sharpen-gen/async"), 4, 3)])
    assert [(one.duration_seconds, one.credits) for one in found] == [(12, 3), (9, 1)]
    (request,) = vendor.requests
    assert (request.method, str(request.url)) == ("POST", f"{BASE}/estimate-bulk")
    first, second = json.loads(vendor.bodies[0])
    assert first == {**PLAN.parameters, "category": "Enhance", "input_width": "40", "input_height": "30"}
    assert (second["category"], second["input_width"]) == ("Sharpen", "4")


@each_row("body", [{}, [], [{"duration": 1}, {"duration": 1}], ["none"], [{"credits": 1}]])
def test_estimates_that_do_not_fit_the_list_are_no_answer(body: Any) -> None:
    with pytest.raises(ProviderUnavailable):
        adapter(Vendor(answer(body))).estimate_many([(PLAN, 40, 30)])


@each_row("body", [{}, {"duration": "soon"}, {"duration": None}, [], {"duration": -1}])
def test_an_estimate_without_a_duration_is_no_answer(body: Any) -> None:
    with pytest.raises(ProviderUnavailable):
        adapter(Vendor(answer(body))).estimate(PLAN, 40, 30)


def test_nothing_in_the_adapter_deletes_the_whole_list() -> None:
    for process_id in ("", ".", "..", "/", "%", "?x", "#", " ", "a/../..", "status/"):
        vendor = Vendor(answer(status=204))
        adapter(vendor).forget(process_id)
        assert vendor.requests == []


# --- what answers mean -----------------------------------------------------------------------------------------


def test_an_accepted_submit_gives_its_id_and_eta() -> None:
    submission = adapter(Vendor(answer({"process_id": PROCESS, "eta": 1_700_000_000}))).submit(
        PLAN, IMAGE, HANDLE, refuse_to_keep
    )
    assert submission.process_id == PROCESS
    assert submission.eta == datetime.fromtimestamp(1_700_000_000, UTC)


def test_the_id_may_come_in_a_header_instead() -> None:
    vendor = Vendor(answer({}, **{"X-Process-Id": PROCESS, "X-ETA": "1700000000"}))
    assert adapter(vendor).submit(PLAN, IMAGE, HANDLE, refuse_to_keep).process_id == PROCESS


@each_row("eta", [None, "soon", 1e30, float("nan"), {}])
def test_an_unreadable_eta_does_not_lose_an_accepted_submit(eta: object) -> None:
    assert (
        adapter(Vendor(answer({"process_id": PROCESS, "eta": eta})))
        .submit(PLAN, IMAGE, HANDLE, refuse_to_keep)
        .eta.tzinfo
        is UTC
    )


@each_row("body", [{}, [], "text", None, {"process_id": ""}, {"process_id": 7}, {"process_id": "a/b"}])
def test_an_acceptance_without_a_usable_id_is_in_doubt(body: Any) -> None:
    with pytest.raises(SubmitInDoubt):
        adapter(Vendor(answer(body))).submit(PLAN, IMAGE, HANDLE, refuse_to_keep)


def test_numbers_that_are_none_never_reach_the_ledger() -> None:
    body = {"status": "Completed", "credits": float("nan"), "output_width": True, "output_height": -1, "eta": True}
    progress = adapter(Vendor(answer(body))).progress(PROCESS)
    assert (progress.state, progress.credits) == (ProcessState.COMPLETED, None)
    assert (progress.output_width, progress.output_height) == (None, None)


@each_row("status", [200, 202])
def test_only_204_confirms_a_cancellation(status: int) -> None:
    with pytest.raises(ProviderUnavailable):
        adapter(Vendor(answer("<html>", status))).cancel(PROCESS)


# --- keys and addresses ----------------------------------------------------------------------------------------


def test_a_401_reads_the_key_again_and_repeats_when_it_changed() -> None:
    vendor = Vendor(answer(status=401), answer({"process_id": PROCESS}))
    adapter(vendor, "old", "new").submit(PLAN, IMAGE, HANDLE, refuse_to_keep)
    assert [request.headers["x-api-key"] for request in vendor.requests] == ["old", "new"]
    assert vendor.bodies[1] == framed(MULTIPART_BODY, vendor.requests[1])


@each_row(("keys", "calls"), [(("same",), 1), (("same", "same"), 1), (("old", "new", "newer"), 2)])
def test_a_401_is_repeated_at_most_once(keys: tuple[str, ...], calls: int) -> None:
    vendor = Vendor(answer(status=401))
    with pytest.raises(OperatorFault):
        adapter(vendor, *keys).submit(PLAN, IMAGE, HANDLE, refuse_to_keep)
    assert len(vendor.requests) == calls


@each_row("key", ["", "two words", "line\nbreak", "k\u00e9y", "tab\t"])
def test_a_key_that_no_header_can_carry_is_the_operators_fault_and_shown_nowhere(key: str) -> None:
    vendor = Vendor(answer())
    with pytest.raises(OperatorFault) as caught:
        adapter(vendor, key).submit(PLAN, IMAGE, HANDLE, refuse_to_keep)
    assert caught.value.code is ErrorCode.AUTH_FAILED
    assert vendor.requests == []
    assert not key or key not in str(caught.value)


@each_row(
    "base_url",
    ["http://api.example.test/v1", "http://10.0.0.1", "http://127.0.0.1.evil.test", "ftp://127.0.0.1", "", "https://",
     "https://[bad", "http://2130706433", "file:///etc/passwd"],
)  # fmt: skip
def test_an_address_that_would_carry_the_key_in_the_open_is_refused_before_any_call(base_url: str) -> None:
    vendor = Vendor(answer())
    for call, _, _ in CALLS:
        with pytest.raises(OperatorFault):
            call(adapter(vendor, base_url=base_url))
    assert vendor.requests == []


@each_row("base_url", ["http://127.0.0.1:9", "http://localhost:9/v1", "http://[::1]:9", "HTTPS://a.test"])
def test_https_and_this_machine_are_good_addresses(base_url: str) -> None:
    assert adapter(Vendor(answer([])), base_url=base_url).find(HANDLE, SendMode.UPLOAD, SENT) == ()
