"""Tests the injected faults of the Topaz simulator as a client sees them."""

from __future__ import annotations

import time

import httpx
import pytest
from tests.simulators.client import content, until
from tests.simulators.picture_server import opened
from tests.simulators.topaz.support import balance, finished, link, picture, result_of, submit, submitted

from darkroom_local.simulators.topaz import TopazSimulator


def test_overload_answers_rotate_through_the_four_seen_shapes(sim: TopazSimulator, http: httpx.Client) -> None:
    sim.faults.add("throttle", times=4, on="list")
    bodies = [http.get("/status").json() for _ in range(4)]
    assert [set(body) for body in bodies] == [
        {"code", "message"},
        {"detail"},
        {"detail"},
        {"error"},
    ]
    assert isinstance(bodies[1]["detail"], str)
    assert set(bodies[2]["detail"][0]) == {"msg"}


def test_an_early_eta_passes_while_the_job_still_runs(sim: TopazSimulator, http: httpx.Client) -> None:
    sim.faults.add("eta_early", late_seconds=60)
    sim.faults.add("eta_early", late_seconds=0.1)
    answer, soon = submit(http).json(), submitted(http)
    assert answer["eta"] <= time.time() + 1
    time.sleep(max(0.0, answer["eta"] - time.time()) + 0.05)
    assert finished(http, soon)["status"] == "Completed"
    status = http.get(f"/status/{answer['process_id']}").json()
    assert status["status"] in {"Pending", "Processing"}
    assert status["eta"] == answer["eta"]


def test_a_job_may_end_long_before_its_eta(sim: TopazSimulator, http: httpx.Client) -> None:
    sim.faults.add("eta_late", seconds=600)
    answer = submit(http).json()
    status = finished(http, answer["process_id"])
    assert status["status"] == "Completed"
    assert status["eta"] == answer["eta"] >= status["modification_time"] + 600


@pytest.mark.parametrize(("kind", "word"), [("failed_job", "Failed"), ("cancelled_job", "Cancelled")])
def test_a_job_can_end_badly_and_is_refunded(sim: TopazSimulator, http: httpx.Client, kind: str, word: str) -> None:
    sim.faults.add(kind)
    process_id = submitted(http)
    assert finished(http, process_id)["status"] == word
    assert http.get(f"/download/{process_id}").status_code == 409
    assert balance(sim)["available_credits"] == 10_000


def test_status_can_lie_about_the_size_once_or_for_a_jobs_life(sim: TopazSimulator, http: httpx.Client) -> None:
    sim.faults.add("wrong_size", on="submit")
    liar = submitted(http)
    status = finished(http, liar)
    image = opened(result_of(http, liar))
    assert (status["output_width"], status["output_height"]) != image.size == (60, 40)
    honest = submitted(http)
    finished(http, honest)
    sim.faults.add("wrong_size", on="status")
    widths = [http.get(f"/status/{honest}").json()["output_width"] for _ in range(2)]
    assert widths == [76, 60]


def test_an_unknown_status_word_can_show_up_once_or_while_running(sim: TopazSimulator, http: httpx.Client) -> None:
    sim.faults.add("unknown_status", times=2, on="submit")
    sim.faults.add("eta_early", late_seconds=60)
    stuck, process_id = submitted(http), submitted(http)
    assert finished(http, process_id)["status"] == "Completed"
    assert http.get(f"/status/{stuck}").json()["status"] == "Queued2"
    assert [entry["status"] for entry in http.get("/status").json()] == ["Completed", "Queued2"]
    sim.faults.add("unknown_status")
    assert http.get(f"/status/{process_id}").json()["status"] == "Queued2"
    assert http.get(f"/status/{process_id}").json()["status"] == "Completed"


def test_a_size_that_is_not_asked_for_may_be_larger_and_dearer(sim: TopazSimulator, http: httpx.Client) -> None:
    sim.faults.add("own_size", times=3)
    left_open = finished(http, submitted(http, data=picture(1500, 1000)))
    assert (left_open["output_width"], left_open["output_height"], left_open["credits"]) == (6000, 4000, 1)
    asked_for = finished(http, submitted(http, output_width=60))
    assert (asked_for["output_width"], asked_for["output_height"]) == (60, 40)
    never = finished(http, submitted(http, path="/sharpen/async"))
    assert (never["output_width"], never["output_height"]) == (60, 40)


def test_a_synchronous_call_may_end_with_no_picture(sim: TopazSimulator, http: httpx.Client) -> None:
    sim.faults.add("no_picture")
    answer = submit(http, path="/enhance")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert opened(result_of(http, answer.headers["X-Process-Id"])).size == (60, 40)


def test_the_synchronous_endpoint_can_be_missing_while_the_other_exists(
    sim: TopazSimulator, http: httpx.Client
) -> None:
    sim.faults.add("no_synchronous", times=None)
    assert submit(http, path="/enhance").status_code == 404
    assert sim.submits == []
    assert submit(http).status_code == 200


def test_a_result_can_remain_after_its_entry_is_deleted(sim: TopazSimulator, http: httpx.Client) -> None:
    kept, gone = submitted(http), submitted(http)
    for process_id in (kept, gone):
        finished(http, process_id)
    sim.faults.add("kept_result")
    for process_id in (kept, gone):
        assert http.delete(f"/status/{process_id}").status_code == 204
        assert http.get(f"/status/{process_id}").status_code == 404
    assert http.get(f"/download/{gone}").status_code == 404
    assert opened(content(link(http, kept))).size == (60, 40)


def test_the_list_can_lag_and_can_come_in_the_other_shape(sim: TopazSimulator, http: httpx.Client) -> None:
    sim.faults.add("list_lag", seconds=60)
    sim.faults.add("list_shape", times=2)
    process_id = submitted(http)
    assert http.get("/status").json()["data"] == []
    assert http.get("/status?paginated=true").json() == []
    assert http.get(f"/status/{process_id}").status_code == 200
    sim.faults.add("list_lag", seconds=0.2)
    soon = submitted(http)
    listed = until(lambda: http.get("/status").json(), len)
    assert [entry["process_id"] for entry in listed] == [soon]
