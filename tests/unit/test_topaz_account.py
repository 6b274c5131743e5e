"""Tests how the Topaz adapter reads the account: by one GET to the origin of the base URL. Without valid numbers the
account counts as unavailable.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest
from tests.fakes.mock_vendor import HANDLE, SENT, Vendor, adapter, answer
from tests.integration.ledger_support import plan
from tests.rows import each_row

from darkroom.errors import ErrorCode, OperatorFault, ProviderUnavailable, Throttled
from darkroom.model import Balance, SendMode

GOOD = {"available_credits": 90, "reserved_credits": 10, "total_credits": 100}
PLAN = plan()
PATH = "/account/v1/credits/balance"


def test_the_balance_is_one_get_without_a_body_or_a_query() -> None:
    vendor = Vendor(answer(GOOD))
    assert adapter(vendor).balance() == Balance(Decimal(90), Decimal(10), Decimal(100))
    (request,) = vendor.requests
    assert (request.method, request.url.path, request.url.query) == ("GET", PATH, b"")
    assert (request.headers["x-api-key"], vendor.bodies) == ("key-1", [b""])


@each_row(
    ("base_url", "origin"),
    [("https://api.example.test/image/v1", "https://api.example.test"), ("https://a.test:8443/x/y", "https://a.test:8443"),
     ("https://a.test", "https://a.test"), ("http://127.0.0.1:9/image/v1", "http://127.0.0.1:9"),
     ("http://[::1]:9/v1", "http://[::1]:9")],
)  # fmt: skip
def test_the_account_is_read_at_the_origin_of_the_base_url(base_url: str, origin: str) -> None:
    vendor = Vendor(answer(GOOD))
    adapter(vendor, base_url=base_url).balance()
    assert [str(request.url) for request in vendor.requests] == [f"{origin}{PATH}"]


@each_row(
    "base_url", ["http://api.example.test/v1", "http://10.0.0.1", "ftp://127.0.0.1", "", "https://", "https://[bad"]
)
def test_the_key_does_not_travel_in_the_open_for_a_balance_either(base_url: str) -> None:
    vendor = Vendor(answer(GOOD))
    with pytest.raises(OperatorFault):
        adapter(vendor, base_url=base_url).balance()
    assert vendor.requests == []


def test_fractions_of_credits_are_kept_exactly() -> None:
    body = {"available_credits": 0.1, "reserved_credits": 0, "total_credits": 0.1, "plan": "pro"}
    assert adapter(Vendor(answer(body))).balance() == Balance(Decimal("0.1"), Decimal(0), Decimal("0.1"))


@each_row("name", GOOD)
@each_row("value", [None, "90", True, -1, float("nan"), float("inf"), [], {}])
def test_an_account_without_its_three_numbers_is_no_answer(name: str, value: Any) -> None:
    with pytest.raises(ProviderUnavailable):
        adapter(Vendor(answer({**GOOD, name: value}))).balance()
    with pytest.raises(ProviderUnavailable):
        adapter(Vendor(answer({key: number for key, number in GOOD.items() if key != name}))).balance()


@each_row("body", [[], "text", None, 5, [GOOD]])
def test_an_account_of_another_shape_is_no_answer(body: Any) -> None:
    with pytest.raises(ProviderUnavailable):
        adapter(Vendor(answer(body))).balance()


@each_row(
    ("status", "code"),
    [(401, ErrorCode.AUTH_FAILED), (403, ErrorCode.AUTH_FAILED), (402, ErrorCode.OUT_OF_CREDITS),
     (412, ErrorCode.OUT_OF_CREDITS), (425, ErrorCode.OUT_OF_CREDITS)],
)  # fmt: skip
def test_an_account_that_needs_its_owner_is_the_operators_fault(status: int, code: ErrorCode) -> None:
    with pytest.raises(OperatorFault) as caught:
        adapter(Vendor(answer({"message": "no"}, status))).balance()
    assert caught.value.code is code


@each_row("status", [301, 302, 400, 405, 409, 422, 500, 502, 503, 504])
def test_every_other_status_is_no_answer(status: int) -> None:
    with pytest.raises(ProviderUnavailable):
        adapter(Vendor(answer(GOOD, status))).balance()


def test_a_throttled_balance_says_so() -> None:
    with pytest.raises(Throttled):
        adapter(Vendor(answer({}, 429))).balance()


@each_row("error", [httpx.ConnectError("x"), httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x")])
def test_no_answer_at_all_is_unavailable_and_hides_the_cause(error: Exception) -> None:
    with pytest.raises(ProviderUnavailable) as caught:
        adapter(Vendor(error)).balance()
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_401_reads_the_key_again_and_repeats_when_it_changed() -> None:
    vendor = Vendor(answer(status=401), answer(GOOD))
    adapter(vendor, "old", "new").balance()
    assert [request.headers["x-api-key"] for request in vendor.requests] == ["old", "new"]


def test_refreshing_the_key_reads_the_secret_and_calls_nobody() -> None:
    vendor = Vendor(answer(GOOD))
    topaz = adapter(vendor, "old", "new")
    before = topaz.key_fingerprint()
    topaz.refresh_key()
    assert topaz.key_fingerprint() != before
    assert vendor.requests == []
    topaz.balance()
    assert [request.headers["x-api-key"] for request in vendor.requests] == ["new"]


@each_row(
    "call",
    [
        lambda topaz: topaz.balance(),
        lambda topaz: topaz.find(HANDLE, SendMode.UPLOAD, SENT),
        lambda topaz: topaz.estimate(PLAN, 40, 30),
    ],
    ids=["balance", "find", "estimate"],
)
def test_a_404_where_no_process_is_named_is_no_unknown_process(call: Callable[[Any], object]) -> None:
    with pytest.raises(ProviderUnavailable, match="check the base URL"):
        call(adapter(Vendor(answer({}, 404))))
