"""Tests uwear.ai's list, which decides whether a lost submit was paid. An incomplete list must never look complete.

A list that does not name its inputs is no proof either. These tests use the two forms of the list that clients of the API
have seen. test_uwear_pages.py tests the published form.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from tests.fakes.mock_vendor import HANDLE, SENT, Vendor, answer
from tests.rows import each_row
from tests.unit.wire_support import WRONG, adapter_of, link_of

from darkroom.errors import ProviderUnavailable
from darkroom.model import FoundProcess, Handle, ProcessState, SendMode
from darkroom.providers import uwear as module
from darkroom.providers.uwear import Uwear

BASE = "https://api.uwear.example.test/api/v1"
OTHER = Handle("f" * 32, 1, 1)  # the handle of another job
RESULT = "https://results.example.test/1.png?X-Amz-Signature=s"


def entry(number: object, handle: object = HANDLE, **fields: Any) -> dict[str, Any]:
    """Return an entry of the list that belongs to the run."""
    return {
        "generation_id": number,
        "model_name": "topaz",
        "status": "Ongoing",
        "generation_results": [],
        "created_at": "2026-11-21T14:00:00.5Z",
        "updated_at": None,
        "image_url": link_of(str(handle)),
    } | fields


def silent(number: int) -> dict[str, Any]:
    """Return an entry that does not name its input, as some kinds of generation do not."""
    return {name: value for name, value in entry(number).items() if name != "image_url"}


def listed(*answers: httpx.Response) -> tuple[list[str] | None, Vendor]:
    """Return the process ids that are found, and the vendor. The vendor answers the first request, in the published
    form, with an empty array.
    """
    vendor = Vendor(NOTHING, *answers)
    found = adapter_of(Uwear, vendor, base_url=BASE).find(HANDLE, SendMode.LINK, SENT)
    return None if found is None else [process.process_id for process in found], vendor


def found_by(*answers: httpx.Response) -> list[str] | None:
    return listed(*answers)[0]


NOTHING = answer([])


def test_parts_are_asked_for_until_nothing_comes() -> None:
    """Each part of the list begins where the last one ended, because a vendor may return fewer entries than requested."""
    found, vendor = listed(answer([entry(4), entry(3)]), answer([entry(2)]), answer([entry(1)]), NOTHING)
    assert found == ["1", "2", "3", "4"]
    assert [str(request.url) for request in vendor.requests] == [
        f"{BASE}/generations?page=1&items_per_page=100",
        *(f"{BASE}/generations?limit=100&offset={offset}" for offset in (0, 2, 3, 4)),
    ]


def test_a_list_that_begins_anew_is_not_known_to_be_whole() -> None:
    """A vendor that ignores `limit` and `offset` repeats the first part of its list. Nobody knows whether that part is
    the whole list.
    """
    same = answer([entry(2, "cat"), entry(1, "cat")])
    found, vendor = listed(same, same)
    assert (found, len(vendor.requests)) == (None, 3)
    assert found_by(answer([entry(2), entry(1)]), answer([entry(2), entry(1)])) == ["1", "2"]


def test_a_whole_list_without_the_job_proves_it_absent() -> None:
    assert found_by(answer([entry(2, OTHER)]), NOTHING) == []
    assert found_by(NOTHING) == []


def test_a_page_that_shifted_while_the_list_was_read_shows_each_once() -> None:
    assert found_by(answer([entry(3), entry(2)]), answer([entry(2), entry(1)]), NOTHING) == ["1", "2", "3"]


def test_the_list_may_stand_in_an_object() -> None:
    assert found_by(answer({"generations": [entry(1)], "total": 1}), answer({"generations": []})) == ["1"]


def test_a_list_without_end_is_given_up() -> None:
    vendor = Vendor(NOTHING, *(answer([entry(number)]) for number in range(module.MAX_PAGES + 5)))
    with pytest.raises(ProviderUnavailable, match="does not end"):
        adapter_of(Uwear, vendor, base_url=BASE).find(HANDLE, SendMode.LINK, SENT)
    assert len(vendor.requests) == module.MAX_PAGES + 1


@each_row("status", [400, 500, 502, 404])
def test_a_page_that_fails_makes_the_whole_list_unknown(status: int) -> None:
    with pytest.raises(ProviderUnavailable):
        found_by(answer([entry(1)]), answer({"detail": "no"}, status))


@each_row(
    "body",
    [*(value for value in WRONG if value != []), {"generations": None}, {"generations": {}}, {"data": []}, ["text"]],
)
def test_a_list_of_an_unknown_shape_proves_nothing(body: Any) -> None:
    with pytest.raises(ProviderUnavailable):
        found_by(answer(body))
    with pytest.raises(ProviderUnavailable):
        found_by(answer([entry(1)]), answer(body))


@each_row("number", [*(value for value in WRONG if value != 7 or value is True), "4711", 10**18])
def test_an_entry_without_a_usable_id_proves_nothing(number: object) -> None:
    with pytest.raises(ProviderUnavailable):
        found_by(answer([entry(1), entry(number)]))


def test_an_entry_is_read_whole() -> None:
    vendor = Vendor(NOTHING, answer([entry(7)]), NOTHING)
    created_at = datetime(2026, 11, 21, 14, 0, 0, 500_000, tzinfo=UTC)
    expected = FoundProcess("7", str(HANDLE), ProcessState.RUNNING, None, created_at)
    assert adapter_of(Uwear, vendor, base_url=BASE).find(HANDLE, SendMode.LINK, SENT) == (expected,)


@each_row("value", WRONG)
def test_a_state_or_a_time_that_is_none_loses_no_entry(value: object) -> None:
    assert found_by(answer([entry(1, status=value, created_at=value)])) == ["1"]


@each_row(
    "given", [*WRONG, "https://[bad", link_of("cat"), link_of(Handle(HANDLE.job_id, 22, 1)), link_of(f"x{HANDLE}")]
)
def test_a_generation_of_another_input_is_not_ours(given: object) -> None:
    assert found_by(answer([entry(1, image_url=given), entry(2)])) == ["2"]


def test_the_oldest_comes_first_by_number_and_whichever_attempt() -> None:
    assert found_by(answer([entry(10), entry(9, Handle(HANDLE.job_id, 2, 1))])) == ["9", "10"]


def test_a_generation_that_does_not_say_what_it_was_given_might_be_ours() -> None:
    assert found_by(answer([silent(2), entry(1, OTHER)]), NOTHING) is None


@each_row("given", [None, "", "cat.png", 7, True, [], {}, ["https://a.test/1.png"], "ftp://a.test/1.png"])
def test_a_field_that_names_no_input_says_nothing(given: object) -> None:
    assert found_by(answer([entry(2, image_url=given), entry(1, OTHER)]), NOTHING) is None


def test_the_address_of_the_result_is_not_the_input() -> None:
    results = [{"image_url": None}, {"image_url": RESULT.replace("=s", "=t")}]
    shown = entry(2, image_url=RESULT, generation_results=results)
    assert found_by(answer([shown, entry(1, OTHER)]), NOTHING) is None
    assert found_by(answer([shown | {"generation_results": []}, entry(1, OTHER)]), NOTHING) == []


@each_row("results", [None, "text", {}, 7])
def test_an_address_beside_which_no_results_are_told_may_be_the_results(results: object) -> None:
    assert found_by(answer([entry(2, image_url=RESULT, generation_results=results), entry(1, OTHER)]), NOTHING) is None


def test_a_list_that_never_showed_a_link_of_ours_may_show_others_in_their_place() -> None:
    """If a vendor copied its inputs, the list would name the copy, and our entry would look like any other entry."""
    foreign = "https://somebody.example.test/cat.png"
    assert found_by(answer([entry(1, image_url=foreign)]), NOTHING) is None
    assert found_by(answer([entry(2, image_url=foreign), entry(1, OTHER)]), NOTHING) == []


def test_what_was_found_counts_beside_generations_that_say_nothing() -> None:
    assert found_by(answer([silent(3), entry(2)]), answer([silent(1)]), NOTHING) == ["2"]
