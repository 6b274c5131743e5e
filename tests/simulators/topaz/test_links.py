"""Tests the result links of the Topaz simulator. A result has one link for each HTTP method, and links expire."""

from __future__ import annotations

import time

import httpx
from tests.simulators.client import BARE, until
from tests.simulators.topaz.support import finished, link, result_of, running, submitted


def test_a_job_has_a_link_of_an_hour_for_each_method(http: httpx.Client) -> None:
    process_id = submitted(http)
    whole = result_of(http, process_id)
    body = http.get(f"/download/{process_id}").json()
    assert abs(body["expiry"] - time.time() - 3600) < 5
    assert BARE.head(body["head_url"]).headers["Content-Length"] == str(len(whole))
    assert BARE.get(body["head_url"]).status_code == 403


def test_links_end_and_fresh_ones_can_be_minted() -> None:
    with running(speed=20, link_lifetime_seconds=1.0) as (_, http):
        process_id = submitted(http)
        finished(http, process_id)
        old = link(http, process_id)
        until(lambda: BARE.get(old).status_code, lambda code: code == 403)
        until(lambda: BARE.get(link(http, process_id)).status_code, lambda code: code == 200)
