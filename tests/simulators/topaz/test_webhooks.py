"""Tests the webhooks of the Topaz simulator: which callbacks come, what is in them, and which of them come again."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx
import pytest
from tests.simulators.client import BARE, content, until
from tests.simulators.topaz.support import finished, picture, running, submit, submitted
from tests.simulators.webhook_receiver import WebhookReceiver, receive_webhooks

from darkroom_local.simulators.topaz import TopazSimulator
from darkroom_local.simulators.topaz.webhooks import new_ulid_number, ulid_text

CALLBACKS = ["Pending", "Processing", "Completed"]
FAST = 100.0  # the speed of the simulated time, with which five seconds between two attempts become 50 ms
ULID = re.compile("[0-7][0-9A-HJKMNP-TV-Z]{25}")


@pytest.fixture(scope="module")
def session_receiver() -> Iterator[WebhookReceiver]:
    with receive_webhooks() as made:
        yield made


@pytest.fixture
def receiver(session_receiver: WebhookReceiver) -> WebhookReceiver:
    for seen in (session_receiver.answers, session_receiver.paths, session_receiver.headers, session_receiver.bodies):
        seen.clear()  # type: ignore[attr-defined]
    return session_receiver


@pytest.fixture
def fast() -> Iterator[tuple[TopazSimulator, httpx.Client]]:
    with running(speed=FAST) as pair:
        yield pair


def arrived(receiver: WebhookReceiver, number: int) -> list[dict[str, Any]]:
    """Wait until this many callbacks have come, and return all of them in the order of their ids."""
    return until(receiver.in_order, lambda bodies: len(bodies) >= number)


def words(receiver: WebhookReceiver, number: int) -> list[str]:
    return [body["status"] for body in arrived(receiver, number)]


def settled(sim: TopazSimulator, number: int) -> list[dict[str, Any]]:
    """Wait until this many attempts have their answer, and return all attempts."""
    return until(
        lambda: sim.callbacks, lambda tries: sum(one["answer"] is not None for one in tries) >= number == len(tries)
    )


def test_each_change_of_the_status_is_told_with_the_published_fields(
    sim: TopazSimulator, http: httpx.Client, receiver: WebhookReceiver
) -> None:
    process_id = submitted(http, webhook_url=receiver.url("/hook/a%2Fb?x=1"))
    status = finished(http, process_id)
    bodies = arrived(receiver, 3)
    assert [body["status"] for body in bodies] == CALLBACKS
    assert set(receiver.paths) == {"/hook/a%2Fb?x=1"}
    assert all(headers["Content-Type"] == "application/json" for headers in receiver.headers)
    told = {
        "notification_id", "process_id", "status", "creation_time", "modification_time", "progress",
        "input_download_url", "input_head_url",
    }  # fmt: skip
    assert [set(body) for body in bodies] == [told, told, told | {"download_url", "head_url"}]
    last = bodies[-1]
    assert {name: last[name] for name in ("process_id", "creation_time", "modification_time", "progress")} == {
        name: status[name] for name in ("process_id", "creation_time", "modification_time", "progress")
    }
    assert last["process_id"] == process_id
    assert last["progress"] == 100


def test_the_links_in_a_callback_work_at_once_and_without_a_key(
    sim: TopazSimulator, http: httpx.Client, receiver: WebhookReceiver
) -> None:
    submitted(http, webhook_url=receiver.url())
    last = arrived(receiver, 3)[-1]
    assert content(last["input_download_url"]) == picture()
    head = BARE.head(last["head_url"])
    assert int(head.headers["content-length"]) == len(content(last["download_url"]))


def test_a_callback_carries_no_key_and_its_id_orders_it(
    sim: TopazSimulator, http: httpx.Client, receiver: WebhookReceiver
) -> None:
    submitted(http, webhook_url=receiver.url())
    bodies = arrived(receiver, 3)
    assert all(ULID.fullmatch(body["notification_id"]) for body in bodies)
    assert [body["status"] for body in bodies] == CALLBACKS
    assert not any({"x-api-key", "authorization"} & {name.lower() for name in headers} for headers in receiver.headers)


def test_an_id_of_a_known_time_begins_as_the_specification_says() -> None:
    assert ulid_text(new_ulid_number(1_469_918_176.385)).startswith("01ARYZ6S41")


@pytest.mark.parametrize("kind", ["failed_job", "cancelled_job"])
def test_a_bad_end_is_told_too(sim: TopazSimulator, http: httpx.Client, receiver: WebhookReceiver, kind: str) -> None:
    sim.faults.add(kind)
    submitted(http, webhook_url=receiver.url())
    last = arrived(receiver, 3)[-1]
    assert last["status"] == ("Failed" if kind == "failed_job" else "Cancelled")
    assert "download_url" not in last


def test_a_cancellation_by_the_client_is_told(
    sim: TopazSimulator, http: httpx.Client, receiver: WebhookReceiver
) -> None:
    sim.faults.add("eta_early", late_seconds=60)
    process_id = submitted(http, webhook_url=receiver.url())
    assert http.delete(f"/cancel/{process_id}").status_code == 204
    assert words(receiver, 2) == ["Pending", "Cancelled"]


def test_a_request_without_an_address_and_a_synchronous_one_are_told_to_nobody(
    sim: TopazSimulator, http: httpx.Client, receiver: WebhookReceiver
) -> None:
    finished(http, submitted(http))
    assert submit(http, path="/enhance", webhook_url=receiver.url()).status_code == 200
    assert sim.callbacks == receiver.bodies == []


def test_a_server_error_brings_the_same_callback_again(
    fast: tuple[TopazSimulator, httpx.Client], receiver: WebhookReceiver
) -> None:
    sim, http = fast
    receiver.answers += [503, 500]
    submitted(http, webhook_url=receiver.url())
    attempts = settled(sim, 5)
    assert len({body["notification_id"] for body in arrived(receiver, 5)}) == 3
    assert sorted(one["answer"] for one in attempts) == [200, 200, 200, 500, 503]


def test_the_waits_between_attempts_double(
    fast: tuple[TopazSimulator, httpx.Client], receiver: WebhookReceiver
) -> None:
    sim, http = fast
    sim.faults.add("callbacks_reversed")  # then one callback is sent after the other
    receiver.answers += [500] * 3
    submitted(http, webhook_url=receiver.url())
    times = [one["time"] for one in settled(sim, 6) if one["status"] == "Completed"]
    assert len(times) == 4
    assert all(later - earlier >= 5 * 2**n / FAST for n, (earlier, later) in enumerate(pairwise(times)))


def test_a_client_error_or_a_redirect_drops_a_callback_for_good(
    fast: tuple[TopazSimulator, httpx.Client], receiver: WebhookReceiver
) -> None:
    sim, http = fast
    receiver.answers += [404, 429, 307]
    finished(http, submitted(http, webhook_url=receiver.url()))
    assert sorted(one["answer"] for one in settled(sim, 3)) == [307, 404, 429]
    assert receiver.paths == ["/hook"] * 3


def test_an_address_where_nobody_answers_is_tried_for_a_while_and_the_job_ends_well() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/hook"
    with running(speed=10_000.0) as (sim, http):
        assert finished(http, submitted(http, webhook_url=url))["status"] == "Completed"
        attempts = until(lambda: sim.callbacks, lambda tries: len(tries) == 24)
        assert {one["attempt"] for one in attempts} == set(range(1, 9))
        assert {one["answer"] for one in attempts} == {None}


@pytest.mark.parametrize("address", ["no url at all", "ftp://127.0.0.1/hook", "http://[/"])
def test_an_address_that_is_none_harms_nothing(fast: tuple[TopazSimulator, httpx.Client], address: str) -> None:
    _, http = fast
    assert finished(http, submitted(http, webhook_url=address))["status"] == "Completed"


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("callbacks_lost", []),
        ("callbacks_twice", sorted(CALLBACKS * 2)),
        ("callbacks_reversed", CALLBACKS[::-1]),
        ("callbacks_early", ["Completed"] * 3),
    ],
)
def test_callbacks_misbehave_on_request(
    sim: TopazSimulator, http: httpx.Client, receiver: WebhookReceiver, kind: str, told: list[str]
) -> None:
    sim.faults.add(kind)
    finished(http, submitted(http, webhook_url=receiver.url()))
    arrived(receiver, len(told))
    seen = receiver.statuses()
    assert (sorted(seen) if kind == "callbacks_twice" else seen) == told
    assert len({body["notification_id"] for body in receiver.bodies}) == len(set(CALLBACKS)) * bool(told)


def test_callbacks_can_come_late(sim: TopazSimulator, http: httpx.Client, receiver: WebhookReceiver) -> None:
    sim.faults.add("callbacks_late", seconds=0.3)
    process_id = submitted(http, webhook_url=receiver.url())
    ended = finished(http, process_id)
    arrived(receiver, 3)
    assert min(one["time"] for one in sim.callbacks) >= ended["creation_time"] + 0.3
