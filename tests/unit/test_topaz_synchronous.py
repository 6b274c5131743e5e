"""Tests the Topaz adapter's synchronous calls: what it stages of an answer, and what it does if the vendor lacks the endpoint."""

from __future__ import annotations

import io

import httpx
import pytest
from tests.fakes.mock_vendor import BASE, HANDLE, PROCESS, Vendor, adapter, answer, image_of, refuse_to_keep
from tests.rows import each_row
from tests.unit.wire_support import JPEG, Kept, planned, streamed

from darkroom.errors import ProviderRejected, SubmitInDoubt, Throttled

CONTENT = b"\x89PNG not really" + bytes(range(256))
IMAGE = image_of(lambda: io.BytesIO(CONTENT), len(CONTENT))
PLAN = planned("topaz", JPEG, synchronous="true")
PICTURE = b"a picture"


def answered(content_type: str | None) -> httpx.Response:
    named = {} if content_type is None else {"Content-Type": content_type}
    return streamed(PICTURE, **{"X-Process-Id": PROCESS, "Content-Length": str(len(PICTURE))}, **named)


@each_row("content_type", ["image/jpeg", "image/png", "IMAGE/TIFF", "image/jpeg; charset=binary"])
def test_a_picture_is_kept(content_type: str) -> None:
    kept = Kept()
    submission = adapter(Vendor(answered(content_type))).submit(PLAN, IMAGE, HANDLE, kept)
    assert (submission.process_id, submission.staged, kept.results) == (PROCESS, True, {PROCESS: PICTURE})


@each_row("content_type", [None, "", "text/html", "application/json", "application/octet-stream"])
def test_anything_else_is_not_kept_and_left_to_be_fetched_by_its_id(content_type: str | None) -> None:
    submission = adapter(Vendor(answered(content_type))).submit(PLAN, IMAGE, HANDLE, refuse_to_keep)
    assert (submission.process_id, submission.staged) == (PROCESS, False)


@each_row("status", [404, 405, 410])
def test_where_the_endpoint_is_gone_the_same_is_sent_to_the_queue(status: int) -> None:
    vendor = Vendor(answer({"message": "no such path"}, status), answer({"process_id": PROCESS, "eta": 1_700_000_000}))
    submission = adapter(vendor).submit(PLAN, IMAGE, HANDLE, refuse_to_keep)
    assert (submission.process_id, submission.staged) == (PROCESS, False)
    assert [str(request.url) for request in vendor.requests] == [f"{BASE}/enhance", f"{BASE}/enhance/async"]
    boundaries = [request.headers["content-type"].partition("boundary=")[2].encode() for request in vendor.requests]
    first, second = (body.replace(named, b"") for body, named in zip(vendor.bodies, boundaries, strict=True))
    assert first == second
    assert CONTENT in first
    assert str(HANDLE).encode() in first


@each_row(("status", "kind"), [(400, ProviderRejected), (429, Throttled), (500, SubmitInDoubt)])
def test_no_other_refusal_is_followed_by_a_second_submit(status: int, kind: type[Exception]) -> None:
    vendor = Vendor(answer(status=status))
    with pytest.raises(kind):
        adapter(vendor).submit(PLAN, IMAGE, HANDLE, refuse_to_keep)
    assert len(vendor.requests) == 1


def test_a_queue_that_is_gone_too_is_a_refusal() -> None:
    vendor = Vendor(answer(status=404))
    with pytest.raises(ProviderRejected):
        adapter(vendor).submit(PLAN, IMAGE, HANDLE, refuse_to_keep)
    assert len(vendor.requests) == 2
