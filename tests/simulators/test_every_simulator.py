"""Tests what every simulator promises about injected faults, its journal, the endpoints that control it, and its clean end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from tests.simulators.client import BARE, KEY, client, until
from tests.simulators.picture_server import PictureServer
from tests.simulators.vendors import VENDORS, Answer, Vendor

from darkroom_local.simulators.framework.server import Simulator

REFUSING = {"throttle": 429, "error_before": 500, "auth": 401, "forbidden": 403, "no_funds": 402, "moved": 301}
PAID = ("submit", "edit")
NONSENSE = (
    *("nonsense", "throttle:nowhere", "throttle:submit:0", "cut:submit"),
    *("delay:submit:1:minutes=2", "delay:submit:1:seconds"),
)


@dataclass(frozen=True)
class SharedSimulator:
    """Holds a simulator that all tests of the module share, and the objects with which a test uses it."""

    vendor: Vendor
    sim: Simulator[Any, Any]
    http: httpx.Client
    picture_server: PictureServer

    def submit(self, mark: str = "any") -> Answer:
        return self.vendor.submit(self.http, self.picture_server, mark)

    def ask(self, operation: str) -> Answer:
        return self.vendor.requests[operation](self.http, self.picture_server)

    def await_charges(self, before: int) -> None:
        """Wait until every accepted submit was charged. `before` is what the account had consumed before the test."""
        credits = sum(entry["credits"] for entry in self.sim.submits)
        until(lambda: self.sim.account.consumed_credits - before, lambda consumed: consumed == credits)


@pytest.fixture(scope="module", params=VENDORS)
def module_simulator(
    request: pytest.FixtureRequest, session_picture_server: PictureServer
) -> Iterator[SharedSimulator]:
    vendor = VENDORS[request.param]
    with vendor.running() as (sim, http):
        yield SharedSimulator(vendor, sim, http, session_picture_server)


@pytest.fixture
def shared(module_simulator: SharedSimulator) -> SharedSimulator:
    """Return the shared simulator, after removing everything that earlier tests left in it."""
    account = module_simulator.sim.account
    until(account.balance, lambda balance: balance["reserved_credits"] == 0)
    module_simulator.sim.faults.clear()
    module_simulator.sim.journal.clear()
    module_simulator.picture_server.renew()
    return module_simulator


@pytest.fixture
def mark() -> str:
    return uuid.uuid4().hex


def test_refusing_faults_count_down_and_leave_nothing_accepted(shared: SharedSimulator) -> None:
    sim, vendor = shared.sim, shared.vendor
    available = sim.account.available_credits
    for operation in vendor.requests:
        for kind, status in {**REFUSING, **vendor.statuses}.items():
            sim.journal.clear()
            sim.faults.add(kind, times=2, on=operation)
            answers = [shared.ask(operation) for _ in range(2)]
            assert [answer.status_code for answer in answers] == [status, status], (operation, kind)
            assert kind == "moved" or all(set(answer.json()) in vendor.refusals for answer in answers)
            assert [entry["faults"] for entry in sim.requests] == [[kind], [kind]]
        assert (sim.submits, sim.account.available_credits) == ([], available)
        assert shared.ask(operation).status_code == 200
        assert len(sim.submits) == (operation in PAID)
        available -= sum(entry["credits"] for entry in sim.submits)
        until(sim.account.balance, lambda balance: balance["reserved_credits"] == 0)


@pytest.mark.parametrize(("kind", "accepted"), [("reset_before", 0), ("lost_answer", 1)])
def test_a_cut_connection_gives_no_answer(shared: SharedSimulator, mark: str, kind: str, accepted: int) -> None:
    before = shared.sim.account.consumed_credits
    shared.sim.faults.add(kind)
    with pytest.raises(httpx.TransportError):
        shared.submit(mark)
    assert len(shared.sim.submits) == accepted
    assert [(entry["aborted"], entry["status"]) for entry in shared.sim.requests] == [(True, None)]
    shared.await_charges(before)
    until(lambda: shared.vendor.marks(shared.http).count(mark), lambda listed: listed == accepted)


def test_an_error_or_garbage_after_acceptance_hides_what_is_made_and_paid(shared: SharedSimulator, mark: str) -> None:
    before = shared.sim.account.consumed_credits
    shared.sim.faults.add("error_after", status=502)
    shared.sim.faults.add("garbage")
    assert shared.submit(mark + "1").status_code == 502
    answer = shared.submit(mark + "2")
    assert answer.status_code == 200
    with pytest.raises(ValueError, match="Expecting"):
        answer.json()
    until(lambda: shared.vendor.marks(shared.http)[:2], lambda marks: marks == [mark + "2", mark + "1"])
    shared.await_charges(before)


def test_the_status_of_a_server_error_can_be_chosen(shared: SharedSimulator) -> None:
    shared.sim.faults.add("error_before", on="list", status=503)
    shared.sim.faults.add("error_after", on="list", status=502)
    assert [shared.ask("list").status_code for _ in range(3)] == [503, 502, 200]


def test_a_delayed_answer_belongs_to_what_is_made_and_paid(shared: SharedSimulator) -> None:
    before = shared.sim.account.consumed_credits
    shared.sim.faults.add("delay", seconds=2)
    with client(shared.sim.base_url, shared.vendor.headers, 1) as hasty, pytest.raises(httpx.ReadTimeout):
        shared.vendor.submit(hasty, shared.picture_server, "any")
    assert len(shared.sim.submits) == 1
    shared.await_charges(before)


def test_a_fault_can_single_out_one_input(shared: SharedSimulator) -> None:
    shared.sim.faults.add("throttle", match="two")
    assert shared.submit("one").status_code == 200
    assert shared.submit("two").status_code == 429
    assert shared.submit("two").status_code == 200


def test_a_fault_can_single_out_what_became_of_one_input(shared: SharedSimulator) -> None:
    for operation, read in shared.vendor.reads.items():
        shared.sim.faults.add("error_before", on=operation, match="one")
        one, two = shared.submit("one"), shared.submit("two")
        assert [read(shared.http, job).status_code for job in (two, one, one)] == [200, 500, 200], operation


def test_an_input_is_fetched_once_as_its_address_was_given_and_without_the_key(shared: SharedSimulator) -> None:
    path = "/cat.png?X-Amz-Signature=ab%2Fcd%20e&mark=a~b%7Ec+d"
    before = shared.sim.account.consumed_credits
    assert shared.vendor.fetched(shared.http, shared.picture_server.url(path)).status_code == 200
    shared.await_charges(before)
    assert shared.picture_server.asked == [path]
    assert {"Authorization", "X-API-Key"}.isdisjoint(shared.picture_server.headers[0])


def test_the_journal_says_how_a_request_came_and_holds_no_key(shared: SharedSimulator, mark: str) -> None:
    shared.submit(mark)
    (entry,) = shared.sim.requests
    assert (entry["method"], entry["operation"], entry["status"]) == ("POST", "submit", 200)
    assert mark in entry[shared.sim.subject_field]
    assert (entry["has_content_length"], entry["transfer_encoding"]) == (True, None)
    assert (entry["key_matched"], entry["key_leaked"]) == (True, False)
    (header,) = shared.vendor.headers
    assert entry["auth_header"] == header.lower()
    assert header.lower() in [name.lower() for name in entry["header_names"]]
    assert entry[shared.vendor.id_field] == shared.sim.submits[0][shared.vendor.id_field]
    assert KEY not in str(shared.sim.requests)


def test_an_unknown_endpoint_is_404_and_wants_the_key_all_the_same(shared: SharedSimulator) -> None:
    for method in ("GET", "POST", "PUT", "DELETE"):
        assert shared.http.request(method, "/nothing/of/the/kind").status_code == 404
    assert BARE.get(shared.sim.base_url + "/nothing").status_code in (401, 403)


def test_another_process_can_read_the_journal_set_faults_and_the_account(shared: SharedSimulator, mark: str) -> None:
    sim, available = shared.sim, shared.sim.account.available_credits
    with client(sim.origin + "/_simulator", {}) as control:
        wish = {"kind": "error_before", "on": "list", "times": 2, "status": 502}
        assert control.post("/faults", json=wish).status_code == 201
        assert shared.ask("list").status_code == 502
        body = control.get("/faults").json()
        assert body["active"] == [{"kind": "error_before", "on": "list", "times": 1, "match": None, "status": 502}]
        assert set(body["kinds"]) == set(sim.supported_faults.kinds)
        assert control.delete("/faults").status_code == 204
        assert control.post("/faults", json={"kind": "x"}).status_code == 400
        shared.submit(mark)
        assert [mark in str(entry) for entry in control.get("/submits").json()] == [True]
        assert [entry["status"] for entry in control.get("/requests").json()] == [502, 200]
        assert control.delete("/requests").status_code == 204
        assert (sim.requests, sim.submits) == ([], [])
        assert control.post("/account", json={"available_credits": 0}).status_code == 200
        assert (shared.submit().status_code, sim.submits) == (shared.vendor.no_funds_status, [])
        assert control.post("/account", json={"available_credits": available}).status_code == 200
        assert control.get("/account").json()["available_credits"] == sim.account.available_credits


def test_two_simulators_cannot_share_a_port(shared: SharedSimulator) -> None:
    with pytest.raises(OSError, match="address"), shared.vendor.running(port=shared.sim.port):
        pass


def test_faults_can_be_written_in_one_line(shared: SharedSimulator) -> None:
    parse = shared.sim.supported_faults.parse
    fault = parse("slow:result:*:bytes_per_second=100:match=cat")
    assert (fault.on, fault.times, fault.match) == ("result", None, "cat")
    assert fault.option("bytes_per_second") == 100
    assert (parse("throttle").on, parse("delay").option("seconds")) == ("submit", 1.0)
    for line in (*NONSENSE, *shared.vendor.unknown_faults):
        with pytest.raises(ValueError, match=r"."):
            parse(line)


@pytest.mark.skipif(os.name == "nt", reason="this system has no POSIX signals")
@pytest.mark.parametrize(("name", "number"), [*((name, signal.SIGTERM) for name in VENDORS), ("topaz", signal.SIGINT)])
def test_serving_ends_cleanly_when_told_to(name: str, number: signal.Signals, picture_server: PictureServer) -> None:
    code = textwrap.dedent(f"""
        from darkroom_local.simulators.{name} import serve
        serve(api_key="{KEY}", faults=["throttle:list"], on_ready=lambda u: print(u, flush=True))
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
    with client(child.stdout.readline().strip(), VENDORS[name].headers) as http:
        assert [VENDORS[name].requests["list"](http, picture_server).status_code for _ in range(2)] == [429, 200]
        start = time.time()
        child.send_signal(number)
        out, err = child.communicate(timeout=120)
    assert (child.returncode, out, err) == (0, "ended\n", "")
    assert time.time() - start < 30
