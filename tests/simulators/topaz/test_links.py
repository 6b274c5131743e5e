"""Result links of the Topaz simulator: ranges, preconditions, expiry, and no key."""

from __future__ import annotations

import math
import time

import httpx
from tests.simulators.topaz.support import (
    BARE,
    KEY,
    finished,
    link,
    result_of,
    submitted,
)

from darkroom_local.simulators.topaz import TopazSimulator


def test_links_serve_ranges_heads_and_preconditions_without_a_key(sim: TopazSimulator, http: httpx.Client) -> None:
    process_id = submitted(http)
    whole = result_of(http, process_id)
    body = http.get(f"/download/{process_id}").json()
    assert abs(body["expiry"] - time.time() - 3600) < 5
    head = BARE.head(body["head_url"])
    assert head.headers["Content-Length"] == str(len(whole))
    etag = head.headers["ETag"]
    url = body["download_url"]

    def get(**headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return BARE.get(url, headers=named)

    part = get(Range="bytes=10-19", If_Match=etag)
    assert (part.status_code, part.content) == (206, whole[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(whole)}"
    assert get(Range="bytes=10-").content == whole[10:]
    assert get(Range="bytes=-7").content == whole[-7:]
    assert get(Range=f"bytes={len(whole)}-").status_code == 416
    assert get(Range="bytes=1-2", If_Range='"other"').status_code == 200
    assert get(If_Match='"other"').status_code == 412
    assert not any(entry["key_leaked"] for entry in sim.requests)


def test_a_key_sent_to_a_link_is_noted_as_leaked(sim: TopazSimulator, http: httpx.Client) -> None:
    process_id = submitted(http)
    result_of(http, process_id)
    assert http.get(link(http, process_id)).status_code == 200
    assert sim.requests[-1]["key_leaked"] is True


def test_tampered_links_and_links_for_another_method_are_403(
    http: httpx.Client,
) -> None:
    process_id = submitted(http)
    finished(http, process_id)
    url = link(http, process_id)
    assert BARE.get(url[:-1] + ("0" if url[-1] != "0" else "1")).status_code == 403
    assert BARE.get(url.partition("?")[0]).status_code == 403
    assert BARE.head(url).status_code == 403
    assert BARE.get(link(http, process_id, "head_url")).status_code == 403


def test_links_end_and_fresh_ones_can_be_minted() -> None:
    with (
        TopazSimulator(api_key=KEY, speed=20, link_lifetime_seconds=1.0) as sim,
        httpx.Client(base_url=sim.base_url, headers={"X-API-Key": KEY}, verify=False) as http,
    ):
        process_id = submitted(http)
        finished(http, process_id)
        old = link(http, process_id)
        time.sleep(1.05)
        assert BARE.get(old).status_code == 403
        time.sleep(max(0.0, math.ceil(time.time()) - time.time()))
        assert BARE.get(link(http, process_id)).status_code == 200
