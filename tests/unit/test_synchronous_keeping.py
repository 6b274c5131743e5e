"""Tests synchronous calls. A result that arrived is staged or the job is in doubt, links are retried while time is
left, and no connection stays open.
"""

from __future__ import annotations

import base64
import json
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from tests.fakes.mock_vendor import NO_TLS
from tests.fakes.result_server import CONTENT, PUBLIC, Host, downloads, resolve
from tests.rows import each_row
from tests.unit.wire_support import Kept, Patience, Streamed, breaking, streamed

from darkroom.errors import SubmitInDoubt
from darkroom.pipeline.dispatch import MIN_TIME_FOR_SYNCHRONOUS_CALL
from darkroom.providers import http_client, synchronous

__all__ = ["resolve"]  # pytest must find this automatic fixture here

PICTURE = bytes(range(256))
EMBEDDED = json.dumps({"data": [{"b64_json": base64.b64encode(PICTURE).decode()}]}).encode()
URL = "https://results.example.test/1.png?X-Amz-Signature=s"
LINKED = json.dumps({"data": [{"url": URL}]}).encode()


def taken(
    content: bytes | Iterator[bytes],
    keep: Any = None,
    host: Callable[[httpx.Request], httpx.Response] | None = None,
    patience: Patience | None = None,
    took: float = 0.0,
) -> Kept:
    """Read an answer that took `took` seconds. Return the store of staged results."""
    kept, patience = keep or Kept(), patience or Patience()
    links = patience.links(downloads(host or Host()))
    synchronous.stage_from_json(streamed(content), links, kept, "p-1", "data", patience.now - took)
    return kept


def large(megabytes: int) -> Iterator[bytes]:
    yield b'{"data": [{"b64_json": "'
    for _ in range(megabytes * 16):
        yield b"AAAA" * 16_384  # 64 KiB of base64
    yield b'"}]}'


# --- staging the result ----------------------------------------------------------------------------------------


@each_row("error", [OSError("disk"), RuntimeError("bucket"), ValueError("x"), KeyError("x")])
def test_a_staging_that_fails_leaves_the_call_in_doubt(error: Exception) -> None:
    with pytest.raises(SubmitInDoubt) as caught:
        taken(EMBEDDED, Kept(error))
    assert str(error) not in str(caught.value)


def test_a_staging_that_stops_early_leaves_the_call_in_doubt() -> None:
    def refuse(process_id: str, pieces: Iterator[bytes]) -> None:
        next(pieces)
        raise OSError("disk")

    for megabytes in (1, 8):
        with pytest.raises(SubmitInDoubt):
            taken(large(megabytes), refuse)


@each_row("error", [OSError("disk"), RuntimeError("x"), ValueError("x"), synchronous.UnusableResponse("x")])
def test_storing_a_result_never_raises_an_error_that_releases_the_reservation(error: Exception) -> None:
    assert synchronous.try_to_stage(Kept(error), "p-1", iter([b"a"])) is False
    assert synchronous.try_to_stage(Kept(), "p-1", breaking(b"a", error)) is False
    good = Kept()
    assert synchronous.try_to_stage(good, "p-1", iter([b"a", b"b"])) is True
    assert good.results == {"p-1": b"ab"}


class Flaky:
    """A host that answers the first requests with `failures` and then serves the result."""

    def __init__(self, failures: list[httpx.Response | Exception]) -> None:
        self.failures, self.host, self.seen = failures, Host(), 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.url.host == PUBLIC
        self.seen += 1
        given = self.failures.pop(0) if self.failures else self.host(request)
        if isinstance(given, Exception):
            raise given
        return given


@each_row("failure", [httpx.Response(503), httpx.ConnectError(URL), httpx.Response(206)])
@each_row("times", [1, 2])
def test_a_link_that_fails_is_tried_again(failure: Any, times: int) -> None:
    host = Flaky([failure] * times)
    assert taken(LINKED, host=host).results == {"p-1": CONTENT}
    assert host.seen == times + 2


def test_a_download_that_is_cut_is_tried_again() -> None:
    host = Flaky([])
    sizes = iter([10, None])

    def cut(request: httpx.Request) -> httpx.Response:
        host.host.changes["sent"] = None if "range" in request.headers else next(sizes)
        return host(request)

    kept = Kept()
    assert taken(LINKED, kept, cut).results == {"p-1": CONTENT}
    assert kept.calls == 2


@each_row(
    ("took", "waits"),
    [(0.0, [2, 5, 15, 30, 60]), (143.0, [2, 5, 15, 30, 60]), (143.5, [2, 5, 15, 30]), (200.0, [2, 5, 15, 30]),
     (240.0, [2, 5]), (254.0, [])],
)  # fmt: skip
def test_a_link_is_tried_with_pauses_as_long_as_the_invocation_lasts(took: float, waits: list[float]) -> None:
    patience, host = Patience(), Flaky([httpx.Response(503)] * 9)
    with pytest.raises(SubmitInDoubt):
        taken(LINKED, host=host, patience=patience, took=took)
    assert patience.waited == waits
    assert host.seen == len(waits) + 1
    assert took + sum(waits) <= synchronous.LAST_RETRY_SECONDS < MIN_TIME_FOR_SYNCHRONOUS_CALL.total_seconds()


def test_a_host_that_needs_a_minute_is_waited_for() -> None:
    patience = Patience()

    def slow(request: httpx.Request) -> httpx.Response:
        return Host()(request) if patience.now > 1_050 else httpx.Response(503)

    assert taken(LINKED, host=slow, patience=patience).results == {"p-1": CONTENT}
    assert patience.waited == [2, 5, 15, 30]


def test_the_time_that_tries_take_counts_too() -> None:
    patience = Patience()

    def hanging(request: httpx.Request) -> httpx.Response:
        patience.now += 70
        raise httpx.ReadTimeout(URL)

    with pytest.raises(SubmitInDoubt):
        taken(LINKED, host=hanging, patience=patience)
    assert patience.waited == [2, 5, 15]


def test_what_the_bucket_did_not_take_is_fetched_again() -> None:
    patience, kept = Patience(), Kept(OSError("the bucket did not answer"))
    assert taken(LINKED, kept, patience=patience).results == {"p-1": CONTENT}
    assert patience.waited == [2]


def test_an_unsafe_link_is_not_waited_for() -> None:
    patience = Patience()
    with pytest.raises(SubmitInDoubt):
        taken(json.dumps({"data": [{"url": "http://results.example.test/1.png"}]}).encode(), patience=patience)
    assert patience.waited == []


@each_row("url", ["", "x", "http://results.example.test/1.png", "file:///etc/passwd", "https://[bad"])
def test_a_link_that_leads_nowhere_safe_leaves_the_call_in_doubt(url: str) -> None:
    with pytest.raises(SubmitInDoubt):
        taken(json.dumps({"data": [{"url": url}]}).encode(), host=Flaky([]))


# --- the answer itself as the result ---------------------------------------------------------------------------


@each_row("size", [0, 1, len(PICTURE)])
def test_a_body_of_its_announced_length_is_whole(size: int) -> None:
    given = streamed(PICTURE[:size], **{"Content-Length": str(size)})
    assert b"".join(synchronous.read_body(given)) == PICTURE[:size]


@each_row("length", [None, "", "0", str(len(PICTURE) - 1), str(len(PICTURE) + 1), "soon", "-1", "1e3",
                                    "9" * 5_000, "\u00b2"])  # fmt: skip
def test_a_body_of_another_length_is_broken(length: str | None) -> None:
    headers = [] if length is None else [(b"Content-Length", length.encode("latin-1"))]
    given = httpx.Response(200, headers=headers, stream=Streamed(iter([PICTURE])))
    with pytest.raises(synchronous.UnusableResponse):
        list(synchronous.read_body(given))


def test_a_body_whose_connection_breaks_is_broken() -> None:
    with pytest.raises(synchronous.UnusableResponse) as caught:
        list(
            synchronous.read_body(
                streamed(breaking(PICTURE, httpx.ReadError(URL)), **{"Content-Length": str(len(PICTURE))})
            )
        )
    assert "results.example" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_large_body_passes_in_constant_memory() -> None:
    count = 64 * 1024 * 1024
    given = streamed((bytes(65_536) for _ in range(count // 65_536)), **{"Content-Length": str(count)})
    tracemalloc.start()
    total = sum(map(len, synchronous.read_body(given)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == count
    assert peak < 8 * synchronous.CHUNK_BYTES


# --- the connection --------------------------------------------------------------------------------------------


def test_the_connection_is_given_back_whatever_happens() -> None:
    for error in (None, SubmitInDoubt("x"), KeyError("x")):
        given = streamed(PICTURE)
        try:
            with closing(given):
                if error:
                    raise error
        except (SubmitInDoubt, KeyError):
            pass
        assert given.is_closed


@each_row(("status", "is_read"), [(200, False), (201, False), (302, True), (402, True), (500, True)])
def test_only_the_body_of_an_accepted_call_is_left_unread(status: int, is_read: bool) -> None:
    body = Streamed(iter([b"key-1 is bad"]))
    transport = httpx.MockTransport(lambda request: httpx.Response(status, stream=body))
    with http_client.new_client(NO_TLS, transport=transport) as client:
        given = synchronous.send_unread(client, client.build_request("POST", "https://api.example.test/"), "key-1")
        assert body.is_closed is is_read
        if is_read:
            assert given.content == b"<key> is bad"
        with closing(given):
            pass
        assert body.is_closed
