"""Tests how a link's bytes are read: ranges, hosts without ranges, changed files, and bodies that are cut or too long.
The hosts are httpx's mock.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.fakes.result_server import CONTENT, LINK, Host, opened, resolve
from tests.rows import each_row

from darkroom.errors import ResultNotReady
from darkroom.providers.downloads import CHUNK_BYTES, HEAD_BYTES

__all__ = ["resolve"]  # pytest must find this automatic fixture here

SIZE = len(CONTENT)
PLACES = [(0, 10), (HEAD_BYTES - 5, 10), (HEAD_BYTES, 10), (SIZE - 7, 7), (SIZE - 7, 70), (SIZE, 5), (0, 0), (5, SIZE)]


@each_row("ranges", [True, False])
@each_row(("offset", "length"), PLACES)
def test_any_place_can_be_read_whether_or_not_the_host_knows_ranges(ranges: bool, offset: int, length: int) -> None:
    assert opened(Host(ranges=ranges)).read(offset, length) == CONTENT[offset : offset + length]


@each_row("ranges", [True, False])
def test_the_stream_is_the_whole_content_in_small_pieces(ranges: bool) -> None:
    pieces = list(opened(Host(ranges=ranges)).stream())
    assert b"".join(pieces) == CONTENT
    assert max(map(len, pieces)) <= CHUNK_BYTES


def test_a_host_that_stops_knowing_ranges_is_still_read_right() -> None:
    host = Host()
    link = opened(host)
    host.changes["ranges"] = False
    assert link.read(100_000, 9) == CONTENT[100_000:100_009]


def test_small_reads_at_the_beginning_cost_no_request() -> None:
    host = Host()
    link = opened(host)
    for offset in range(0, HEAD_BYTES, 4096):
        link.read(offset, 16)
    assert [request.headers["range"] for request in host.requests] == [f"bytes=0-{HEAD_BYTES - 1}"]


def test_a_result_shorter_than_the_head_is_read_at_once() -> None:
    link = opened(Host(content=b"tiny"))
    assert (link.size_bytes, link.read(0, 100), b"".join(link.stream())) == (4, b"tiny", b"tiny")


def test_later_reads_insist_on_the_file_that_was_opened() -> None:
    host = Host()
    link = opened(host)
    link.read(100_000, 5)
    list(link.stream())
    assert [request.headers.get("if-match") for request in host.requests] == [None, '"v1"', '"v1"']


def test_a_file_that_changed_under_its_link_is_not_ready() -> None:
    host = Host()
    link = opened(host)
    host.changes["etag"] = '"v2"'
    with pytest.raises(ResultNotReady):
        link.read(100_000, 5)
    with pytest.raises(ResultNotReady):
        list(link.stream())


@each_row("etag", ['W/"v1"', None])
def test_a_weak_tag_is_not_insisted_on_since_no_host_would_match_it(etag: str | None) -> None:
    host = Host(etag=etag)
    list(opened(host).stream())
    assert not [request for request in host.requests if "if-match" in request.headers]


def test_a_file_of_another_length_without_a_tag_is_noticed_all_the_same() -> None:
    host = Host(etag=None)
    link = opened(host)
    host.changes["content"] = CONTENT + b"more"
    with pytest.raises(ResultNotReady):
        link.read(100_000, 5)
    with pytest.raises(ResultNotReady):
        list(link.stream())


@each_row("sent", [0, 10, 50_000])
@each_row("ranges", [True, False])
def test_a_body_that_ends_early_is_not_ready(ranges: bool, sent: int) -> None:
    with pytest.raises(ResultNotReady):
        opened(Host(ranges=ranges, sent=sent))


def test_a_read_that_comes_short_is_not_ready() -> None:
    host = Host()
    link = opened(host)
    host.changes["sent"] = 3
    with pytest.raises(ResultNotReady):
        link.read(100_000, 5)


def test_a_stream_that_comes_short_raises_after_its_last_piece() -> None:
    host = Host()
    link = opened(host)
    host.changes["sent"] = SIZE - 1
    pieces = link.stream()
    assert len(next(pieces)) == CHUNK_BYTES
    with pytest.raises(ResultNotReady):
        list(pieces)


def test_a_stream_never_gives_more_than_was_announced() -> None:
    host = Host()
    link = opened(host)
    host.changes["content"] = CONTENT * 10
    given: list[int] = []
    with pytest.raises(ResultNotReady):
        given.extend(map(len, link.stream()))
    assert sum(given) <= SIZE


@each_row("length", ["", "soon", "-1", "\u00b2", "9" * 5000, "1e9"])
def test_a_result_of_unknown_length_is_not_ready(length: str) -> None:
    def host(request: httpx.Request) -> httpx.Response:
        headers = [(b"Content-Range", f"bytes 0-9/{length}".encode("latin-1"))]
        return httpx.Response(206, headers=headers, stream=httpx.ByteStream(bytes(10)))

    with pytest.raises(ResultNotReady):
        opened(host)


def test_another_range_than_was_asked_for_is_not_taken() -> None:
    host = Host()
    link = opened(host)
    host.changes["range"] = f"bytes 0-4/{SIZE}"
    with pytest.raises(ResultNotReady):
        link.read(100_000, 5)


@each_row("status", [204, 400, 401, 403, 404, 410, 412, 416, 429, 500, 503])
def test_any_answer_but_the_bytes_asks_for_a_fresh_link(status: int) -> None:
    with pytest.raises(ResultNotReady):
        opened(lambda request: httpx.Response(status))


@each_row("error", [httpx.ConnectError(LINK), httpx.ReadTimeout(LINK), httpx.RemoteProtocolError(LINK)])
def test_a_host_that_does_not_answer_is_not_ready_and_its_link_is_not_shown(error: Exception) -> None:
    def host(request: httpx.Request) -> httpx.Response:
        raise error

    with pytest.raises(ResultNotReady) as caught:
        opened(host)
    assert "results.example.test" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_the_text_of_a_link_shows_neither_its_address_nor_its_bytes() -> None:
    shown = repr(opened(Host()))
    assert "Signature" not in shown
    assert len(shown) < 300


class Zeros(httpx.SyncByteStream):
    """Sends a hundred megabytes of zeros, which are made only while they are read."""

    count = 100 * 1024 * 1024

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self.count // 65_536):
            yield bytes(65_536)


def test_a_hundred_megabytes_pass_in_constant_memory() -> None:
    def host(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Length": str(Zeros.count)}, stream=Zeros())

    link = opened(host)
    tracemalloc.start()
    count = sum(len(piece) for piece in link.stream())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == Zeros.count
    assert peak < 4 * CHUNK_BYTES


def test_a_stream_left_early_closes_its_connection() -> None:
    closed: list[bool] = []

    class Noticing(Zeros):
        def close(self) -> None:
            closed.append(True)

    def host(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Length": str(Zeros.count)}, stream=Noticing())

    pieces: Any = opened(host).stream()
    next(pieces)
    pieces.close()
    assert len(closed) == 2  # the bodies of the first request and of the stream
