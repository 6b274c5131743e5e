"""The misbehaviours of the Oxen.ai simulator, each as it reaches a client; and its control endpoints."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import httpx
import pytest
from tests.simulators.gallery import Gallery, opened
from tests.simulators.oxen.support import (
    BARE,
    BEARER,
    MODEL,
    PRICE,
    PURSE,
    edit,
    finished,
    link,
    result_of,
    seen,
    status,
    submit,
    submitted,
)

from darkroom_local.simulators.oxen import KINDS, OxenSimulator, parse_fault


def call(http: httpx.Client, on: str, url: str) -> httpx.Response:
    """One call of that operation."""
    if on in ("submit", "edit"):
        return (submit if on == "submit" else edit)(http, url)
    paths = {"list": "/ai/queue", "history": "/ai/generations", "model": f"/ai/models/{MODEL}"}
    return http.get(paths[on])


@pytest.mark.parametrize(
    ("kind", "status_code"),
    [("throttle", 429), ("error_before", 500), ("auth", 401), ("forbidden", 403), ("no_funds", 402), ("moved", 301)],
)
@pytest.mark.parametrize("on", ["submit", "edit", "list", "history", "model"])
def test_refusing_faults_count_down_and_leave_nothing_accepted(
    sim: OxenSimulator, http: httpx.Client, gallery: Gallery, kind: str, status_code: int, on: str
) -> None:
    sim.faults.add(kind, on=on)
    answer = call(http, on, gallery.url())
    assert answer.status_code == status_code
    assert kind == "moved" or answer.json().keys() == {"error", "status", "status_message"}
    assert (sim.submits, sim.account.available_credits, sim.requests[0]["faults"]) == ([], PURSE, [kind])
    assert call(http, on, gallery.url()).status_code == 200


@pytest.mark.parametrize("on", ["status", "cancel"])
def test_one_generation_can_be_singled_out_by_its_input(
    sim: OxenSimulator, http: httpx.Client, gallery: Gallery, on: str
) -> None:
    sim.faults.add("throttle", match="mark=dog")
    sim.faults.add("error_before", on=on, match="mark=cat")
    cat = submitted(http, gallery.url("/cat.png?mark=cat"))
    assert submit(http, gallery.url("/cat.png?mark=dog")).status_code == 429
    dog = submitted(http, gallery.url("/cat.png?mark=dog"))
    method = "GET" if on == "status" else "DELETE"
    assert http.request(method, f"/ai/queue/{dog}").status_code == 200
    assert http.request(method, f"/ai/queue/{cat}").status_code == 500


@pytest.mark.parametrize(("kind", "accepted"), [("reset_before", 0), ("lost_answer", 1)])
def test_a_cut_connection_gives_no_answer(
    sim: OxenSimulator, http: httpx.Client, gallery: Gallery, kind: str, accepted: int
) -> None:
    sim.faults.add(kind)
    with pytest.raises(httpx.TransportError):
        submit(http, gallery.url())
    assert len(sim.submits) == http.get("/ai/queue").json()["count"] == accepted


def test_an_error_or_garbage_after_acceptance_hides_a_running_generation(
    sim: OxenSimulator, http: httpx.Client, gallery: Gallery
) -> None:
    sim.faults.add("error_after", status=502)
    sim.faults.add("garbage")
    urls = [gallery.url(f"/cat.png?mark={number}") for number in (1, 2)]
    assert submit(http, urls[0]).status_code == 502
    answer = submit(http, urls[1])
    assert answer.status_code == 200
    with pytest.raises(ValueError, match="Expecting"):
        answer.json()
    assert [row["input_image"] for row in http.get("/ai/queue").json()["generations"]] == urls[::-1]


def test_a_lost_answer_to_a_cancel_still_cancels(sim: OxenSimulator, http: httpx.Client, gallery: Gallery) -> None:
    generation_id = submitted(http, gallery.url())
    sim.faults.add("lost_answer", on="cancel")
    with pytest.raises(httpx.TransportError):
        http.delete(f"/ai/queue/{generation_id}")
    assert status(http, generation_id)["status"] == "cancelled"


def test_a_delayed_answer_belongs_to_an_accepted_generation(
    sim: OxenSimulator, http: httpx.Client, gallery: Gallery
) -> None:
    sim.faults.add("delay", seconds=0.5)
    with pytest.raises(httpx.ReadTimeout):
        http.post("/ai/queue", json={"model": MODEL, "input_image": gallery.url()}, timeout=0.25)
    assert len(sim.submits) == 1


@pytest.mark.parametrize(("kind", "word"), [("failed_job", "failed"), ("cancelled_job", "cancelled")])
def test_a_generation_can_end_badly_and_costs_nothing(
    sim: OxenSimulator, http: httpx.Client, gallery: Gallery, kind: str, word: str
) -> None:
    sim.faults.add(kind)
    body = finished(http, submitted(http, gallery.url()))
    assert (body["status"], body["result_url"], bool(body["error_message"])) == (word, None, word == "failed")
    assert (sim.account.available_credits, sim.account.consumed_credits) == (PURSE, 0)
    assert finished(http, submitted(http, gallery.url()))["status"] == "succeeded"


def test_an_input_fetched_late_may_be_gone_by_then(sim: OxenSimulator, http: httpx.Client, gallery: Gallery) -> None:
    sim.faults.add("fetch_late", seconds=0.3)
    generation_id = submitted(http, gallery.url())
    seen(http, generation_id, "processing")
    time.sleep(0.1)
    assert gallery.asked == []
    gallery.pictures.clear()
    assert finished(http, generation_id)["status"] == "failed"


def test_a_generation_can_end_late_or_hardly_ever(sim: OxenSimulator, http: httpx.Client, gallery: Gallery) -> None:
    sim.faults.add("late_job", seconds=60)
    stuck = submitted(http, gallery.url())
    sim.faults.add("late_job", seconds=0.3)
    late = submitted(http, gallery.url())
    time.sleep(0.2)
    assert status(http, late)["status"] == "processing"
    assert finished(http, late)["status"] == "succeeded"
    assert status(http, stuck)["status"] == "processing"
    http.delete(f"/ai/queue/{stuck}")
    assert status(http, stuck)["status"] == "cancelled"


def test_a_generation_can_be_held_in_the_queue(sim: OxenSimulator, http: httpx.Client, gallery: Gallery) -> None:
    sim.faults.add("hold", seconds=0.3)
    generation_id = submitted(http, gallery.url())
    time.sleep(0.2)
    assert (status(http, generation_id)["status"], gallery.asked) == ("queued", [])
    assert finished(http, generation_id)["status"] == "succeeded"


def test_the_picture_can_have_the_wrong_size(sim: OxenSimulator, http: httpx.Client, gallery: Gallery) -> None:
    sim.faults.add("wrong_size")
    assert opened(result_of(http, submitted(http, gallery.url()))).size == (76, 56)


def test_an_unknown_status_word_can_show_up_once_or_while_active(
    sim: OxenSimulator, http: httpx.Client, gallery: Gallery
) -> None:
    sim.faults.add("unknown_status", on="submit")
    generation_id = submitted(http, gallery.url())
    assert status(http, generation_id)["status"] == "expired"
    assert http.get("/ai/queue").json()["generations"][0]["status"] == "expired"
    assert finished(http, generation_id)["status"] == "succeeded"
    sim.faults.add("unknown_status")
    assert [status(http, generation_id)["status"] for _ in range(2)] == ["expired", "succeeded"]


def test_the_lists_can_lag_and_keep_the_addresses_to_themselves(
    sim: OxenSimulator, http: httpx.Client, gallery: Gallery
) -> None:
    sim.faults.add("list_lag", seconds=0.3)
    sim.faults.add("late_job", seconds=60)
    generation_id = submitted(http, gallery.url())
    assert http.get("/ai/queue").json()["count"] == http.get("/ai/generations").json()["count"] == 0
    assert status(http, generation_id)["generation_id"] == generation_id
    time.sleep(0.35)
    for on, path in (("list", "/ai/queue"), ("history", "/ai/generations")):
        sim.faults.add("no_echo", on=on)
        assert ["input_image" in http.get(path).json()["generations"][0] for _ in range(2)] == [False, True]
    sim.faults.add("no_echo", on="status")
    assert ["input_image" in status(http, generation_id) for _ in range(2)] == [False, True]


def test_results_can_be_cut_corrupt_expired_or_slow(sim: OxenSimulator, http: httpx.Client, gallery: Gallery) -> None:
    generation_id = submitted(http, gallery.url())
    whole, url = result_of(http, generation_id), link(http, generation_id)
    sim.faults.add("cut")
    sim.faults.add("expired")
    assert BARE.get(url).status_code == 403
    with pytest.raises(httpx.RemoteProtocolError):
        BARE.get(url)
    assert BARE.get(url).content == whole
    sim.faults.add("corrupt")
    assert BARE.get(url).content.startswith(b"This is not")
    sim.faults.add("slow", bytes_per_second=len(whole) * 4)
    start = time.time()
    assert BARE.get(url).content == whole
    assert 0.2 < time.time() - start < 1.5


@pytest.mark.parametrize(
    "text", ["nonsense", "list_shape", "throttle:events", "cut:submit", "inline:submit", "delay:submit:1:x=2"]
)
def test_a_mistaken_fault_is_refused_when_it_is_set(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_fault(text)


def test_another_process_can_read_the_journal_and_set_faults(
    sim: OxenSimulator, http: httpx.Client, gallery: Gallery
) -> None:
    with httpx.Client(base_url=sim.origin + "/_simulator", verify=False) as control:
        assert control.post("/faults", json={"kind": "error_before", "on": "list", "status": 502}).status_code == 201
        assert http.get("/ai/queue").status_code == 502
        assert set(control.get("/faults").json()["kinds"]) == set(KINDS)
        submitted(http, gallery.url("/cat.png?mark=seen"))
        assert [entry["query"] for entry in control.get("/submits").json()] == [{"mark": "seen"}]
        assert [entry["status"] for entry in control.get("/requests").json()] == [502, 200]
        assert control.post("/account", json={"available_credits": PRICE - 1}).status_code == 200
        assert submit(http, gallery.url()).status_code == 402


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_serving_ends_cleanly_on_sigterm() -> None:
    code = textwrap.dedent("""
        from darkroom_local.simulators.oxen import serve
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
    assert BARE.get(url + "/ai/queue", headers=BEARER).status_code == 429
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=10)
    assert (child.returncode, out, err) == (0, "ended\n", "")
