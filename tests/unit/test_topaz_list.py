"""Tests the status list, which decides whether a lost submit was paid. An incomplete list must never look complete."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.fakes.mock_vendor import BASE, HANDLE, SENT, Vendor, adapter, answer
from tests.rows import each_row

from darkroom.errors import ProviderUnavailable
from darkroom.model import ProcessState, SendMode
from darkroom.providers import newest_first, topaz


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


@each_row("filename", [None, "", "cat.png", f"{HANDLE.job_id}-22-1.png", f"x{HANDLE.job_id}-2-1.png", HANDLE.job_id])
def test_what_does_not_begin_with_our_handle_is_not_ours(filename: str | None) -> None:
    assert found_by(answer([entry(1, filename=filename)])) == []


@each_row(
    ("word", "state"),
    [("Pending", ProcessState.RUNNING), ("Processing", ProcessState.RUNNING), ("Completed", ProcessState.COMPLETED),
     ("Cancelled", ProcessState.CANCELLED), ("Failed", ProcessState.FAILED), ("Queued2", ProcessState.RUNNING)],
)  # fmt: skip
def test_each_status_word_has_its_meaning(word: str, state: ProcessState) -> None:
    (found,) = adapter(Vendor(answer([entry(1, status=word)]))).find(HANDLE, SendMode.UPLOAD, SENT)
    assert found.state is state


@each_row("body", [{}, {"data": None}, {"data": {}}, "text", None, 7, {"items": []}, [1], ["text"], {"data": [None]}])
def test_a_list_of_an_unknown_shape_proves_nothing(body: Any) -> None:
    with pytest.raises(ProviderUnavailable):
        found_by(answer(body))


@each_row("process_id", [None, "", 7, "../status"])
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


# --- where reading may stop

SINCE = int(SENT.timestamp())


def stopped_after(*pages: list[dict[str, Any]]) -> int:
    """Return how many pages are read of a list of these pages."""
    vendor = Vendor(*(page(entries, str(number), True) for number, entries in enumerate(pages)), page([]))
    adapter(vendor).find(HANDLE, SendMode.UPLOAD, SENT)
    return len(vendor.requests)


def made(*seconds: int | None) -> list[dict[str, Any]]:
    """Return entries that were made so many seconds after the reservation."""
    when = [None if it is None else SINCE + it for it in seconds]
    made.number += 1  # type: ignore[attr-defined]
    prefix = f"{made.number}-"  # type: ignore[attr-defined]
    return [entry(n, process_id=f"{prefix}{n}", creation_time=it, filename="cat.png") for n, it in enumerate(when)]


made.number = 0  # type: ignore[attr-defined]
OLD, OLDER, ANCIENT = -601, -3600, -7200


@pytest.fixture
def four_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newest_first, "ENOUGH", 4)


@pytest.mark.usefixtures("four_are_enough")
def test_reading_stops_after_a_page_that_is_older_than_the_reservation() -> None:
    assert stopped_after(made(60, 30), made(10, OLD), made(OLDER, OLDER), made(ANCIENT), made(ANCIENT)) == 3


@pytest.mark.usefixtures("four_are_enough")
def test_a_page_on_which_one_entry_is_young_is_not_the_last() -> None:
    assert stopped_after(made(60, -599), made(-599, OLD), made(OLDER)) == 3


@pytest.mark.usefixtures("four_are_enough")
@each_row(
    "pages",
    [
        (made(OLDER, OLD), made(30, 60)),  # the oldest first
        (made(60, 30), made(40, OLD), made(OLDER), made(ANCIENT)),  # newer than one before it
        (made(30, 60), made(OLD, OLDER)),  # no order
        (made(OLD, OLD), made(OLD, OLD)),  # one time says nothing about an order
        (made(60, None), made(OLD, OLDER)),  # an entry without a time
        ([], []),
    ],
)  # fmt: skip
def test_without_a_proven_order_the_whole_list_is_read(pages: tuple[list[dict[str, Any]], ...]) -> None:
    assert stopped_after(*pages) == len(pages) + 1


def test_a_few_entries_prove_no_order() -> None:
    assert stopped_after(made(60, 30), made(OLD), made(OLDER)) == 4
    assert stopped_after(made(*[30] * 97), made(OLD, OLDER), made(ANCIENT), made(ANCIENT)) == 3


@pytest.mark.usefixtures("four_are_enough")
def test_one_page_proves_no_order() -> None:
    assert stopped_after(made(OLD, OLD, OLDER, ANCIENT), made(5)) == 3


@pytest.mark.usefixtures("four_are_enough")
def test_an_entry_that_comes_again_because_pages_shifted_does_not_hide_the_order() -> None:
    first = made(60, 30)
    assert stopped_after(first, [first[1], *made(20)], made(OLD), made(OLDER)) == 3


def test_a_lost_submit_is_found_in_a_list_of_a_million() -> None:
    ours = entry(1, creation_time=SINCE + 5)
    vendor = Vendor(page([*made(60, 30), ours], "a", True), page(made(*[OLD] * 99, OLDER), "b", True))
    (found,) = adapter(vendor).find(HANDLE, SendMode.UPLOAD, SENT)
    assert (found.process_id, len(vendor.requests)) == ("process-1", 2)
