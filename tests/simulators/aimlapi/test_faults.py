"""Tests the injected faults of the AI/ML API simulator as a client sees them, and the endpoints that control it."""

from __future__ import annotations

import base64
import threading
import time

import httpx
import pytest
from tests.simulators.aimlapi.support import (
    GENERATIONS,
    PRICE,
    PURSE,
    SUPER,
    generate,
    log,
    logged,
    result_of,
    running,
)
from tests.simulators.client import hang_up
from tests.simulators.picture_server import PictureServer, opened

from darkroom_local.simulators.aimlapi import AimlapiSimulator, parse_fault

LOGS = "/v2/logs?period=1h"
COST = ("x-aimlapi-credits-used", "x-aimlapi-usd-spent")


def test_a_caller_who_hangs_up_pays_for_a_picture_that_only_the_log_shows(
    sim: AimlapiSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("late_job", seconds=2)
    body, headers = {**SUPER, "image_url": picture_server.url()}, {"X-Client-Request-Id": "job-1"}
    hang_up(http.build_request("POST", GENERATIONS, json=body, headers=headers), lambda: len(sim.submits) == 1)
    assert sim.account.balance()["reserved_credits"] == PRICE
    assert log(http) == []
    (row,) = logged(http)
    assert (row["client_request_id"], row["status"], row["cost"]["credits"]) == ("job-1", "succeeded", PRICE)
    assert row["inference_id"] == sim.submits[0]["inference_id"]
    assert sim.account.consumed_credits == PRICE
    assert sim.requests[0]["aborted"] is True


@pytest.mark.parametrize(
    ("rule", "status", "message"),
    [
        ("failed_job", 500, "Something wrong with the server. Please, try again later."),
        ("failed_job:submit:1:status=503", 503, "Service unavailable"),
        ("failed_job:submit:1:status=502", 502, "Bad Gateway"),
        ("generation_timeout", 504, "Generation timeout"),
    ],
)
def test_a_generation_can_fail_and_costs_nothing(
    sim: AimlapiSimulator, http: httpx.Client, picture_server: PictureServer, rule: str, status: int, message: str
) -> None:
    sim.faults.put(parse_fault(rule))
    answer = generate(http, picture_server.url(), "job-1")
    assert (answer.status_code, answer.json()["message"]) == (status, message)
    assert answer.headers["x-client-request-id"] == "job-1"
    assert picture_server.asked == ["/cat.png"]  # the simulator did fetch the picture
    assert (sim.account.available_credits, sim.account.consumed_credits) == (PURSE, 0)
    (row,) = logged(http)
    assert (row["status"], row["inference_id"]) == ("failed", answer.headers["x-inference-id"])


def test_a_call_can_take_long(sim: AimlapiSimulator, http: httpx.Client, picture_server: PictureServer) -> None:
    sim.faults.add("late_job", seconds=0.5)
    start = time.time()
    assert generate(http, picture_server.url()).status_code == 200
    assert time.time() - start >= 0.5


def test_an_input_fetched_late_may_be_gone_by_then(
    sim: AimlapiSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("fetch_late", seconds=1.5)
    threading.Timer(0.15, picture_server.pictures.clear).start()
    assert generate(http, picture_server.url()).status_code == 400
    assert picture_server.asked == ["/cat.png"]


def test_the_log_can_lag(sim: AimlapiSimulator, http: httpx.Client, picture_server: PictureServer) -> None:
    sim.faults.add("list_lag", seconds=600)
    sim.faults.add("list_lag", seconds=0.2)
    for name in ("hidden", "late", "soon"):
        assert generate(http, picture_server.url(), name).status_code == 200
    assert [row["client_request_id"] for row in logged(http, 2)] == ["soon", "late"]


def test_the_picture_can_have_the_wrong_size(
    sim: AimlapiSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("wrong_size")
    assert opened(result_of(generate(http, picture_server.url()))).size == (46, 36)


def test_the_picture_can_come_inside_the_answer_once(
    sim: AimlapiSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("b64")
    (entry,) = generate(http, picture_server.url()).json()["data"]
    assert list(entry) == ["b64_json"]
    assert opened(base64.b64decode(entry["b64_json"])).size == (30, 20)
    assert opened(result_of(generate(http, picture_server.url()))).size == (30, 20)


def test_a_paid_answer_can_come_without_a_picture_or_with_201(
    sim: AimlapiSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("no_data")
    assert generate(http, picture_server.url()).json() == {"data": None, "meta": {"usage": {"tokens_used": PRICE}}}
    assert sim.account.consumed_credits == PRICE
    sim.faults.add("created")
    answers = [generate(http, picture_server.url()) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json().keys() == answers[1].json().keys()


@pytest.mark.parametrize(
    ("kind", "meta", "headers"),
    [
        ("usage_tokens_only", {"usage": {"tokens_used": PRICE}}, False),
        ("usage_credits", {"usage": {"credits_used": PRICE, "usd_spent": 0.105}}, True),
        ("usage_headers_only", {"usage": None}, True),
        ("usage_texts", {"usage": {"credits_used": str(PRICE), "usd_spent": "0.105"}}, False),
        ("usage_usd_only", {"usage": {"usd_spent": 0.105}}, False),
        ("usage_nowhere", None, False),
    ],
)
def test_the_cost_can_have_other_forms_or_be_missing(
    sim: AimlapiSimulator, http: httpx.Client, picture_server: PictureServer, kind: str, meta: object, headers: bool
) -> None:
    sim.faults.add(kind)
    answer = generate(http, picture_server.url())
    assert answer.json().get("meta") == meta
    assert [name in answer.headers for name in COST] == [headers, headers]
    assert "x-inference-id" in answer.headers
    assert sim.account.consumed_credits == PRICE
    assert generate(http, picture_server.url()).json()["meta"] == {"usage": {"tokens_used": PRICE}}


def test_the_cost_can_be_in_the_header_in_dollars_alone(
    sim: AimlapiSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("usage_usd_header")
    answer = generate(http, picture_server.url())
    assert answer.json()["meta"] == {"usage": None}
    assert [answer.headers.get(name) for name in COST] == [None, "0.105000000"]


def test_a_simulator_ends_while_a_call_is_synchronous(picture_server: PictureServer) -> None:
    with running(faults=["late_job:submit:1:seconds=60"]) as (sim, http):
        body = {**SUPER, "image_url": picture_server.url()}
        hang_up(http.build_request("POST", GENERATIONS, json=body), lambda: len(sim.submits) == 1)
        start = time.time()
    assert time.time() - start < 30
    assert sim.account.consumed_credits == 0
