"""Tests the injected faults of the Oxen.ai simulator as a client sees them, and the endpoints that control it."""

from __future__ import annotations

import httpx
import pytest
from tests.simulators.client import until
from tests.simulators.oxen.support import (
    PURSE,
    finished,
    result_of,
    running,
    seen,
    status,
    submitted,
)
from tests.simulators.picture_server import PictureServer, opened

from darkroom_local.simulators.oxen import OxenSimulator


def test_a_lost_answer_to_a_cancel_still_cancels(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    generation_id = submitted(http, picture_server.url())
    sim.faults.add("lost_answer", on="cancel")
    with pytest.raises(httpx.TransportError):
        http.delete(f"/ai/queue/{generation_id}")
    assert status(http, generation_id)["status"] == "cancelled"


@pytest.mark.parametrize(("kind", "word"), [("failed_job", "failed"), ("cancelled_job", "cancelled")])
def test_a_generation_can_end_badly_and_costs_nothing(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer, kind: str, word: str
) -> None:
    sim.faults.add(kind)
    body = finished(http, submitted(http, picture_server.url()))
    assert (body["status"], body["result_url"], bool(body["error_message"])) == (word, None, word == "failed")
    assert (sim.account.available_credits, sim.account.consumed_credits) == (PURSE, 0)
    assert finished(http, submitted(http, picture_server.url()))["status"] == "succeeded"


def test_an_input_fetched_late_may_be_gone_by_then(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("fetch_late", seconds=2)
    generation_id = submitted(http, picture_server.url())
    seen(http, generation_id, "processing")
    assert picture_server.asked == []
    picture_server.pictures.clear()
    assert finished(http, generation_id)["status"] == "failed"


def test_a_generation_can_end_late_or_hang(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("late_job", seconds=60)
    stuck = submitted(http, picture_server.url())
    sim.faults.add("late_job", seconds=0.3)
    late = submitted(http, picture_server.url())
    assert finished(http, late)["status"] == "succeeded"
    assert status(http, stuck)["status"] == "processing"
    http.delete(f"/ai/queue/{stuck}")
    assert status(http, stuck)["status"] == "cancelled"


def test_a_generation_can_be_held_in_the_queue(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("hold", seconds=60)
    sim.faults.add("hold", seconds=0.2)
    held, soon = submitted(http, picture_server.url()), submitted(http, picture_server.url("/dog.jpg"))
    assert finished(http, soon)["status"] == "succeeded"
    assert (status(http, held)["status"], picture_server.asked) == ("queued", ["/dog.jpg"])


def test_the_picture_can_have_the_wrong_size(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("wrong_size")
    assert opened(result_of(http, submitted(http, picture_server.url()))).size == (76, 56)


def test_an_unknown_status_word_can_show_up_once_or_while_active(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("unknown_status", times=2, on="submit")
    sim.faults.add("late_job", seconds=60)
    stuck, generation_id = submitted(http, picture_server.url()), submitted(http, picture_server.url())
    assert finished(http, generation_id)["status"] == "succeeded"
    assert status(http, stuck)["status"] == "expired"
    assert [row["status"] for row in http.get("/ai/queue").json()["generations"]] == ["expired"]
    sim.faults.add("unknown_status")
    assert [status(http, generation_id)["status"] for _ in range(2)] == ["expired", "succeeded"]


def test_the_lists_can_lag_and_can_omit_the_inputs(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("list_lag", seconds=60)
    sim.faults.add("late_job", times=2, seconds=60)
    lagging = submitted(http, picture_server.url())
    assert http.get("/ai/queue").json()["count"] == http.get("/ai/generations").json()["count"] == 0
    assert status(http, lagging)["generation_id"] == lagging
    sim.faults.add("list_lag", seconds=0.2)
    generation_id = submitted(http, picture_server.url())
    for path in ("/ai/queue", "/ai/generations"):
        listed = until(lambda path=path: http.get(path).json()["generations"], len)  # type: ignore[misc]
        assert [entry["generation_id"] for entry in listed] == [generation_id]
    for on, path in (("list", "/ai/queue"), ("history", "/ai/generations")):
        sim.faults.add("no_echo", on=on)
        assert ["input_image" in http.get(path).json()["generations"][0] for _ in range(2)] == [False, True]
        sim.faults.add("null_input", on=on)
        inputs = [http.get(path).json()["generations"][0]["input_image"] for _ in range(2)]
        assert [bool(given) for given in inputs] == [False, True]
    sim.faults.add("no_echo", on="status")
    assert ["input_image" in status(http, generation_id) for _ in range(2)] == [False, True]


def test_the_history_can_omit_its_length_and_the_charge(
    sim: OxenSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    generation_id = submitted(http, picture_server.url())
    finished(http, generation_id)
    sim.faults.add("no_length", on="history")
    lengths = [name for name in http.get("/ai/generations").json() if name.startswith("total_")]
    assert lengths == []
    assert http.get("/ai/generations").json()["total_pages"] == 1
    sim.faults.add("no_cost", on="history")
    costs = [http.get(f"/ai/generations/{generation_id}").json()["generation"]["cost"] for _ in range(2)]
    assert costs == [None, "0.05"]


def test_the_history_can_show_less_at_once_than_is_asked_for(picture_server: PictureServer) -> None:
    with running(page_size_limit=2) as (_, http):
        for _ in range(3):
            submitted(http, picture_server.url())
        body = http.get("/ai/generations", params={"page_size": 500}).json()
        assert (body["count"], body["page_size"], body["total_pages"], body["total_entries"]) == (2, 2, 2, 3)
