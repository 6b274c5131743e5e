"""Tests what every simulator promises about results: links without a key, ranges, preconditions and broken transfers."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from PIL import Image
from tests.simulators.client import BARE, content
from tests.simulators.picture_server import PictureServer
from tests.simulators.vendors import VENDORS, Vendor

from darkroom_local.simulators.framework.server import Simulator


@dataclass(frozen=True)
class SharedResult:
    """Holds a finished result that all tests of the module share."""

    vendor: Vendor
    sim: Simulator[Any, Any]
    http: httpx.Client
    job: Any  # the id of its job in the simulator's journal
    url: str
    whole: bytes


@pytest.fixture(scope="module", params=VENDORS)
def finished(request: pytest.FixtureRequest, session_picture_server: PictureServer) -> Iterator[SharedResult]:
    vendor = VENDORS[request.param]
    session_picture_server.renew()
    with vendor.running() as (sim, http):
        url = vendor.link(http, vendor.submit(http, session_picture_server, "any"))
        yield SharedResult(vendor, sim, http, sim.submits[0][vendor.id_field], url, content(url))


@pytest.fixture
def shown(finished: SharedResult) -> SharedResult:
    finished.sim.faults.clear()
    finished.sim.journal.clear()
    return finished


def test_links_serve_ranges_and_preconditions_without_a_key(shown: SharedResult) -> None:
    url, whole = shown.url, shown.whole
    assert url.startswith(shown.sim.origin + "/")
    answer = BARE.get(url)
    assert answer.headers["Content-Length"] == str(len(whole))
    assert answer.headers["Content-Type"] == f"image/{Image.open(io.BytesIO(whole)).format}".lower()
    part = BARE.get(url, headers={"Range": "bytes=10-19", "If-Match": answer.headers["ETag"]})
    assert (part.status_code, part.content) == (206, whole[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(whole)}"
    assert BARE.get(url, headers={"Range": "bytes=10-"}).content == whole[10:]
    assert BARE.get(url, headers={"Range": "bytes=-7"}).content == whole[-7:]
    assert BARE.get(url, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416
    assert BARE.get(url, headers={"Range": "bytes=1-2", "If-Range": '"other"'}).status_code == 200
    assert BARE.get(url, headers={"If-Match": '"other"'}).status_code == 412
    assert not any(entry["key_leaked"] for entry in shown.sim.requests)


def test_a_key_sent_to_a_link_is_noted_as_leaked(shown: SharedResult) -> None:
    assert shown.http.get(shown.url).status_code == 200
    (entry,) = shown.sim.requests
    assert (entry["key_leaked"], entry[shown.vendor.id_field]) == (True, shown.job)


def test_tampered_links_and_links_for_another_method_are_403(shown: SharedResult) -> None:
    url = shown.url
    assert BARE.head(url).status_code == 403
    assert BARE.get(url[:-1] + ("0" if url[-1] != "0" else "1")).status_code == 403
    assert BARE.get(url.partition("?")[0]).status_code == 403
    assert BARE.get(url.replace("/results/", "/results/x")).status_code == 403


def test_a_cut_transfer_sends_half_and_can_be_resumed(shown: SharedResult) -> None:
    url, whole = shown.url, shown.whole
    shown.sim.faults.add("cut")
    pieces: list[bytes] = []
    with BARE.stream("GET", url) as answer:
        assert answer.headers["Content-Length"] == str(len(whole))
        with pytest.raises(httpx.RemoteProtocolError):
            pieces.extend(answer.iter_raw())
    got = b"".join(pieces)
    assert got == whole[: len(whole) // 2]
    assert got + BARE.get(url, headers={"Range": f"bytes={len(got)}-"}).content == whole


def test_results_can_be_corrupt_expired_or_slow(shown: SharedResult) -> None:
    url, whole = shown.url, shown.whole
    shown.sim.faults.add("corrupt")
    shown.sim.faults.add("expired")
    assert BARE.get(url).status_code == 403
    wrong = BARE.get(url).content
    assert len(wrong) == len(whole)
    assert wrong.startswith(b"This is not")
    shown.sim.faults.add("slow", bytes_per_second=len(whole) * 4)
    start = time.time()
    assert BARE.get(url).content == whole
    assert time.time() - start > 0.2


def test_results_can_be_refused_reset_and_late_like_everything_else(shown: SharedResult) -> None:
    shown.sim.faults.add("error_before", on="result", status=503)
    assert BARE.get(shown.url).status_code == 503
    shown.sim.faults.add("reset_before", on="result")
    with pytest.raises(httpx.TransportError):
        BARE.get(shown.url)
    shown.sim.faults.add("delay", on="result", seconds=0.1)
    start = time.time()
    assert BARE.get(shown.url).content == shown.whole
    assert time.time() - start >= 0.1
