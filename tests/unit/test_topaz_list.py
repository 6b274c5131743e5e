"""Tests the status list, which decides whether a lost submit was paid. An incomplete list must never look complete."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.fakes.mock_vendor import BASE, HANDLE, SENT, Vendor, adapter, answer

from darkroom.errors import ProviderUnavailable
from darkroom.model import ProcessState, SendMode
from darkroom.providers import topaz


def entry(number: int, **fields: Any) -> dict[str, Any]:
    """Return an entry of the status list that has our handle."""
    return {
        "process_id": f"process-{number}",
        "filename": f"{HANDLE.prefix}{number}.png",
        "status": "Processing",
        "creation_time": 1_700_000_000 + number,
        "eta": 1_700_000_100,
    } | fields


def page(entries: list[Any], cursor: str | None = None, more: bool = False) -> httpx.Response:
    """Return a page of the list in the form of the vendor's API version 1.2.0."""
    return answer({"data": entries, "pagination": {"next_cursor": cursor, "has_next_page": more}})


def found_by(*answers: httpx.Response) -> list[str]:
    return [process.process_id for process in adapter(Vendor(*answers)).find(HANDLE, SendMode.UPLOAD, SENT)]


def test_a_bare_array_is_the_whole_list() -> None:
    assert found_by(answer([entry(2), entry(1)])) == ["process-1", "process-2"]


def test_every_page_is_asked_for_with_the_cursor_of_the_last() -> None:
    vendor = Vendor(page([entry(3)], "a=&b", True), page([entry(2)], "c/d", True), page([entry(1)]))
    assert [process.process_id for process in adapter(vendor).find(HANDLE, SendMode.UPLOAD, SENT)] == [
        "process-1",
        "process-2",
        "process-3",
    ]
    first = f"{BASE}/status?paginated=true&limit=100"
    assert [str(request.url) for request in vendor.requests] == [
        first,
        f"{first}&cursor=a%3D%26b",
        f"{first}&cursor=c%2Fd",
    ]


def test_an_empty_page_with_a_cursor_is_not_the_end() -> None:
    assert found_by(page([], "next", True), page([entry(1)])) == ["process-1"]


def test_a_page_without_pagination_is_the_last() -> None:
    assert found_by(answer({"data": [entry(1)]})) == ["process-1"]


def test_the_whole_list_in_place_of_a_page_shows_each_process_once() -> None:
    assert found_by(page([entry(2)], "next", True), answer([entry(2), entry(1)])) == ["process-1", "process-2"]


def test_processes_of_one_second_are_in_the_order_of_our_attempts() -> None:
    entries = [entry(number, creation_time=1_700_000_000) for number in (10, 9, 2)]
    assert found_by(answer(entries)) == ["process-2", "process-9", "process-10"]


def test_a_process_without_a_time_comes_last() -> None:
    assert found_by(answer([entry(1, creation_time=None), entry(2)])) == ["process-2", "process-1"]


@pytest.mark.parametrize(
    "filename", [None, "", "cat.png", f"{HANDLE.job_id}-22-1.png", f"x{HANDLE.job_id}-2-1.png", HANDLE.job_id]
)
def test_what_does_not_begin_with_our_handle_is_not_ours(filename: str | None) -> None:
    assert found_by(answer([entry(1, filename=filename)])) == []


@pytest.mark.parametrize(
    ("word", "state"),
    [("Pending", ProcessState.RUNNING), ("Processing", ProcessState.RUNNING), ("Completed", ProcessState.COMPLETED),
     ("Cancelled", ProcessState.CANCELLED), ("Failed", ProcessState.FAILED), ("Queued2", ProcessState.RUNNING)],
)  # fmt: skip
def test_each_status_word_has_its_meaning(word: str, state: ProcessState) -> None:
    (found,) = adapter(Vendor(answer([entry(1, status=word)]))).find(HANDLE, SendMode.UPLOAD, SENT)
    assert found.state is state


@pytest.mark.parametrize(
    "body", [{}, {"data": None}, {"data": {}}, "text", None, 7, {"items": []}, [1], ["text"], {"data": [None]}]
)
def test_a_list_of_an_unknown_shape_proves_nothing(body: Any) -> None:
    with pytest.raises(ProviderUnavailable):
        found_by(answer(body))


@pytest.mark.parametrize("process_id", [None, "", 7, "../status"])
def test_our_process_without_a_usable_id_is_not_taken_for_absent(process_id: object) -> None:
    with pytest.raises(ProviderUnavailable):
        found_by(answer([entry(1, process_id=process_id)]))


def test_a_page_that_promises_more_without_a_cursor_proves_nothing() -> None:
    with pytest.raises(ProviderUnavailable):
        found_by(page([entry(1)], None, True))


def test_a_cursor_that_repeats_ends_in_an_error_and_not_in_a_loop() -> None:
    vendor = Vendor(page([entry(1)], "same", True))
    with pytest.raises(ProviderUnavailable):
        adapter(vendor).find(HANDLE, SendMode.UPLOAD, SENT)
    assert len(vendor.requests) == 2


def test_a_list_without_end_is_given_up() -> None:
    pages = [page([], str(number), True) for number in range(topaz.MAX_PAGES + 5)]
    vendor = Vendor(*pages)
    with pytest.raises(ProviderUnavailable):
        adapter(vendor).find(HANDLE, SendMode.UPLOAD, SENT)
    assert len(vendor.requests) == topaz.MAX_PAGES


def test_a_page_that_fails_makes_the_whole_list_unknown() -> None:
    with pytest.raises(ProviderUnavailable):
        found_by(page([entry(1)], "next", True), answer(status=502))
