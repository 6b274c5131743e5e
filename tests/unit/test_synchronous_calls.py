"""Tests synchronous calls. The answer contains the result, in pieces of any size. The result is staged whole, or the
job is in doubt.

The adapter reads answers in pieces of CHUNK_BYTES. A test sets this number to every size from one byte to the whole
answer, so that the first cut falls at every place.
"""

from __future__ import annotations

import base64
import json
import tracemalloc
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import httpx
import pytest
from tests.fakes.result_server import CONTENT, Host, downloads, resolve
from tests.rows import each_row
from tests.unit.wire_support import NO_OBJECTS, WRONG, Kept, Patience, breaking, streamed

from darkroom.errors import SubmitInDoubt
from darkroom.providers import synchronous
from darkroom.providers.downloads import Downloads

__all__ = ["resolve"]  # pytest must find this automatic fixture here

PICTURE = bytes(range(256)) + b"\xfb\xff\xfe?"  # in base64 it has both + and /
TEXT = base64.b64encode(PICTURE).decode()
URL = "https://results.example.test/1.png?X-Amz-Signature=s"
USAGE = {"usage": {"tokens_used": 210_000}}
SHAPES: dict[str, str] = {
    "usage after": json.dumps({"data": [{"b64_json": TEXT}], "meta": USAGE}),
    "usage before": json.dumps({"meta": USAGE, "data": [{"b64_json": TEXT}]}),
    "without spaces": json.dumps({"data": [{"b64_json": TEXT}], "meta": USAGE}, separators=(",", ":")),
    "with many": json.dumps({"data": [{"b64_json": TEXT}], "meta": USAGE}, indent=4).replace(": ", " \n\t: \r\n"),
    "slashes escaped": json.dumps({"data": [{"b64_json": TEXT}], "meta": USAGE}).replace("/", "\\/"),
    "letters escaped": json.dumps({"data": [{"b64_json": TEXT}], "meta": USAGE}).replace("+", "\\u002b").replace(
        TEXT[-1], f"\\u{ord(TEXT[-1]):04X}"
    ),
    "broken into lines": json.dumps({"data": [{"b64_json": base64.encodebytes(PICTURE).decode()}], "meta": USAGE}),
    "a link beside it": json.dumps({"data": [{"url": URL, "b64_json": TEXT}], "meta": USAGE}),
    "its name in a text": json.dumps({"note": 'an "b64_json": "AAAA" inside', "data": [{"b64_json": TEXT}], "meta": USAGE}),
}  # fmt: skip


@cache
def any_downloads() -> Downloads:
    """Return downloads whose requests no test looks at. The tests share them, because a client takes long to make."""
    return downloads(Host())


def taken(
    content: bytes | Iterator[bytes], keep: Any = None, host: Callable[[httpx.Request], httpx.Response] | None = None
) -> tuple[dict[str, Any], Kept]:
    """Read an answer. Return its other fields (the envelope) and the store of staged results."""
    kept = keep or Kept()
    patience = Patience()
    links = patience.links(downloads(host) if host else any_downloads())
    return synchronous.stage_from_json(streamed(content), links, kept, "p-1", "data", patience.now), kept


def embedded(value: Any) -> bytes:
    return json.dumps({"data": [{"b64_json": value}], "meta": USAGE}).encode()


# --- base64 in the answer --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_a_result_is_decoded_wherever_its_answer_is_cut(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = SHAPES[shape].encode()
    for size in range(1, len(content) + 1):
        monkeypatch.setattr(synchronous, "CHUNK_BYTES", size)  # only this number decides where httpx cuts an answer
        envelope, kept = taken(content)
        assert kept.results == {"p-1": PICTURE}, size
        assert envelope["meta"] == USAGE, size


@pytest.mark.parametrize("length", range(8))
def test_every_length_of_picture_comes_whole(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    content = embedded(base64.b64encode(PICTURE[:length]).decode()) if length else embedded(TEXT)
    for size in range(1, len(content) + 1):
        monkeypatch.setattr(synchronous, "CHUNK_BYTES", size)
        assert taken(content)[1].results == {"p-1": PICTURE[: length or None]}


def test_the_envelope_comes_back_without_the_picture() -> None:
    envelope, _ = taken(embedded(TEXT))
    assert envelope == {"data": [{"b64_json": ""}], "meta": USAGE}


class Counting(Kept):
    """Counts the bytes that it receives and stores nothing."""

    total = 0

    def __call__(self, process_id: str, pieces: Iterator[bytes]) -> None:
        for piece in pieces:
            self.total += len(piece)


def large(megabytes: int) -> Iterator[bytes]:
    yield b'{"meta": {}, "data": [{"b64_json": "'
    for _ in range(megabytes * 16):
        yield b"AAAA" * 16_384  # 64 KiB of base64
    yield b'"}]}'


def test_a_large_picture_passes_in_constant_memory() -> None:
    keep = Counting()
    tracemalloc.start()
    taken(large(48), keep)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert keep.total == 48 * 1024 * 1024 // 4 * 3
    assert peak < 12 * synchronous.CHUNK_BYTES


@each_row("value", [None, "", 7, [TEXT], {"b64": TEXT}])
def test_without_base64_the_link_beside_it_counts(value: Any) -> None:
    host = Host()
    body = json.dumps({"data": [{"b64_json": value, "url": URL}], "meta": USAGE}).encode()
    envelope, kept = taken(body, host=host)
    assert kept.results == {"p-1": CONTENT}
    assert envelope["meta"] == USAGE


@each_row("value", [None, "", 7, [TEXT], {"b64": TEXT}])
def test_neither_base64_nor_a_link_is_in_doubt(value: Any) -> None:
    kept = Kept()
    with pytest.raises(SubmitInDoubt):
        taken(embedded(value), kept)
    assert kept.calls == 0


@pytest.mark.parametrize("size", [1, 3, 4, 1_000])
@pytest.mark.parametrize(
    "text",
    ["no base64!", "AAA", "A", "AA=A", "-_-_", "\u00e9\u00e9\u00e9\u00e9", 'AA"AA', "AAAA\\AAAA", "AAAA AAAA",
     "data:image/png;base64,AAAA", "\x00AAAA", "AAAA\tAAAA"],
)  # fmt: skip
def test_invalid_base64_is_in_doubt_and_not_kept(text: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synchronous, "CHUNK_BYTES", size)
    kept = Kept()
    with pytest.raises(SubmitInDoubt):
        taken(embedded(text), kept)
    assert kept.results == {}


@each_row("content", [b'{"data": [{"b64_json": "', b'{"data": [{"b64_json": "AAAA', b'{"data": [{"b6',
                                     b'{"data": [{"b64_json": "AAAA\\', b'{"data": [{"b64_json": "AAAA"'])  # fmt: skip
def test_an_answer_that_ends_early_is_in_doubt(content: bytes) -> None:
    for given in (content, breaking(content), breaking(content, httpx.ReadTimeout(URL))):
        with pytest.raises(SubmitInDoubt) as caught:
            taken(given)
        assert "results.example" not in str(caught.value)


def test_base64_that_ends_early_is_not_kept() -> None:
    for given in (b'{"data": [{"b64_json": "AAAA', breaking(b'{"data": [{"b64_json": "AAAA')):
        kept = Kept()
        with pytest.raises(SubmitInDoubt):
            taken(given, kept)
        assert kept.results == {}


def test_a_whole_picture_stays_kept_though_the_answer_breaks_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        synchronous, "CHUNK_BYTES", 1
    )  # with larger pieces, the end of so small an answer would be lost with its connection
    kept = Kept()
    with pytest.raises(SubmitInDoubt):
        taken(breaking(embedded(TEXT)[:-5]), kept)
    assert kept.results == {"p-1": PICTURE}


def test_an_answer_without_end_is_given_up_in_bounded_memory() -> None:
    given = [0]

    def endless(piece: bytes) -> Iterator[bytes]:
        for _ in range(10_000):
            given[0] += len(piece)
            yield piece

    tracemalloc.start()
    with pytest.raises(SubmitInDoubt):
        taken(endless(b" " * 65_536))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert given[0] <= 2 * synchronous.MAX_JSON_BYTES
    assert peak < 8 * synchronous.MAX_JSON_BYTES


@each_row(("name", "content"), NO_OBJECTS, ids=[name for name, _ in NO_OBJECTS])
def test_an_answer_that_is_no_object_is_in_doubt(name: str, content: bytes) -> None:
    with pytest.raises(SubmitInDoubt) as caught:
        taken(content)
    assert caught.value.__suppress_context__


@each_row("envelope", [{"images": [{"url": URL}]}, {"data": {"url": URL}}, {"data": [URL]}, {"url": URL},
                                      {"data": [[{"url": URL}]]}, {}, *({"data": wrong} for wrong in WRONG)])  # fmt: skip
def test_an_unknown_envelope_is_in_doubt_and_no_link_is_opened(envelope: Any) -> None:
    host = Host()
    with pytest.raises(SubmitInDoubt, match="could not be stored"):
        taken(json.dumps(envelope).encode(), host=host)
    assert host.requests == []
