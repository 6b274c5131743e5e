"""Tests what the AI/ML API adapter reads: the request log, which decides whether a lost call was paid, and the account.

Half a log must never look like a whole one. If it did, a call that is missing in it would be made and paid again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from tests.fakes.mock_vendor import HANDLE, SENT, Vendor, answer
from tests.rows import each_row
from tests.unit.wire_support import NO_OBJECTS, WRONG, adapter_of, planned, raw, refusing

from darkroom.errors import ProcessUnknown, ProviderUnavailable, ResultNotReady
from darkroom.model import Balance, FoundProcess, ProcessState, Progress, SendMode
from darkroom.providers import aimlapi as module
from darkroom.providers.aimlapi import Aimlapi

BASE = "https://api.aimlapi.example.test"
READS: dict[str, Callable[[Aimlapi], object]] = {
    "balance": lambda a: a.balance(), "progress": lambda a: a.progress(str(HANDLE)),
    "result": lambda a: a.result(str(HANDLE)).__enter__(), "cancel": lambda a: a.cancel(str(HANDLE)),
    "find": lambda a: a.find(HANDLE, SendMode.SYNCHRONOUS_LINK, SENT),
}  # fmt: skip
EACH_READ = each_row("call", READS.values(), ids=READS)


def aimlapi(vendor: Callable[[httpx.Request], httpx.Response]) -> Aimlapi:
    return adapter_of(Aimlapi, vendor, base_url=BASE)


def row(name: object, status: object = "succeeded", **fields: Any) -> dict[str, Any]:
    """Return a row of the log, as the vendor's page about usage logs shows it."""
    return {
        "created": "2026-11-21T14:00:05.000Z",
        "status": status,
        "origin": "api",
        "model": "topaz-labs/sharpen-gen",
        "cost": {"usd": 0.105, "credits": 210_000},
        "tokens": {"input": 0, "output": 0, "total": 0},
        "request_id": None,
        "inference_id": "i-1",
        "client_request_id": name,
    } | fields


def page(rows: list[Any], more: object = False) -> httpx.Response:
    return answer({"data": rows, "pagination": {"limit": 100, "offset": 0, "total": 7, "has_more": more}})


def full(number: int = 0) -> list[dict[str, Any]]:
    """Return a full page of the log, whose rows belong to other calls than ours."""
    return [row(f"other-{number}-{place}") for place in range(module.PAGE_LIMIT)]


def found_by(*answers: httpx.Response) -> list[str]:
    return [process.process_id for process in aimlapi(Vendor(*answers)).find(HANDLE, SendMode.SYNCHRONOUS_LINK, SENT)]


# --- the request log -------------------------------------------------------------------------------------------


def test_the_log_is_asked_for_a_window_around_the_submit() -> None:
    """The window begins and ends ten minutes apart from our clock, because the vendor's clock may be wrong by as much."""
    vendor = Vendor(page([]))
    before = datetime.now(UTC)
    aimlapi(vendor).find(HANDLE, SendMode.SYNCHRONOUS_LINK, SENT)
    (request,) = vendor.requests
    query = dict(request.url.params)
    assert str(request.url).startswith(f"{BASE}/v2/logs?start=2026-11-21T13%3A50%3A00.000Z&end=")
    assert list(query) == ["start", "end", "limit", "offset"]
    assert (query["limit"], query["offset"], vendor.bodies) == ("100", "0", [b""])
    assert query["end"].endswith("Z")
    ahead = datetime.fromisoformat(query["end"]) - before
    assert timedelta(seconds=599) < ahead < timedelta(minutes=11)


def test_one_process_is_looked_for_a_week_back() -> None:
    vendor = Vendor(page([row(str(HANDLE))]))
    aimlapi(vendor).progress(str(HANDLE))
    start = datetime.fromisoformat(vendor.requests[0].url.params["start"])
    assert abs(datetime.now(UTC) - timedelta(days=7) - start) < timedelta(minutes=1)


def test_times_are_in_utc_whatever_zone_the_vendor_uses() -> None:
    vendor = Vendor(page([]))
    aimlapi(vendor).find(HANDLE, SendMode.SYNCHRONOUS_LINK, datetime.fromisoformat("2026-11-21T16:00:00.250+02:00"))
    assert vendor.requests[0].url.params["start"] == "2026-11-21T13:50:00.250Z"


def test_every_page_is_asked_for_in_the_same_window() -> None:
    vendor = Vendor(page(full(1), True), page(full(2), True), page([row(str(HANDLE))], False))
    (found,) = aimlapi(vendor).find(HANDLE, SendMode.SYNCHRONOUS_LINK, SENT)
    assert found.process_id == str(HANDLE)
    assert [request.url.params["offset"] for request in vendor.requests] == ["0", "100", "200"]
    assert len({(r.url.params["start"], r.url.params["end"], r.url.params["limit"]) for r in vendor.requests}) == 1


def test_a_short_page_that_promises_more_is_not_the_end() -> None:
    assert found_by(page([], True), page([row("x")], True), page([row(str(HANDLE))])) == [str(HANDLE)]


@each_row("pages", [None, [], "text", 7, {}, {"total": 101}, {"has_more": None}])
def test_a_log_that_does_not_say_whether_it_goes_on_ends_with_an_empty_page(pages: Any) -> None:
    """A short page does not prove the end, because the vendor may return fewer rows than were requested."""
    short = answer({"data": [row("other-1"), row("other-2")], "pagination": pages})
    vendor = Vendor(short, *(answer({"data": rows, "pagination": pages}) for rows in ([row(str(HANDLE))], [])))
    (found,) = aimlapi(vendor).find(HANDLE, SendMode.SYNCHRONOUS_LINK, SENT)
    assert found.process_id == str(HANDLE)
    assert [request.url.params["offset"] for request in vendor.requests] == ["0", "2", "3"]


def test_pages_shorter_than_asked_for_leave_no_row_out() -> None:
    vendor = Vendor(page([row("other-1")], True), page([row("other-2"), row("other-3")], True), page([], False))
    aimlapi(vendor).find(HANDLE, SendMode.SYNCHRONOUS_LINK, SENT)
    assert [request.url.params["offset"] for request in vendor.requests] == ["0", "1", "3"]


def test_a_full_page_that_says_it_is_the_last_is_the_last() -> None:
    vendor = Vendor(page(full(), False))
    assert aimlapi(vendor).find(HANDLE, SendMode.SYNCHRONOUS_LINK, SENT) == ()
    assert len(vendor.requests) == 1


def test_a_log_without_end_is_given_up() -> None:
    vendor = Vendor(page(full(), True))
    with pytest.raises(ProviderUnavailable, match="does not end"):
        aimlapi(vendor).find(HANDLE, SendMode.SYNCHRONOUS_LINK, SENT)
    assert len(vendor.requests) == module.MAX_PAGES


def test_a_page_that_fails_makes_the_whole_log_unknown() -> None:
    with pytest.raises(ProviderUnavailable):
        found_by(page([row(str(HANDLE))], True), answer({"message": "Bad Gateway"}, 502))


def test_the_search_for_one_process_ends_where_it_stands() -> None:
    vendor = Vendor(page(full(), True), page([row(str(HANDLE))], True))
    assert aimlapi(vendor).progress(str(HANDLE)).state is ProcessState.EXPIRED
    assert len(vendor.requests) == 2


def test_a_row_is_read_whole() -> None:
    expected = FoundProcess(
        str(HANDLE),
        str(HANDLE),
        ProcessState.EXPIRED,
        None,
        datetime(2026, 11, 21, 14, 0, 5, tzinfo=UTC),
        Decimal(210_000),
    )
    assert aimlapi(Vendor(page([row(str(HANDLE))]))).find(HANDLE, SendMode.SYNCHRONOUS_LINK, SENT) == (expected,)


def test_requests_of_the_run_come_oldest_first_and_each_once() -> None:
    ours = [row(f"{HANDLE.prefix}{attempt}") for attempt in (3, 2, 1)]
    assert found_by(page([*ours, row("x")], True), page(ours[1:])) == [f"{HANDLE.prefix}{n}" for n in (1, 2, 3)]


def test_refused_attempts_are_among_them_as_failed_and_cost_nothing() -> None:
    nothing = {"usd": 0, "credits": 0}
    rows = [row(f"{HANDLE.prefix}3"), row(f"{HANDLE.prefix}1", "failed", cost=nothing)]
    found = aimlapi(Vendor(page(rows))).find(HANDLE, SendMode.SYNCHRONOUS_LINK, SENT)
    assert [(process.process_id[-1], process.state, process.credits) for process in found] == [
        ("1", ProcessState.FAILED, 0),
        ("3", ProcessState.EXPIRED, 210_000),
    ]


@each_row("refused_first", [True, False])
def test_a_refused_call_never_hides_the_one_of_the_same_name_that_was_taken(refused_first: bool) -> None:
    """The log has both calls after a 401. The key is then read again, and the call is repeated under the same name."""
    rows = [row(str(HANDLE)), row(str(HANDLE), "failed", cost={"usd": 0, "credits": 0})]
    vendor = Vendor(page(rows if refused_first else rows[::-1]))
    (found,) = aimlapi(vendor).find(HANDLE, SendMode.SYNCHRONOUS_LINK, SENT)
    assert (found.state, found.credits) == (ProcessState.EXPIRED, 210_000)
    progress = aimlapi(vendor).progress(str(HANDLE))
    assert (progress.state, progress.credits) == (ProcessState.EXPIRED, 210_000)


OTHERS = [None, "", 7, True, [], {}, "cat", f"{HANDLE.job_id}-22-1", f"x{HANDLE}", HANDLE.job_id, [str(HANDLE)]]


@each_row("name", OTHERS)
def test_what_does_not_begin_with_our_handle_is_not_ours(name: object) -> None:
    assert found_by(page([row(name)])) == []


@each_row("name", [*OTHERS, f"{HANDLE}0", f"{HANDLE.prefix}4"])
def test_what_the_log_does_not_show_is_unknown(name: object) -> None:
    with pytest.raises(ProcessUnknown):
        aimlapi(Vendor(page([row(name)]))).progress(str(HANDLE))


@each_row(
    ("word", "state"),
    [("succeeded", ProcessState.EXPIRED), ("failed", ProcessState.FAILED), ("running", ProcessState.RUNNING),
     ("Succeeded", ProcessState.RUNNING), ("", ProcessState.RUNNING), (None, ProcessState.RUNNING),
     (["failed"], ProcessState.RUNNING), ({}, ProcessState.RUNNING), ("x" * 5_000, ProcessState.RUNNING)],
)  # fmt: skip
def test_each_status_word_has_its_meaning(word: object, state: ProcessState) -> None:
    vendor = Vendor(page([row(str(HANDLE), word)]))
    (found,) = aimlapi(vendor).find(HANDLE, SendMode.SYNCHRONOUS_LINK, SENT)
    assert found.state is state
    assert aimlapi(vendor).progress(str(HANDLE)) == Progress(
        state, credits=Decimal(210_000), vendor_word=str(word)[:40]
    )


@each_row("wrong", WRONG)
def test_a_cost_or_a_time_that_is_none_never_reaches_the_ledger(wrong: Any) -> None:
    fields = {"cost": wrong, "created": wrong}
    (found,) = aimlapi(Vendor(page([row(str(HANDLE), **fields)]))).find(HANDLE, SendMode.SYNCHRONOUS_LINK, SENT)
    assert (found.credits, found.created_at) == (None, None)
    credits = aimlapi(Vendor(page([row(str(HANDLE), cost={"credits": wrong})]))).progress(str(HANDLE)).credits
    assert credits == (Decimal(str(wrong)) if wrong in (7, 0.5) and wrong is not True else None)
    dollars = aimlapi(Vendor(page([row(str(HANDLE), cost={"usd": wrong})]))).progress(str(HANDLE)).credits
    assert dollars == (Decimal(str(wrong)) * 2_000_000 if wrong in (7, 0.5) and wrong is not True else None)


@each_row("rows", [value for value in WRONG if value != []])
def test_a_log_of_an_unknown_shape_proves_nothing(rows: Any) -> None:
    with pytest.raises(ProviderUnavailable):
        found_by(answer({"data": rows, "pagination": {"has_more": False}}))
    with pytest.raises(ProviderUnavailable):
        found_by(page([row("x")], True), answer({"rows": rows}))


@each_row("process_id", ["", "a/b", "../logs", "a b", "é", "a\n", "?x", "#", "%2e", "x" * 129])
@each_row("call", [Aimlapi.progress, Aimlapi.cancel, lambda a, name: a.result(name).__enter__()])
def test_an_invalid_client_request_id_is_never_asked_for(call: Callable[..., Any], process_id: str) -> None:
    vendor = refusing()
    with pytest.raises(ProcessUnknown):
        call(aimlapi(vendor), process_id)
    assert vendor.requests == []


# --- the account ------------------------------------------------------------------------------------------------


def test_the_balance_is_in_dollars_and_told_in_credits() -> None:
    vendor = Vendor(answer({"current_balance": 4.2, "currency": "USD"}))
    assert aimlapi(vendor).balance() == Balance(Decimal(8_400_000), Decimal(0), Decimal(8_400_000))
    assert (str(vendor.requests[0].url), vendor.bodies) == (f"{BASE}/v2/billing", [b""])


@each_row("value", [value for value in WRONG if value not in (7, 0.5)])
def test_a_balance_that_is_no_number_is_no_answer(value: Any) -> None:
    with pytest.raises(ProviderUnavailable):
        aimlapi(Vendor(answer({"current_balance": value}))).balance()


@EACH_READ
@each_row(("name", "content"), NO_OBJECTS, ids=[name for name, _ in NO_OBJECTS])
def test_a_read_that_is_no_object_is_no_answer(call: Callable[[Aimlapi], object], name: str, content: bytes) -> None:
    with pytest.raises(ProviderUnavailable) as caught:
        call(aimlapi(Vendor(raw(content))))
    assert caught.value.__cause__ is None


@EACH_READ
def test_a_404_means_a_wrong_base_url_and_no_unknown_process(call: Callable[[Aimlapi], object]) -> None:
    with pytest.raises(ProviderUnavailable, match="check the base URL of aimlapi"):
        call(aimlapi(refusing(404)))


def test_there_is_nothing_to_fetch_to_cancel_or_to_forget_afterwards() -> None:
    row = {"client_request_id": str(HANDLE), "status": "succeeded"}
    vendor = Vendor(answer({"data": [row], "pagination": {"has_more": False}}))
    with pytest.raises(ResultNotReady):
        aimlapi(vendor).result(str(HANDLE)).__enter__()
    assert aimlapi(vendor).cancel(str(HANDLE)) is False
    aimlapi(vendor).forget(str(HANDLE))
    estimate = aimlapi(vendor).estimate(planned("aimlapi"), 640, 480)
    assert estimate.credits == Decimal(210_000)
    assert {request.method for request in vendor.requests} == {"GET"}
    assert len(vendor.requests) == 2
