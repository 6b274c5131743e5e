"""The misbehaviours of the AI/ML API simulator, each as it reaches a client; and its control endpoints."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import httpx
import pytest
from tests.simulators.aimlapi.support import (
    BARE,
    BEARER,
    GENERATIONS,
    PRICE,
    PURSE,
    SUPER,
    generate,
    link,
    log,
    logged,
    result_of,
    running,
)
from tests.simulators.gallery import Gallery, opened

from darkroom_local.simulators.aimlapi import KINDS, AimlapiSimulator, parse_fault

LOGS = "/v2/logs?period=1h"
COST = ("x-aimlapi-credits-used", "x-aimlapi-usd-spent")


@pytest.mark.parametrize(
    ("kind", "status"),
    [("throttle", 429), ("error_before", 500), ("auth", 401), ("forbidden", 403), ("no_funds", 403), ("moved", 301)],
)
@pytest.mark.parametrize("on", ["submit", "list", "account"])
def test_refusing_faults_count_down_and_leave_nothing_accepted(
    sim: AimlapiSimulator, http: httpx.Client, gallery: Gallery, kind: str, status: int, on: str
) -> None:
    def call() -> int:
        if on == "submit":
            return generate(http, gallery.url()).status_code
        return http.get(LOGS if on == "list" else "/v2/billing").status_code

    sim.faults.add(kind, times=2, on=on)
    assert [call(), call(), call()] == [status, status, 200]
    assert len(sim.submits) == (1 if on == "submit" else 0)
    assert sim.requests[0]["faults"] == [kind]


@pytest.mark.parametrize(("kind", "accepted"), [("reset_before", 0), ("lost_answer", 1)])
def test_a_cut_connection_gives_no_answer(
    sim: AimlapiSimulator, http: httpx.Client, gallery: Gallery, kind: str, accepted: int
) -> None:
    sim.faults.add(kind)
    with pytest.raises(httpx.TransportError):
        generate(http, gallery.url(), "job-1")
    assert len(sim.submits) == accepted
    assert sim.account.consumed_credits == accepted * PRICE
    assert [row["client_request_id"] for row in logged(http, accepted)] == ["job-1"] * accepted


def test_a_caller_who_hangs_up_pays_for_a_picture_that_only_the_log_tells_of(
    sim: AimlapiSimulator, http: httpx.Client, gallery: Gallery
) -> None:
    sim.faults.add("late_job", seconds=0.6)
    with pytest.raises(httpx.ReadTimeout):
        http.post(
            GENERATIONS,
            json={**SUPER, "image_url": gallery.url()},
            headers={"X-Client-Request-Id": "job-1"},
            timeout=0.2,
        )
    assert sim.account.balance()["reserved_credits"] == PRICE
    assert log(http) == []
    (row,) = logged(http)
    assert (row["client_request_id"], row["status"], row["cost"]["credits"]) == ("job-1", "succeeded", PRICE)
    assert row["inference_id"] == sim.submits[0]["inference_id"]
    assert sim.account.consumed_credits == PRICE
    assert sim.requests[0]["aborted"] is True


def test_an_error_or_garbage_after_the_work_hides_a_paid_picture(
    sim: AimlapiSimulator, http: httpx.Client, gallery: Gallery
) -> None:
    sim.faults.add("error_after", status=502)
    sim.faults.add("garbage")
    assert generate(http, gallery.url(), "one").json()["message"] == "Bad Gateway"
    answer = generate(http, gallery.url(), "two")
    assert answer.status_code == 200
    with pytest.raises(ValueError, match="Expecting"):
        answer.json()
    assert sim.account.consumed_credits == 2 * PRICE
    assert [row["client_request_id"] for row in logged(http, 2)] == ["two", "one"]


def test_a_delayed_answer_belongs_to_a_paid_picture(
    sim: AimlapiSimulator, http: httpx.Client, gallery: Gallery
) -> None:
    sim.faults.add("delay", seconds=0.6)
    with pytest.raises(httpx.ReadTimeout):
        http.post(GENERATIONS, json={**SUPER, "image_url": gallery.url()}, timeout=0.3)
    assert sim.account.consumed_credits == PRICE


def test_a_fault_can_single_out_one_input_by_its_address(
    sim: AimlapiSimulator, http: httpx.Client, gallery: Gallery
) -> None:
    sim.faults.add("throttle", match="mark=dog")
    assert generate(http, gallery.url("/cat.png?mark=cat")).status_code == 200
    assert generate(http, gallery.url("/cat.png?mark=dog")).status_code == 429


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
    sim: AimlapiSimulator, http: httpx.Client, gallery: Gallery, rule: str, status: int, message: str
) -> None:
    sim.faults.put(parse_fault(rule))
    answer = generate(http, gallery.url(), "job-1")
    assert (answer.status_code, answer.json()["message"]) == (status, message)
    assert answer.headers["x-client-request-id"] == "job-1"
    assert gallery.asked == ["/cat.png"]  # it was tried
    assert (sim.account.available_credits, sim.account.consumed_credits) == (PURSE, 0)
    (row,) = logged(http)
    assert (row["status"], row["inference_id"]) == ("failed", answer.headers["x-inference-id"])


def test_a_call_can_be_a_long_one(sim: AimlapiSimulator, http: httpx.Client, gallery: Gallery) -> None:
    sim.faults.add("late_job", seconds=0.5)
    start = time.time()
    assert generate(http, gallery.url()).status_code == 200
    assert 0.5 < time.time() - start < 2


def test_an_input_fetched_late_may_be_gone_by_then(sim: AimlapiSimulator, http: httpx.Client, gallery: Gallery) -> None:
    sim.faults.add("fetch_late", seconds=0.3)
    threading.Timer(0.15, gallery.pictures.clear).start()
    assert generate(http, gallery.url()).status_code == 400
    assert gallery.asked == ["/cat.png"]


def test_the_log_can_lag(sim: AimlapiSimulator, http: httpx.Client, gallery: Gallery) -> None:
    sim.faults.add("list_lag", seconds=0.5)
    assert generate(http, gallery.url(), "late").status_code == 200
    assert generate(http, gallery.url(), "soon").status_code == 200
    assert [row["client_request_id"] for row in logged(http)] == ["soon"]
    assert [row["client_request_id"] for row in logged(http, 2)] == ["soon", "late"]


def test_the_picture_can_have_the_wrong_size(sim: AimlapiSimulator, http: httpx.Client, gallery: Gallery) -> None:
    sim.faults.add("wrong_size")
    assert opened(result_of(generate(http, gallery.url()))).size == (46, 36)


def test_the_picture_can_come_inside_the_answer_once(
    sim: AimlapiSimulator, http: httpx.Client, gallery: Gallery
) -> None:
    sim.faults.add("b64")
    (entry,) = generate(http, gallery.url()).json()["data"]
    assert list(entry) == ["b64_json"]
    assert opened(base64.b64decode(entry["b64_json"])).size == (30, 20)
    assert opened(result_of(generate(http, gallery.url()))).size == (30, 20)


def test_a_paid_answer_can_come_without_a_picture_or_with_201(
    sim: AimlapiSimulator, http: httpx.Client, gallery: Gallery
) -> None:
    sim.faults.add("no_data")
    assert generate(http, gallery.url()).json() == {"data": None, "meta": {"usage": {"tokens_used": PRICE}}}
    assert sim.account.consumed_credits == PRICE
    sim.faults.add("created")
    answers = [generate(http, gallery.url()) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].json().keys() == answers[1].json().keys()


@pytest.mark.parametrize(
    ("kind", "meta", "headers"),
    [
        ("usage_tokens_only", {"usage": {"tokens_used": PRICE}}, False),
        ("usage_credits", {"usage": {"credits_used": PRICE, "usd_spent": 0.105}}, True),
        ("usage_headers_only", {"usage": None}, True),
        ("usage_nowhere", None, False),
    ],
)
def test_the_cost_can_be_told_in_other_ways_or_not_at_all(
    sim: AimlapiSimulator, http: httpx.Client, gallery: Gallery, kind: str, meta: object, headers: bool
) -> None:
    sim.faults.add(kind)
    answer = generate(http, gallery.url())
    assert answer.json().get("meta") == meta
    assert [name in answer.headers for name in COST] == [headers, headers]
    assert "x-inference-id" in answer.headers
    assert sim.account.consumed_credits == PRICE
    assert generate(http, gallery.url()).json()["meta"] == {"usage": {"tokens_used": PRICE}}


def test_results_can_be_cut_corrupt_expired_or_slow(
    sim: AimlapiSimulator, http: httpx.Client, gallery: Gallery
) -> None:
    answer = generate(http, gallery.url())
    whole, url = result_of(answer), link(answer)
    sim.faults.add("cut")
    sim.faults.add("expired")
    assert BARE.get(url).status_code == 403
    with pytest.raises(httpx.RemoteProtocolError):
        BARE.get(url)
    assert BARE.get(url).content == whole
    sim.faults.add("corrupt")
    assert BARE.get(url).content.startswith(b"This is not")
    sim.faults.add("slow", bytes_per_second=len(whole) * 2)
    start = time.time()
    assert BARE.get(url).content == whole
    assert 0.4 < time.time() - start < 1.5


@pytest.mark.parametrize("text", ["nonsense", "throttle:status", "cut:submit", "b64:list", "delay:submit:1:x=2"])
def test_a_mistaken_fault_is_refused_when_it_is_set(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_fault(text)


def test_another_process_can_read_the_journal_and_set_faults(
    sim: AimlapiSimulator, http: httpx.Client, gallery: Gallery
) -> None:
    with httpx.Client(base_url=sim.origin + "/_simulator", verify=False) as control:
        assert control.post("/faults", json={"kind": "error_before", "on": "list", "status": 502}).status_code == 201
        assert http.get(LOGS).status_code == 502
        assert set(control.get("/faults").json()["kinds"]) == set(KINDS)
        generate(http, gallery.url("/cat.png?mark=seen"))
        assert [entry["query"] for entry in control.get("/submits").json()] == [{"mark": "seen"}]
        assert [entry["status"] for entry in control.get("/requests").json()] == [502, 200]
        assert control.post("/account", json={"available_credits": 0}).status_code == 200
        assert generate(http, gallery.url()).status_code == 403


def test_a_simulator_ends_while_a_call_is_held(gallery: Gallery) -> None:
    with running(faults=["late_job:submit:1:seconds=60"]) as (sim, http):
        with pytest.raises(httpx.ReadTimeout):
            http.post(GENERATIONS, json={**SUPER, "image_url": gallery.url()}, timeout=0.2)
        start = time.time()
    assert time.time() - start < 3
    assert sim.account.consumed_credits == 0


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_serving_ends_cleanly_on_sigterm() -> None:
    code = textwrap.dedent("""
        from darkroom_local.simulators.aimlapi import serve
        serve(api_key="test-key-3", faults=["throttle:list"], on_ready=lambda u: print(u, flush=True))
        print("ended", flush=True)
    """)
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    assert child.stdout is not None
    url = child.stdout.readline().strip()
    assert BARE.get(url + LOGS, headers=BEARER).status_code == 429
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=10)
    assert (child.returncode, out, err) == (0, "ended\n", "")
