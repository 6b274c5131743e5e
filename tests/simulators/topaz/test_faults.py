"""The misbehaviours of the Topaz simulator, each as it reaches a client."""

from __future__ import annotations

import time

import httpx
import pytest
from tests.simulators.topaz.support import (
    BARE,
    balance,
    finished,
    link,
    opened,
    picture,
    result_of,
    submit,
    submitted,
)

from darkroom_local.simulators.topaz import TopazSimulator, parse_fault


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("throttle", 429),
        ("error_before", 500),
        ("auth", 401),
        ("forbidden", 403),
        ("no_funds", 402),
        ("no_subscription", 412),
        ("topping_up", 425),
        ("moved", 301),
    ],
)
@pytest.mark.parametrize("on", ["submit", "list", "account"])
def test_refusing_faults_count_down_and_leave_nothing_accepted(
    sim: TopazSimulator, http: httpx.Client, kind: str, status: int, on: str
) -> None:
    def call() -> int:
        if on == "submit":
            return submit(http).status_code
        path = "/status" if on == "list" else "/account/v1/credits/balance"
        base = sim.base_url if on == "list" else sim.origin
        return http.get(base + path).status_code

    sim.faults.add(kind, times=2, on=on)
    assert [call(), call(), call()] == [status, status, 200]
    assert len(sim.submits) == (1 if on == "submit" else 0)
    assert sim.requests[0]["faults"] == [kind]


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


def test_the_status_of_a_server_error_can_be_chosen(sim: TopazSimulator, http: httpx.Client) -> None:
    sim.faults.add("error_before", on="list", status=503)
    sim.faults.add("error_after", on="list", status=502)
    assert [http.get("/status").status_code for _ in range(3)] == [503, 502, 200]


@pytest.mark.parametrize(("kind", "accepted"), [("reset_before", 0), ("lost_answer", 1)])
def test_a_cut_connection_gives_no_answer(sim: TopazSimulator, http: httpx.Client, kind: str, accepted: int) -> None:
    sim.faults.add(kind)
    with pytest.raises(httpx.TransportError):
        submit(http)
    assert len(sim.submits) == len(http.get("/status").json()) == accepted
    assert sim.requests[0]["aborted"] is True
    assert sim.requests[0]["status"] is None


def test_an_error_or_garbage_after_acceptance_hides_a_running_job(sim: TopazSimulator, http: httpx.Client) -> None:
    sim.faults.add("error_after")
    sim.faults.add("garbage")
    assert submit(http, filename="1.png").status_code == 500
    answer = submit(http, filename="2.png")
    assert answer.status_code == 200
    with pytest.raises(ValueError, match="Expecting"):
        answer.json()
    listed = {job["filename"] for job in http.get("/status").json()}
    assert listed == {"1.png", "2.png"}


def test_a_delayed_answer_belongs_to_an_accepted_job(sim: TopazSimulator, http: httpx.Client) -> None:
    sim.faults.add("delay", seconds=0.6)
    with pytest.raises(httpx.ReadTimeout):
        http.post("/enhance/async", files={"image": ("a.png", picture())}, timeout=0.3)
    assert len(sim.submits) == 1


def test_a_fault_can_single_out_one_upload(sim: TopazSimulator, http: httpx.Client) -> None:
    sim.faults.add("throttle", match="dog")
    sim.faults.add("error_before", on="status", match="cat")
    cat = submitted(http, filename="cat.png")
    assert submit(http, filename="dog.png").status_code == 429
    dog = submitted(http, filename="dog.png")
    assert http.get(f"/status/{dog}").status_code == 200
    assert http.get(f"/status/{cat}").status_code == 500


def test_an_early_eta_passes_while_the_job_still_runs(sim: TopazSimulator, http: httpx.Client) -> None:
    sim.faults.add("eta_early", late_seconds=1.3)
    answer = submit(http).json()
    assert answer["eta"] <= time.time() + 1
    time.sleep(max(0.0, answer["eta"] - time.time()) + 0.05)
    status = http.get(f"/status/{answer['process_id']}").json()
    assert status["status"] in {"Pending", "Processing"}
    assert status["eta"] == answer["eta"]
    assert finished(http, answer["process_id"])["status"] == "Completed"


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
    sim.faults.add("unknown_status", on="submit")
    process_id = submitted(http)
    assert http.get(f"/status/{process_id}").json()["status"] == "Queued2"
    assert http.get("/status").json()[0]["status"] == "Queued2"
    assert finished(http, process_id)["status"] == "Completed"
    sim.faults.add("unknown_status")
    assert http.get(f"/status/{process_id}").json()["status"] == "Queued2"
    assert http.get(f"/status/{process_id}").json()["status"] == "Completed"


def test_the_list_can_lag_and_can_come_in_the_other_shape(sim: TopazSimulator, http: httpx.Client) -> None:
    sim.faults.add("list_lag", seconds=0.4)
    sim.faults.add("list_shape", times=2)
    process_id = submitted(http)
    assert http.get("/status").json()["data"] == []
    assert http.get("/status?paginated=true").json() == []
    assert http.get(f"/status/{process_id}").status_code == 200
    time.sleep(0.45)
    assert len(http.get("/status").json()) == 1


def test_a_cut_transfer_sends_half_and_can_be_resumed(sim: TopazSimulator, http: httpx.Client) -> None:
    process_id = submitted(http, output_width=300)
    whole = result_of(http, process_id)
    sim.faults.add("cut", on="result")
    pieces: list[bytes] = []
    with BARE.stream("GET", link(http, process_id)) as answer:
        assert answer.headers["Content-Length"] == str(len(whole))
        with pytest.raises(httpx.RemoteProtocolError):
            pieces.extend(answer.iter_raw())
    got = b"".join(pieces)
    assert got == whole[: len(whole) // 2]
    rest = BARE.get(link(http, process_id), headers={"Range": f"bytes={len(got)}-"}).content
    assert got + rest == whole


def test_results_can_be_corrupt_expired_or_slow(sim: TopazSimulator, http: httpx.Client) -> None:
    process_id = submitted(http)
    whole = result_of(http, process_id)
    sim.faults.add("corrupt", on="result")
    sim.faults.add("expired", on="result")
    url = link(http, process_id)
    assert BARE.get(url).status_code == 403
    wrong = BARE.get(url).content
    assert len(wrong) == len(whole)
    assert wrong.startswith(b"This is not")
    sim.faults.add("slow", on="result", bytes_per_second=len(whole) * 2)
    start = time.time()
    assert BARE.get(url).content == whole
    assert 0.4 < time.time() - start < 1.5


def test_results_can_be_throttled_and_reset_like_everything_else(sim: TopazSimulator, http: httpx.Client) -> None:
    process_id = submitted(http)
    finished(http, process_id)
    url = link(http, process_id)
    sim.faults.add("error_before", on="result", status=503)
    assert BARE.get(url).status_code == 503
    sim.faults.add("reset_before", on="result")
    with pytest.raises(httpx.TransportError):
        BARE.get(url)
    assert BARE.get(url).status_code == 200


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "throttle:nowhere",
        "throttle:submit:0",
        "cut:submit",
        "delay:submit:1:minutes=2",
        "delay:submit:1:seconds",
    ],
)
def test_a_mistaken_fault_is_refused_when_it_is_set(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_fault(text)


def test_faults_can_be_written_in_one_line() -> None:
    fault = parse_fault("slow:result:*:bytes_per_second=100:match=cat")
    assert (fault.on, fault.times, fault.match) == ("result", None, "cat")
    assert fault.option("bytes_per_second") == 100
    assert parse_fault("throttle").on == "submit"
