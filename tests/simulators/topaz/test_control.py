"""The Topaz simulator from outside: its journal, its control endpoints, its life cycle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import httpx
import pytest
from tests.simulators.topaz.support import (
    BARE,
    KEY,
    submitted,
)

from darkroom_local.simulators.topaz import KINDS, TopazSimulator


def test_another_process_can_read_the_log_and_set_faults(sim: TopazSimulator, http: httpx.Client) -> None:
    with httpx.Client(base_url=sim.origin + "/_simulator", verify=False) as control:
        wish = {"kind": "error_before", "on": "list", "times": 2, "status": 502}
        assert control.post("/faults", json=wish).status_code == 201
        assert http.get("/status").status_code == 502
        body = control.get("/faults").json()
        assert body["active"][0]["times"] == 1
        assert set(body["kinds"]) == set(KINDS)
        assert control.delete("/faults").status_code == 204
        assert control.post("/faults", json={"kind": "x"}).status_code == 400
        submitted(http, filename="seen.png")
        assert [s["filename"] for s in control.get("/submits").json()] == ["seen.png"]
        assert [e["status"] for e in control.get("/requests").json()] == [502, 200]
        assert control.delete("/requests").status_code == 204
        assert sim.requests == []


def test_the_log_says_how_a_request_came(sim: TopazSimulator, http: httpx.Client) -> None:
    submitted(http, filename="a.png", model="CGI")
    entry = sim.requests[0]
    assert (entry["method"], entry["path"]) == ("POST", "/image/v1/enhance/async")
    assert entry["fields"] == {"model": "CGI"}
    assert entry["filename"] == "a.png"
    assert entry["has_content_length"]
    assert entry["transfer_encoding"] is None
    assert "x-api-key" in [name.lower() for name in entry["header_names"]]


def test_two_simulators_cannot_share_a_port(sim: TopazSimulator) -> None:
    with pytest.raises(OSError, match="address"), TopazSimulator(api_key=KEY, port=sim.port):
        pass


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_serving_ends_cleanly_on_sigterm() -> None:
    code = textwrap.dedent("""
        from darkroom_local.simulators.topaz import serve
        serve(api_key="k", faults=["throttle:list"], on_ready=lambda u: print(u, flush=True))
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
    assert BARE.get(url + "/status", headers={"X-API-Key": "k"}).status_code == 429
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=10)
    assert (child.returncode, out, err) == (0, "ended\n", "")
