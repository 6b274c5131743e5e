"""The pictures that the Topaz simulator keeps: `GET /download/input/{process_id}`, OpenAPI 1.2.0."""

from __future__ import annotations

import httpx
import pytest
from tests.simulators.client import BARE, content
from tests.simulators.topaz.support import finished, picture, submitted

from darkroom_local.simulators.topaz import TopazSimulator, jobs

NOBODY = "/download/input/00000000-0000-0000-0000-000000000000"


def links(http: httpx.Client, process_id: str) -> dict[str, object]:
    answer = http.get(f"/download/input/{process_id}")
    assert answer.status_code == 200, answer.text
    body: dict[str, object] = answer.json()
    return body


def kept(http: httpx.Client, process_id: str) -> bytes:
    return content(str(links(http, process_id)["download_url"]))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF"])
def test_a_picture_is_kept_as_it_was_received(http: httpx.Client, form: str) -> None:
    sent = picture(name=form)
    process_id = submitted(http, data=sent)
    assert kept(http, process_id) == sent
    finished(http, process_id)
    assert kept(http, process_id) == sent


def test_the_links_are_those_of_a_result(http: httpx.Client) -> None:
    process_id = submitted(http)
    told = links(http, process_id)
    assert set(told) == {"download_url", "head_url", "expiry"}
    head = BARE.head(str(told["head_url"]))
    assert (head.status_code, int(head.headers["content-length"])) == (200, len(picture()))
    assert head.headers["content-type"] == "image/png"


def test_nobody_has_the_picture_of_an_unknown_or_deleted_process(http: httpx.Client) -> None:
    assert http.get(NOBODY).status_code == 404
    process_id = submitted(http)
    finished(http, process_id)
    assert http.delete(f"/status/{process_id}").status_code == 204
    assert http.get(f"/download/input/{process_id}").status_code == 404


def test_a_key_is_needed_for_the_link_and_not_for_the_picture(sim: TopazSimulator, http: httpx.Client) -> None:
    process_id = submitted(http)
    assert BARE.get(f"{sim.base_url}/download/input/{process_id}").status_code == 401
    kept(http, process_id)
    assert not any(entry["key_leaked"] for entry in sim.requests)


def test_the_oldest_picture_makes_room_on_the_disk(http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "KEPT_INPUTS_BYTES", len(picture()))
    first = submitted(http)
    finished(http, first)  # otherwise the second could be the first one that is kept
    second = submitted(http)
    finished(http, second)
    assert http.get(f"/download/input/{first}").status_code == 404
    assert kept(http, second) == picture()
