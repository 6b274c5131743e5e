"""Tests the injected faults of the uwear.ai simulator as a client sees them, and the endpoints that control it."""

from __future__ import annotations

import httpx
import pytest
from tests.simulators.client import until
from tests.simulators.picture_server import PictureServer, opened
from tests.simulators.uwear.support import finished, given, listed, result_of, submitted

from darkroom_local.simulators.uwear import UwearSimulator


@pytest.mark.parametrize(("kind", "word"), [("failed_job", "Error"), ("failed_word", "Failed")])
def test_a_generation_can_fail_and_costs_nothing(
    sim: UwearSimulator, http: httpx.Client, picture_server: PictureServer, kind: str, word: str
) -> None:
    sim.faults.add(kind)
    body = finished(http, submitted(http, picture_server.url()))
    assert body["status"] == word
    assert body["generation_results"][0]["image_url"] is None
    assert (sim.account.available_credits, sim.account.consumed_credits) == (10_000, 0)


def test_an_input_fetched_late_may_be_gone_by_then(
    sim: UwearSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("fetch_late", seconds=2)
    generation_id = submitted(http, picture_server.url())
    assert picture_server.asked == []
    picture_server.pictures.clear()
    assert finished(http, generation_id)["status"] == "Error"


def test_a_generation_can_end_late(sim: UwearSimulator, http: httpx.Client, picture_server: PictureServer) -> None:
    sim.faults.add("late_job", seconds=60)
    sim.faults.add("late_job", seconds=0.3)
    stuck, late = submitted(http, picture_server.url()), submitted(http, picture_server.url())
    assert finished(http, late)["status"] == "Done"
    assert http.get(f"/generation/{stuck}").json()["status"] == "Ongoing"


def test_the_picture_can_have_the_wrong_size(
    sim: UwearSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("wrong_size")
    assert opened(result_of(http, submitted(http, picture_server.url()))).size == (136, 96)


def test_an_unknown_status_word_can_show_up_once_or_while_running(
    sim: UwearSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("unknown_status", times=2, on="submit")
    sim.faults.add("late_job", seconds=60)
    stuck, generation_id = submitted(http, picture_server.url()), submitted(http, picture_server.url())
    assert finished(http, generation_id)["status"] == "Done"
    assert http.get(f"/generation/{stuck}").json()["status"] == "Queued"
    assert [entry["status"] for entry in listed(http)] == ["Done", "Queued"]
    sim.faults.add("unknown_status")
    seen = [http.get(f"/generation/{generation_id}").json()["status"] for _ in range(2)]
    assert seen == ["Queued", "Done"]


def test_the_list_can_lag(sim: UwearSimulator, http: httpx.Client, picture_server: PictureServer) -> None:
    sim.faults.add("list_lag", seconds=60)
    generation_id = submitted(http, picture_server.url())
    assert listed(http) == []
    assert http.get(f"/generation/{generation_id}").status_code == 200
    sim.faults.add("list_lag", seconds=0.2)
    soon = submitted(http, picture_server.url())
    assert [entry["generation_id"] for entry in until(lambda: listed(http), len)] == [soon]


def test_the_list_can_omit_the_inputs(sim: UwearSimulator, http: httpx.Client, picture_server: PictureServer) -> None:
    url = picture_server.url()
    submitted(http, url)
    sim.faults.add("no_echo")
    assert [entry["payload"] for entry in listed(http)] == [""]
    sim.faults.add("null_input")
    assert (given(http), given(http)) == ([None], [url])
    for kind in ("no_echo", "null_input"):
        sim.faults.add("list_array")
        sim.faults.add(kind)
        (entry,) = http.get("/generations").json()
        assert entry.get("image_url", "nothing") == ("nothing" if kind == "no_echo" else None)


def test_the_list_can_return_its_first_page_whatever_is_asked(
    sim: UwearSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    for _ in range(3):
        submitted(http, picture_server.url())
    sim.faults.add("page_ignored")
    body = http.get("/generations", params={"page": 2, "items_per_page": 1}).json()
    assert (body["current_page"], len(body["data"])) == (1, 3)
    sim.faults.add("list_array")
    sim.faults.add("page_ignored")
    assert len(http.get("/generations", params={"limit": 1, "offset": 2}).json()) == 3


def test_a_result_without_a_link_can_come_first(
    sim: UwearSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("result_second")
    results = finished(http, submitted(http, picture_server.url()))["generation_results"]
    assert [bool(result["image_url"]) for result in results] == [False, True]
