"""Tests the HTTP code that all adapters share: what each status means, what an error may contain, and what a client
must not do.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Any

import httpx
import pytest
from tests.fakes.mock_vendor import HANDLE, NO_TLS, PROCESS, SENT, Vendor, adapter, answer
from tests.rows import each_row

from darkroom.errors import (
    DarkroomError,
    ErrorCode,
    NothingSent,
    OperatorFault,
    ProcessUnknown,
    ProviderRejected,
    ProviderUnavailable,
    SubmitInDoubt,
    Throttled,
)
from darkroom.model import SendMode
from darkroom.providers import http_client

KEY = "secret-key-42"
LINK = "https://cdn.example.test/r/1.png?X-Amz-Signature=abc123"


def read_error(response: httpx.Response) -> DarkroomError:
    """Return the error that a read call raises when it gets this answer."""
    with pytest.raises(DarkroomError) as caught:
        http_client.raise_for_read(response)
    return caught.value


def submit_error(response: httpx.Response) -> DarkroomError:
    """Return the error that a paid call raises when it gets this answer."""
    with pytest.raises(DarkroomError) as caught:
        http_client.raise_for_submit(response)
    return caught.value


@each_row(
    "body",
    [{"code": 400, "message": "too wide"}, {"detail": "too wide"}, {"detail": [{"msg": "too wide", "loc": ["x"]}]},
     {"error": "too wide"}, {"error": {"message": "too wide"}}, {"error": {"title": "too wide"}}],
)  # fmt: skip
def test_the_vendors_words_are_read_from_every_shape_of_error(body: Any) -> None:
    assert str(submit_error(answer(body, 400))).endswith("HTTP 400: too wide")


@each_row(
    "text", ["", "<html>", "null", "[]", '{"message": 7}', '{"detail": []}', '{"error": null}', "[" * 100_000, "\xff"]
)
def test_an_error_without_words_is_told_by_its_status(text: str) -> None:
    assert http_client.error_text(httpx.Response(502, content=text.encode("latin-1"))) == "HTTP 502"


@each_row(
    "said",
    [f"see {LINK}", f"see ({LINK}).", "see cdn.test/r?X-Amz-Signature=abc123", "www.test/r/abc123",
     "signature=abc123", "a://abc123", "/r/1.png?sig=abc123&b=2"],
)  # fmt: skip
def test_links_in_the_vendors_words_are_masked(said: str) -> None:
    shown = str(submit_error(answer({"message": f"bad image {said} please"}, 400)))
    assert "abc123" not in shown
    assert "bad image" in shown


def test_the_vendors_words_are_short_and_printable() -> None:
    shown = str(submit_error(answer({"message": "a\x1b[31m\r\nb\u202e" + "x" * 10_000}, 400)))
    assert shown.isprintable()
    assert len(shown) < 400


@each_row("status", [400, 401, 500])
def test_a_key_that_the_vendor_echoes_is_masked(status: int) -> None:
    with pytest.raises(DarkroomError) as caught:
        adapter(Vendor(answer({"message": f"key {KEY} is bad"}, status)), KEY).progress(PROCESS)
    assert KEY not in str(caught.value)


@each_row(("status", "code"), [(401, "AuthFailed"), (403, "AuthFailed"), (402, "OutOfCredits"),
                                              (412, "OutOfCredits"), (425, "OutOfCredits")])  # fmt: skip
def test_statuses_of_the_account_are_the_operators_on_every_call(status: int, code: str) -> None:
    for error in (read_error(answer(status=status)), submit_error(answer(status=status))):
        assert isinstance(error, OperatorFault)
        assert error.code is ErrorCode(code)


@each_row(("value", "seconds"), [("7", 7.0), ("", None), ("soon", None), ("-1", None), ("1e9", None),
                                                ("9" * 400, None), ("\u00b2", None), ("0", 0.0), ("1.5", 2.0),
                                                ("0.2", 1.0), ("1.", None), (".5", None), ("inf", None),
                                                ("nan", None), ("1" * 7, None)])  # fmt: skip
def test_retry_after_is_taken_when_it_is_a_number_of_seconds(value: str, seconds: float | None) -> None:
    error = read_error(httpx.Response(429, headers=[(b"Retry-After", value.encode("latin-1"))]))
    assert isinstance(error, Throttled)
    assert error.retry_after_seconds == seconds


NOW = datetime(2026, 11, 21, 14, 0, 0, 400_000, tzinfo=UTC)


class Watch(datetime):
    """A clock that always shows NOW."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return NOW.astimezone(tz)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("Sat, 21 Nov 2026 14:02:00 GMT", 120.0), ("Saturday, 21-Nov-26 14:02:00 GMT", 120.0),
        ("Sat Nov 21 14:02:00 2026", 120.0), ("Sat, 21 Nov 2026 15:02:00 +0100", 120.0),
        ("Sat, 21 Nov 2026 13:59:59 GMT", 0.0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 999_999.0), ("Sat, 41 Nov 2026 14:02:00 GMT", None),
        ("Sat, 21 Nov 99999 14:02:00 GMT", None), ("Sat, 21 Nov 2026", None), ("tomorrow at noon", None), (", , ,", None),
        ("Sat, 21 Nov 2026 14:02:00 GMT" + " " * 100 + "x", None), ("Sat, 21 Nov 2026 14:02:00 +9999999999", None),
    ],
)  # fmt: skip
def test_retry_after_may_be_a_date(monkeypatch: pytest.MonkeyPatch, value: str, seconds: float | None) -> None:
    monkeypatch.setattr(http_client, "datetime", Watch)
    error = read_error(httpx.Response(429, headers={"Retry-After": value}))
    assert isinstance(error, Throttled)
    assert error.retry_after_seconds == seconds


@each_row("status", [301, 302, 307, 400, 408, 409, 413, 415, 422, 500, 502, 503, 504])
def test_any_other_answer_to_a_read_is_no_answer(status: int) -> None:
    assert type(read_error(answer(status=status))) is ProviderUnavailable


def test_404_means_that_the_process_is_unknown() -> None:
    assert type(read_error(answer(status=404))) is ProcessUnknown


@each_row("status", [301, 307, 308, 400, 404, 409, 413, 415, 422])
def test_a_refused_submit_was_never_accepted(status: int) -> None:
    assert type(submit_error(answer(status=status))) is ProviderRejected


@each_row("status", [302, 303, 408, 500, 502, 503, 504, 599])
def test_an_answer_that_may_follow_an_accepted_submit_leaves_it_in_doubt(status: int) -> None:
    assert type(submit_error(answer(status=status))) is SubmitInDoubt


@each_row("error", [httpx.ConnectError("x"), httpx.ConnectTimeout("x"), httpx.PoolTimeout("x")])
def test_a_connection_never_made_proves_that_nothing_was_sent(error: Exception) -> None:
    assert type(http_client.submit_error(error)) is NothingSent


@each_row(
    "error",
    [httpx.ReadTimeout("x"), httpx.WriteTimeout("x"), httpx.ReadError("x"), httpx.WriteError("x"), OSError("x"),
     httpx.RemoteProtocolError("x"), httpx.LocalProtocolError("x"), RuntimeError("x"), KeyError("x")],
)  # fmt: skip
def test_any_other_failure_of_a_submit_leaves_it_in_doubt(error: Exception) -> None:
    assert type(http_client.submit_error(error)) is SubmitInDoubt


@each_row("status", [301, 302, 303, 307, 308])
def test_a_redirect_of_a_call_is_an_error_and_the_key_goes_nowhere(status: int) -> None:
    vendor = Vendor(answer(status=status, Location="https://elsewhere.example.test/status"))
    with pytest.raises(ProviderUnavailable):
        adapter(vendor).progress(PROCESS)
    assert [request.url.host for request in vendor.requests] == ["api.example.test"]


def test_the_client_takes_no_proxy_and_no_password_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with http_client.new_client(NO_TLS) as client:
        assert client.trust_env is False
        assert not [mount for mount in client._mounts.values() if mount is not None]


def test_a_cookie_is_never_sent_back() -> None:
    vendor = Vendor(answer([], **{"Set-Cookie": "session=1; Path=/"}))
    provider = adapter(vendor)
    provider.find(HANDLE, SendMode.UPLOAD, SENT)
    provider.find(HANDLE, SendMode.UPLOAD, SENT)
    assert "cookie" not in vendor.requests[1].headers


def test_no_connection_is_kept_for_the_next_call() -> None:
    vendor = Vendor(answer([]))
    adapter(vendor).find(HANDLE, SendMode.UPLOAD, SENT)
    assert vendor.requests[0].headers["connection"] == "close"


class Endless(httpx.SyncByteStream):
    """Sends a body of about 200 MB and counts how much was sent."""

    given = 0

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(3200):
            self.given += 65_536
            yield bytes(65_536)


def test_an_answer_without_end_is_cut_off_in_bounded_memory() -> None:
    body = Endless()
    tracemalloc.start()
    with pytest.raises(ProviderUnavailable):
        adapter(lambda request: httpx.Response(200, stream=body)).progress(PROCESS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert body.given <= http_client.MAX_ANSWER_BYTES + 65_536
    assert peak < 4 * http_client.MAX_ANSWER_BYTES


def test_a_compressed_answer_is_understood_though_none_is_asked_for() -> None:
    packed = gzip.compress(json.dumps([]).encode())
    vendor = Vendor(httpx.Response(200, content=packed, headers={"Content-Encoding": "gzip"}))
    assert adapter(vendor).find(HANDLE, SendMode.UPLOAD, SENT) == ()
    assert vendor.requests[0].headers["accept-encoding"] == "identity"


@each_row("error", [httpx.ReadTimeout("x"), httpx.DecodingError("x"), httpx.InvalidURL("x"), OSError()])
def test_no_vendor_exception_leaves_a_read(error: Exception) -> None:
    with pytest.raises(ProviderUnavailable) as caught:
        adapter(Vendor(error)).progress(PROCESS)
    assert caught.value.__suppress_context__


def test_a_fingerprint_begins_with_that_of_the_key_which_rows_of_version_0_1_0_hold() -> None:
    key_digits = hashlib.sha256(b"darkroom:a").hexdigest()[:12]
    for base_url in ("https://api.example/v1", "https://other.example"):
        assert http_client.fingerprint("a", base_url)[:12] == key_digits != http_client.fingerprint("b", base_url)[:12]
        assert len(http_client.fingerprint("a", base_url)) == 24


@each_row(
    ("base_url", "is_same"),
    [("https://api.example/v1", True), ("https://API.Example/v1/", True), ("https://api.example:8443/v1//", True),
     ("http://api.example/v1", True), ("https://somebody:secret@api.example/v1", True), ("https://api.example", False),
     ("https://api.example/V1", False), ("https://api.example/v1/v1", False), ("https://api2.example/v1", False),
     ("https://[::1]/v1", False), ("https://[bad/v1", False), ("", False)],
)  # fmt: skip
def test_a_fingerprint_changes_with_the_host_name_and_the_path_and_nothing_else_of_a_base_url(
    base_url: str, is_same: bool
) -> None:
    same = http_client.fingerprint("a", base_url) == http_client.fingerprint("a", "https://api.example/v1")
    assert same is is_same


@each_row(
    ("base_url", "shown"),
    [("https://api.example/v1", "api.example/v1"), ("http://127.0.0.1:9999", "127.0.0.1:9999"),
     ("https://somebody:secret@api.example/v1?key=secret", "api.example/v1")],
)  # fmt: skip
def test_a_base_url_is_shown_without_secrets(base_url: str, shown: str) -> None:
    assert http_client.place(base_url) == shown
