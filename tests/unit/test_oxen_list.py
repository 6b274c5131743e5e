"""Tests Oxen.ai's lists, which decide whether a lost submit was paid. The queue is read first, then the history. One of
them alone proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from tests.fakes.mock_vendor import HANDLE, SENT, answer
from tests.rows import each_row
from tests.unit.wire_support import WRONG, adapter_of, link_of

from darkroom.errors import ProviderUnavailable
from darkroom.model import FoundProcess, Handle, ProcessState, SendMode
from darkroom.providers import oxen as module
from darkroom.providers.oxen import Oxen

BASE = "https://hub.oxen.example.test/api"
SECOND = int(SENT.timestamp())
EMPTY = {"count": 0, "generations": []}


class Hub:
    """Plays the vendor. It serves the queue at `ai/queue?status=…` and the pages of the history at `ai/generations`."""

    def __init__(self, **rows: list[Any]) -> None:
        self.rows, self.asked = rows, list[str]()
        self.pages: list[Any] = [{"generations": rows.pop("history", []), "total_pages": 1}]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url).removeprefix(BASE))
        if request.url.path == "/api/ai/queue":
            found = self.rows.get(request.url.params["status"], [])
            return found if isinstance(found, httpx.Response) else answer({"count": 0, "generations": found})
        number = int(request.url.params["page"])
        page = self.pages[min(number, len(self.pages)) - 1]
        return page if isinstance(page, httpx.Response) else answer(page)


def oxen(vendor: Callable[[httpx.Request], httpx.Response]) -> Oxen:
    return adapter_of(Oxen, vendor, base_url=BASE)


def row(number: object, handle: object = HANDLE, **fields: Any) -> dict[str, Any]:
    """Return a row of the run as the vendor's reference of the async queue shows it, with the parameters of its request."""
    return {
        "generation_id": f"g-{number}",
        "model_name": "topazlabs-image-upscale",
        "media_type": "image",
        "status": "processing",
        "result_url": None,
        "error_message": None,
        "enqueued_at": SECOND,
        "started_at": None,
        "completed_at": None,
        "input_image": link_of(str(handle)),
    } | fields


def lean(number: object, **fields: Any) -> dict[str, Any]:
    """Return a row that does not name its input image."""
    return {name: value for name, value in row(number, **fields).items() if name != "input_image"}


def found_in(hub: Hub) -> list[str] | None:
    found = oxen(hub).find(HANDLE, SendMode.LINK, SENT)
    return None if found is None else [process.process_id for process in found]


QUEUES = ["/ai/queue?status=queued", "/ai/queue?status=processing"]
ENDED = [f"/ai/queue?status={word}" for word in ("succeeded", "failed", "cancelled")]


def history(*numbers: int) -> list[str]:
    return [f"/ai/generations?page={number}&page_size=500" for number in numbers]


def test_what_is_in_flight_is_asked_for_before_the_history() -> None:
    hub = Hub()
    assert found_in(hub) == []
    assert hub.asked == [*QUEUES, *history(1)]


@each_row("where", ["queued", "processing", "history"])
def test_a_generation_is_found_wherever_it_stands(where: str) -> None:
    expected = FoundProcess("g-1", str(HANDLE), ProcessState.RUNNING, None, datetime.fromtimestamp(SECOND, UTC))
    assert oxen(Hub(**{where: [row(1)]})).find(HANDLE, SendMode.LINK, SENT) == (expected,)


def test_every_page_of_the_history_is_read() -> None:
    hub = Hub()
    hub.pages = [{"generations": [row(number)], "total_pages": 3} for number in (1, 2, 3)]
    assert found_in(hub) == ["g-1", "g-2", "g-3"]
    assert hub.asked == [*QUEUES, *history(1, 2, 3)]


@each_row("pages", [None, "2", "many", [], {}, True, -1, float("nan")])
def test_a_history_that_does_not_say_how_long_it_is_ends_with_an_empty_page(pages: object) -> None:
    """A short page does not prove the end, because the vendor may return fewer rows than were requested."""
    hub = Hub()
    hub.pages = [{"generations": rows, "total_pages": pages} for rows in ([row(7, "x"), row(8, "x")], [row(1)], [])]
    assert found_in(hub) == ["g-1"]
    assert hub.asked[2:] == history(1, 2, 3)
    hub = Hub()
    hub.pages = [{"generations": rows, "total_pages": pages} for rows in ([row(7, "x")], [])]
    assert found_in(hub) == []


@each_row("pages", [None, 5])
def test_a_history_that_begins_anew_is_not_known_to_be_whole(pages: object) -> None:
    hub = Hub()
    hub.pages = [{"generations": [row(7, "x"), row(8, "x")], "total_pages": pages}] * 9
    assert found_in(hub) is None
    assert hub.asked[2:] == history(1, 2)
    hub.pages = [{"generations": [row(7, "x"), row(1)], "total_pages": pages}] * 9
    assert found_in(hub) == ["g-1"]


def test_a_history_without_end_is_given_up() -> None:
    hub = Hub()
    hub.pages = [{"generations": [row(number, "x")], "total_pages": 10**9} for number in range(module.MAX_PAGES + 5)]
    with pytest.raises(ProviderUnavailable, match="does not end"):
        found_in(hub)
    assert len(hub.asked) == 2 + module.MAX_PAGES


def test_without_a_history_the_queue_tells_by_status() -> None:
    hub = Hub(processing=[row(1)], succeeded=[row(2)], failed=[row(3)], cancelled=[row(4)])
    hub.pages = [answer({"error": {"type": "resource_not_found"}}, 404)]
    assert found_in(hub) == ["g-1", "g-2", "g-3", "g-4"]
    assert hub.asked == [*QUEUES, *history(1), *ENDED]


def test_the_queue_by_status_shows_what_there_is_and_proves_nothing_absent() -> None:
    hub = Hub(succeeded=[row(2, "x")])
    hub.pages = [answer({"error": {"type": "resource_not_found"}}, 404)]
    assert found_in(hub) is None


@each_row("status", [400, 500, 502, 503])
@each_row("word", ["queued", "processing", "history"])
def test_a_list_that_fails_makes_all_unknown(word: str, status: int) -> None:
    hub = Hub(**({} if word == "history" else {word: answer({}, status)}))  # type: ignore[arg-type]
    if word == "history":
        hub.pages = [{"generations": [row(1)], "total_pages": 2}, answer({}, status)]
    with pytest.raises(ProviderUnavailable):
        found_in(hub)


def test_a_queue_that_is_not_there_means_a_wrong_base_url() -> None:
    with pytest.raises(ProviderUnavailable, match="check the base URL of oxen"):
        found_in(Hub(queued=answer({}, 404)))  # type: ignore[arg-type]


@each_row("rows", [value for value in WRONG if value != []])
@each_row("place", ["queued", "history"])
def test_a_list_of_an_unknown_shape_proves_nothing(rows: Any, place: str) -> None:
    hub = Hub(history=rows) if place == "history" else Hub(queued=answer({"generations": rows}))  # type: ignore[arg-type]
    with pytest.raises(ProviderUnavailable):
        found_in(hub)


@each_row("name", [value for value in WRONG if value != "text"])
def test_our_generation_without_a_usable_id_is_not_taken_for_absent(name: object) -> None:
    with pytest.raises(ProviderUnavailable):
        found_in(Hub(history=[row(1, generation_id=name)]))


# --- which generations are ours --------------------------------------------------------------------------------


@each_row("given", [*(value for value in WRONG), "https://[bad", link_of("cat"), link_of(Handle(HANDLE.job_id, 22, 1))])
def test_a_generation_of_another_input_is_not_ours(given: object) -> None:
    assert found_in(Hub(queued=[row(1, input_image=given)], history=[row(2)])) == ["g-2"]


def test_a_generation_is_ours_by_whichever_attempt_and_each_is_told_once_oldest_first() -> None:
    early = row(2, Handle(HANDLE.job_id, 2, 1), enqueued_at=SECOND - 60)
    hub = Hub(queued=[row(3), row(9, enqueued_at=None)], history=[row(3, status="succeeded"), early])
    found = oxen(hub).find(HANDLE, SendMode.LINK, SENT)
    assert [(process.process_id, process.handle) for process in found or ()] == [
        ("g-2", f"{HANDLE.prefix}1"),
        ("g-3", str(HANDLE)),
        ("g-9", str(HANDLE)),
    ]
    assert (found or ())[1].state is ProcessState.COMPLETED


@each_row("moment", [0, SECOND - 7_200, SECOND - 601, SECOND - 121, SECOND, SECOND + 5_000])
@each_row("where", ["queued", "history"])
def test_a_generation_with_our_link_is_ours_whenever_it_was_enqueued(where: str, moment: int) -> None:
    """The vendor's clock may be wrong by any time. If this row were skipped, the image would be sent and paid again."""
    assert found_in(Hub(**{where: [row(1, enqueued_at=moment)]})) == ["g-1"]


@each_row(("seconds", "names"), [(-601, []), (-600, None), (-121, None), (0, None), (5_000, None), (-SECOND, None)])
def test_a_generation_without_an_input_is_not_ours_if_it_was_enqueued_long_before_the_submit(
    seconds: int, names: list[str] | None
) -> None:
    """The last row was enqueued at 0, which is no time."""
    assert found_in(Hub(history=[lean(1, enqueued_at=SECOND + seconds)])) == names


@each_row("moment", [None, "soon", 1e30, float("nan"), [], {}])
def test_a_generation_without_a_time_is_looked_at_all_the_same(moment: object) -> None:
    assert found_in(Hub(history=[row(1, enqueued_at=moment)])) == ["g-1"]


def test_videos_are_not_ours() -> None:
    assert found_in(Hub(history=[lean(1, media_type="video")])) == []


@each_row("where", ["queued", "history"])
def test_a_generation_that_does_not_say_what_it_was_given_might_be_ours(where: str) -> None:
    assert found_in(Hub(**{where: [lean(1)]})) is None


@each_row("given", [None, "", 7, [], {}, True])
@each_row("where", ["queued", "history"])
def test_a_field_without_an_input_says_nothing(where: str, given: object) -> None:
    assert found_in(Hub(**{where: [row(1, input_image=given)]})) is None


def test_a_generation_that_the_queue_is_silent_about_is_told_by_the_history() -> None:
    others = lean(2), row(2, "x")
    assert found_in(Hub(processing=[lean(1), others[0]], history=[row(1), others[1]])) == ["g-1"]
    assert found_in(Hub(processing=[others[0]], history=[others[1]])) == []


def test_what_was_found_counts_beside_generations_that_say_nothing() -> None:
    assert found_in(Hub(queued=[lean(1)], history=[lean(1), row(2)])) == ["g-2"]


def test_old_generations_may_say_nothing() -> None:
    assert found_in(Hub(history=[lean(1, enqueued_at=SECOND - 3_600), row(2)])) == ["g-2"]


def test_a_synchronous_call_has_no_row_and_nobody_is_asked() -> None:
    hub = Hub(history=[row(1)])
    assert oxen(hub).find(HANDLE, SendMode.SYNCHRONOUS_LINK, SENT) is None
    assert hub.asked == []


@each_row("name", [None, 5, "", "a/b"])
def test_our_generation_without_a_usable_id_is_not_lost_among_others_without_one(name: object) -> None:
    with pytest.raises(ProviderUnavailable):
        found_in(Hub(history=[row(1, generation_id=name), row(2, "cat", generation_id=name)]))
