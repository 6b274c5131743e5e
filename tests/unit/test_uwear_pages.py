"""Tests uwear.ai's list as its page "Get All Generations" shows it: pages have numbers, and entries hold their request
as text.
"""

from __future__ import annotations

import json
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
ASKED = "/generations?page={}&items_per_page=100"


def payload(handle: object = HANDLE) -> str:
    """Return a request as the text that an entry holds."""
    return json.dumps({"image_url": link_of(str(handle)), "model_name": "topaz"})


def entry(number: object, handle: object = HANDLE, **fields: Any) -> dict[str, Any]:
    """Return an entry of the run, as the vendor's page shows it."""
    return {
        "generation_id": number,
        "clothing_item_id": None,
        "num_images": 1,
        "payload": payload(handle),
        "status": "Ongoing",
        "feature_name": "upscale",
        "created_at": "2026-11-21T14:00:00.5Z",
        "updated_at": "2026-11-21T14:00:00.5Z",
    } | fields


def page(number: object, last: object, *entries: object, total: object = None) -> httpx.Response:
    return answer({"current_page": number, "max_page": last, "total_count": total, "data": [*entries]})


def listed(*answers: httpx.Response) -> tuple[list[str] | None, list[str]]:
    """Return the process ids that are found, and the requested paths."""
    vendor = Vendor(*answers)
    found = adapter_of(Uwear, vendor, base_url=BASE).find(HANDLE, SendMode.LINK, SENT)
    asked = [str(request.url).removeprefix(BASE) for request in vendor.requests]
    return None if found is None else [process.process_id for process in found], asked


def found_by(*answers: httpx.Response) -> list[str] | None:
    return listed(*answers)[0]


def test_every_page_is_asked_for_by_its_number_up_to_the_last() -> None:
    found, asked = listed(page(1, 3, entry(3)), page(2, 3, entry(2)), page(3, 3, entry(1)))
    assert found == ["1", "2", "3"]
    assert asked == [ASKED.format(number) for number in (1, 2, 3)]


def test_a_whole_list_without_the_job_proves_it_absent() -> None:
    assert listed(page(1, 1, entry(1, OTHER), total=1)) == ([], [ASKED.format(1)])
    assert found_by(page(1, 0, total=0)) == []


def test_an_entry_is_read_whole() -> None:
    created_at = datetime(2026, 11, 21, 14, 0, 0, 500_000, tzinfo=UTC)
    expected = FoundProcess("7", str(HANDLE), ProcessState.RUNNING, None, created_at)
    found = adapter_of(Uwear, Vendor(page(1, 1, entry(7))), base_url=BASE).find(HANDLE, SendMode.LINK, SENT)
    assert found == (expected,)


@each_row(
    "text",
    [payload(), json.dumps({"input": {"images": [link_of(str(HANDLE))]}}, indent=2), payload().replace("/", "\\/"),
     payload().replace("&", "\\u0026"), json.dumps(payload()), f"{{'image_url': '{link_of(str(HANDLE))}'}}",
     f"model=topaz image_url={link_of(str(HANDLE))} x"],
)  # fmt: skip
def test_the_handle_is_found_in_the_text_of_the_request_however_it_is_written(text: str) -> None:
    assert found_by(page(1, 1, entry(1, payload=text), entry(2, OTHER))) == ["1"]


def test_a_request_may_stand_there_as_an_object_and_the_link_beside_it() -> None:
    assert found_by(page(1, 1, entry(1, payload=json.loads(payload())))) == ["1"]
    beside = {"image_url": link_of(str(HANDLE)), "generation_results": []}
    assert found_by(page(1, 1, entry(1, payload="", **beside))) == ["1"]


@each_row("text", [*WRONG, "{}", "null", "[" * 100_000, "9" * 5_000, json.dumps({"prompt": "a cat"})])
def test_a_request_that_names_no_input_might_be_ours(text: object) -> None:
    assert found_by(page(1, 1, entry(2, payload=text), entry(1, OTHER))) is None
    assert found_by(page(1, 1, entry(2, payload=text), entry(1))) == ["1"]


def test_a_list_that_never_showed_a_link_of_ours_may_show_others_in_their_place() -> None:
    foreign = json.dumps({"image_url": "https://copies.example.test/17.png"})
    assert found_by(page(1, 1, entry(1, payload=foreign))) is None
    assert found_by(page(1, 1, entry(2, payload=foreign), entry(1, OTHER))) == []


def test_a_page_that_is_not_the_one_asked_for_ends_nothing() -> None:
    first = page(1, 3, entry(9, OTHER))
    assert listed(first, first) == (None, [ASKED.format(1), ASKED.format(2)])
    assert found_by(page(0, 1, entry(9, OTHER))) is None
    assert found_by(page(1, 0, entry(9, OTHER))) is None  # the answer says that page 0 is the last one
    assert found_by(page(1, 3, entry(1)), page(1, 3, entry(1))) == ["1"]


def test_a_page_of_what_was_seen_before_ends_nothing() -> None:
    assert found_by(page(1, 3, entry(9, OTHER)), page(2, 3, entry(9, OTHER))) is None


def test_less_than_was_counted_is_not_the_whole_list() -> None:
    assert found_by(page(1, 1, entry(9, OTHER), total=2)) is None
    assert found_by(page(1, 2, entry(9, OTHER), total=2), page(2, 2, entry(8, OTHER), total=3)) == []


def test_a_list_without_end_is_given_up() -> None:
    vendor = Vendor(*(page(number, 10**9, entry(number)) for number in range(1, module.MAX_PAGES + 5)))
    with pytest.raises(ProviderUnavailable, match="does not end"):
        adapter_of(Uwear, vendor, base_url=BASE).find(HANDLE, SendMode.LINK, SENT)
    assert len(vendor.requests) == module.MAX_PAGES


@each_row("status", [400, 404, 422, 500, 502])
def test_a_page_that_fails_makes_the_whole_list_unknown(status: int) -> None:
    with pytest.raises(ProviderUnavailable):
        found_by(page(1, 2, entry(1)), answer({"detail": "no"}, status))


@each_row("wrong", [value for value in WRONG if not isinstance(value, int)])
@each_row("field", ["current_page", "max_page", "data"])
def test_a_page_of_an_unknown_shape_proves_nothing(field: str, wrong: Any) -> None:
    body = {"current_page": 1, "max_page": 1, "total_count": 1, "data": [entry(1)]}
    if field == "data" and wrong == []:
        return
    for answers in ([answer(body | {field: wrong})], [page(1, 2, entry(2)), answer(body | {field: wrong})]):
        with pytest.raises(ProviderUnavailable):
            found_by(*answers)
    del body[field]
    with pytest.raises(ProviderUnavailable):
        found_by(answer(body))


@each_row("number", [None, "4711", 0.5, [], {}, 10**18, -1])
def test_an_entry_without_a_usable_id_proves_nothing(number: object) -> None:
    with pytest.raises(ProviderUnavailable):
        found_by(page(1, 1, entry(1), entry(number)))
