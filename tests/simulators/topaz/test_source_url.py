"""Tests how the Topaz simulator takes a picture by its URL, and what remains of a synchronous answer that is cut short."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from tests.simulators.picture_server import PictureServer, serve_pictures

from darkroom_local.simulators.topaz import TopazSimulator

NAMED = "?response-content-disposition=" + quote('attachment; filename="job-1-1.png"', safe="")


@pytest.fixture
def picture_server() -> Iterator[PictureServer]:
    with serve_pictures() as shown:
        yield shown


def by_address(http: httpx.Client, url: str, path: str = "/enhance/async", **fields: Any) -> httpx.Response:
    return http.post(path, files={name: (None, str(value)) for name, value in {"source_url": url, **fields}.items()})


def listed(http: httpx.Client) -> list[str]:
    return [entry["filename"] for entry in http.get("/status").json()]


def test_a_picture_is_fetched_from_its_address_as_it_was_given(
    sim: TopazSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    assert by_address(http, picture_server.url("/cat.png" + NAMED), model="CGI").status_code == 200
    assert picture_server.asked == ["/cat.png" + NAMED]
    assert sim.submits[0]["size_bytes"] == len(picture_server.pictures["/cat.png"])


def test_the_list_names_it_as_its_host_would(http: httpx.Client, picture_server: PictureServer) -> None:
    by_address(http, picture_server.url("/cat.png"))
    by_address(http, picture_server.url("/cat.png" + NAMED))
    assert listed(http) == ["job-1-1.png", "cat.png"]


def test_on_request_the_list_does_not_name_it(
    sim: TopazSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("unnamed")
    by_address(http, picture_server.url("/cat.png" + NAMED))
    assert listed(http) == [""]


def test_an_address_without_a_picture_is_refused_and_costs_nothing(
    sim: TopazSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    assert by_address(http, picture_server.url("/gone.png")).status_code == 400
    assert sim.submits == []


def test_a_synchronous_answer_can_be_cut_and_its_result_is_there_all_the_same(
    sim: TopazSimulator, http: httpx.Client, picture_server: PictureServer
) -> None:
    sim.faults.add("cut_answer")
    with pytest.raises(httpx.RemoteProtocolError):
        by_address(http, picture_server.url("/cat.png"), "/enhance")
    (submit,) = sim.submits
    assert http.get(f"/download/{submit['process_id']}").status_code == 200
