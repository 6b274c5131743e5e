"""The misbehaviours of the uwear.ai simulator, each as it reaches a client; and its control endpoints."""

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
from tests.simulators.uwear.support import BARE, BEARER, finished, link, result_of, submit, submitted

from darkroom_local.simulators.uwear import KINDS, UwearSimulator, parse_fault


@pytest.mark.parametrize(
    ("kind", "status"),
    [("throttle", 429), ("error_before", 500), ("auth", 401), ("forbidden", 403), ("no_funds", 402), ("moved", 301)],
)
@pytest.mark.parametrize("on", ["submit", "list"])
def test_refusing_faults_count_down_and_leave_nothing_accepted(
    sim: UwearSimulator, http: httpx.Client, gallery: Gallery, kind: str, status: int, on: str
) -> None:
    def call() -> int:
        return (submit(http, gallery.url()) if on == "submit" else http.get("/generations")).status_code

    sim.faults.add(kind, times=2, on=on)
    assert [call(), call(), call()] == [status, status, 200]
    assert len(sim.submits) == (1 if on == "submit" else 0)
    assert sim.requests[0]["faults"] == [kind]


@pytest.mark.parametrize(("kind", "accepted"), [("reset_before", 0), ("lost_answer", 1)])
def test_a_cut_connection_gives_no_answer(
    sim: UwearSimulator, http: httpx.Client, gallery: Gallery, kind: str, accepted: int
) -> None:
    sim.faults.add(kind)
    with pytest.raises(httpx.TransportError):
        submit(http, gallery.url())
    assert len(sim.submits) == len(http.get("/generations").json()) == accepted


def test_an_error_or_garbage_after_acceptance_hides_a_running_generation(
    sim: UwearSimulator, http: httpx.Client, gallery: Gallery
) -> None:
    sim.faults.add("error_after", status=502)
    sim.faults.add("garbage")
    urls = [gallery.url(f"/cat.png?mark={number}") for number in (1, 2)]
    assert submit(http, urls[0]).status_code == 502
    answer = submit(http, urls[1])
    assert answer.status_code == 200
    with pytest.raises(ValueError, match="Expecting"):
        answer.json()
    assert [entry["image_url"] for entry in http.get("/generations").json()] == urls[::-1]


def test_a_delayed_answer_belongs_to_an_accepted_generation(
    sim: UwearSimulator, http: httpx.Client, gallery: Gallery
) -> None:
    sim.faults.add("delay", seconds=0.6)
    with pytest.raises(httpx.ReadTimeout):
        http.post("/generation-upscale", json={"image_url": gallery.url(), "model_name": "recraft"}, timeout=0.3)
    assert len(sim.submits) == 1


def test_a_fault_can_single_out_one_input_by_its_address(
    sim: UwearSimulator, http: httpx.Client, gallery: Gallery
) -> None:
    sim.faults.add("throttle", match="mark=dog")
    sim.faults.add("error_before", on="status", match="mark=cat")
    cat = submitted(http, gallery.url("/cat.png?mark=cat"))
    assert submit(http, gallery.url("/cat.png?mark=dog")).status_code == 429
    dog = submitted(http, gallery.url("/cat.png?mark=dog"))
    assert http.get(f"/generation/{dog}").status_code == 200
    assert http.get(f"/generation/{cat}").status_code == 500


@pytest.mark.parametrize(("kind", "word"), [("failed_job", "Error"), ("failed_word", "Failed")])
def test_a_generation_can_fail_and_costs_nothing(
    sim: UwearSimulator, http: httpx.Client, gallery: Gallery, kind: str, word: str
) -> None:
    sim.faults.add(kind)
    body = finished(http, submitted(http, gallery.url()))
    assert body["status"] == word
    assert body["generation_results"][0]["image_url"] is None
    assert (sim.account.available_credits, sim.account.consumed_credits) == (10_000, 0)


def test_an_input_fetched_late_may_be_gone_by_then(sim: UwearSimulator, http: httpx.Client, gallery: Gallery) -> None:
    sim.faults.add("fetch_late", seconds=0.4)
    generation_id = submitted(http, gallery.url())
    time.sleep(0.2)
    assert gallery.asked == []
    gallery.pictures.clear()
    assert finished(http, generation_id)["status"] == "Error"


def test_a_generation_can_end_late(sim: UwearSimulator, http: httpx.Client, gallery: Gallery) -> None:
    sim.faults.add("late_job", seconds=0.5)
    generation_id = submitted(http, gallery.url())
    time.sleep(0.4)
    assert http.get(f"/generation/{generation_id}").json()["status"] == "Ongoing"
    assert finished(http, generation_id)["status"] == "Done"


def test_the_picture_can_have_the_wrong_size(sim: UwearSimulator, http: httpx.Client, gallery: Gallery) -> None:
    sim.faults.add("wrong_size")
    assert opened(result_of(http, submitted(http, gallery.url()))).size == (136, 96)


def test_an_unknown_status_word_can_show_up_once_or_while_running(
    sim: UwearSimulator, http: httpx.Client, gallery: Gallery
) -> None:
    sim.faults.add("unknown_status", on="submit")
    generation_id = submitted(http, gallery.url())
    assert http.get(f"/generation/{generation_id}").json()["status"] == "Queued"
    assert http.get("/generations").json()[0]["status"] == "Queued"
    assert finished(http, generation_id)["status"] == "Done"
    sim.faults.add("unknown_status")
    seen = [http.get(f"/generation/{generation_id}").json()["status"] for _ in range(2)]
    assert seen == ["Queued", "Done"]


def test_the_list_can_lag_come_in_an_object_and_keep_the_addresses_to_itself(
    sim: UwearSimulator, http: httpx.Client, gallery: Gallery
) -> None:
    sim.faults.add("list_lag", seconds=0.4)
    generation_id = submitted(http, gallery.url())
    assert http.get("/generations").json() == []
    assert http.get(f"/generation/{generation_id}").status_code == 200
    time.sleep(0.45)
    sim.faults.add("list_shape")
    body = http.get("/generations").json()
    assert [entry["generation_id"] for entry in body["generations"]] == [generation_id]
    assert body["total"] == 1
    sim.faults.add("no_echo")
    assert ["image_url" in http.get("/generations").json()[0] for _ in range(2)] == [False, True]


def test_results_can_be_cut_corrupt_expired_or_slow(sim: UwearSimulator, http: httpx.Client, gallery: Gallery) -> None:
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
    sim.faults.add("slow", bytes_per_second=len(whole) * 2)
    start = time.time()
    assert BARE.get(url).content == whole
    assert 0.4 < time.time() - start < 1.5


@pytest.mark.parametrize("text", ["nonsense", "topping_up", "throttle:account", "cut:submit", "delay:submit:1:x=2"])
def test_a_mistaken_fault_is_refused_when_it_is_set(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_fault(text)


def test_another_process_can_read_the_journal_and_set_faults(
    sim: UwearSimulator, http: httpx.Client, gallery: Gallery
) -> None:
    with httpx.Client(base_url=sim.origin + "/_simulator", verify=False) as control:
        assert control.post("/faults", json={"kind": "error_before", "on": "list", "status": 502}).status_code == 201
        assert http.get("/generations").status_code == 502
        assert set(control.get("/faults").json()["kinds"]) == set(KINDS)
        submitted(http, gallery.url("/cat.png?mark=seen"))
        assert [entry["query"] for entry in control.get("/submits").json()] == [{"mark": "seen"}]
        assert [entry["status"] for entry in control.get("/requests").json()] == [502, 200]
        assert control.post("/account", json={"available_credits": 0}).status_code == 200
        assert submit(http, gallery.url()).status_code == 402


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_serving_ends_cleanly_on_sigterm() -> None:
    code = textwrap.dedent("""
        from darkroom_local.simulators.uwear import serve
        serve(api_key="test-key-2", faults=["throttle:list"], on_ready=lambda u: print(u, flush=True))
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
    assert BARE.get(url + "/generations", headers=BEARER).status_code == 429
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=10)
    assert (child.returncode, out, err) == (0, "ended\n", "")
