"""Tests the result URLs of the Oxen.ai simulator. Some are presigned links, and others need the API key and then redirect."""

from __future__ import annotations

import pytest
from tests.simulators.client import BARE, BEARER, until
from tests.simulators.oxen.support import edit, link, running, status, submitted
from tests.simulators.picture_server import PictureServer, opened


def test_a_link_ends_and_a_new_one_is_given_each_time_it_is_asked_for(picture_server: PictureServer) -> None:
    with running(result_lifetime_seconds=150) as (_, http):  # a link lives for three seconds at this speed
        generation_id = submitted(http, picture_server.url())
        old = link(http, generation_id)
        assert BARE.get(old).status_code == 200
        until(lambda: BARE.get(old).status_code, lambda code: code == 403)
        until(lambda: BARE.get(status(http, generation_id)["result_url"]).status_code, lambda code: code == 200)


def test_a_result_can_need_the_key_first_and_then_redirect(picture_server: PictureServer) -> None:
    with running(result_wants_key=True, result_host="localhost") as (sim, http):
        generation_id = submitted(http, picture_server.url())
        url = link(http, generation_id)
        assert url.startswith(sim.base_url + "/repos/")
        refused = BARE.get(url)
        assert (refused.status_code, refused.json()["status_message"]) == (401, "unauthenticated")
        assert BARE.get(url, headers={"Authorization": "Bearer other"}).status_code == 401
        onward = http.get(url)
        assert onward.status_code == 302
        assert onward.headers["Location"].startswith(f"http://localhost:{sim.port}/results/")
        assert not any(entry["key_leaked"] for entry in sim.requests)
        assert opened(BARE.get(onward.headers["Location"]).content).size == (60, 40)
        assert not any(entry["key_leaked"] for entry in sim.requests)
        assert BARE.get(onward.headers["Location"], headers=BEARER).status_code == 200
        assert sim.requests[-1]["key_leaked"] is True
        assert http.get(url.replace(".png", "x.png")).status_code == 404
        sim.faults.add("error_before", on="file", status=503)
        assert [http.get(url).status_code for _ in range(2)] == [503, 302]


@pytest.mark.parametrize("status", [403, 404])
def test_the_status_without_the_key_can_be_chosen(picture_server: PictureServer, status: int) -> None:
    with running(result_wants_key=True, status_without_key=status) as (sim, http):
        url = link(http, submitted(http, picture_server.url()))
        assert BARE.get(url).status_code == status
        assert http.get(url).status_code == 302
        assert BARE.get(sim.base_url + "/ai/queue").status_code == 401


def test_a_synchronous_call_names_the_same_kind_of_address(picture_server: PictureServer) -> None:
    with running(result_wants_key=True) as (sim, http):
        url = edit(http, picture_server.url()).json()["images"][0]["url"]
        assert url.startswith(sim.base_url + "/repos/")
        assert opened(BARE.get(http.get(url).headers["Location"]).content).size == (60, 40)
