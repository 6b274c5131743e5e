"""Tests what a user sees with `Callbacks=on`: the vendor's callbacks bring results early, and no callback can do harm.

The stack of the other tests is updated for this module, and back afterwards. So the tests also show that a stack with jobs at
the provider can be updated either way.
"""

from __future__ import annotations

import io
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image

from tests.e2e import state_machine_calls
from tests.e2e.callback_flood import address_of, flood
from tests.e2e.deployed_application import Darkroom, picture

TOLD, CLOCK = "callback", "poll"
MOST_TRANSITIONS = 5  # including the start
MOST_LOOKS = 3  # that callbacks of one run can cause
LATE = {"late_seconds": 6.0}
FAR = {"eta_late": {"seconds": 600.0}}  # without a callback, the result would be found ten minutes late


@dataclass(frozen=True)
class Case:
    """What happens to the callbacks of one upload, and what is expected of its job."""

    told_by: str | None = TOLD  # None if both are right
    faults: dict[str, dict[str, float]] = field(default_factory=dict)
    status: str = "COMPLETED"


CASES = {
    "ordinary": Case(faults=FAR),
    "failed": Case(faults={"failed_job": {}, **FAR}, status="FAILED"),
    "lost": Case(CLOCK, {"callbacks_lost": {}, "eta_late": {"seconds": 8.0}}),
    "twice": Case(faults={"callbacks_twice": {}, **FAR}),
    "reversed": Case(faults={"callbacks_reversed": {}, **FAR}),
    "before-the-answer": Case(faults={"delay": {"seconds": 2.0}, **FAR}),
    "wrong-words": Case(None, {"callbacks_early": {}, "eta_early": LATE}),
    "lost-answer": Case(None, {"lost_answer": {}}),
}
BEFORE, AFTER = "held/callbacks/before-the-update.png", "held/callbacks/before-the-way-back.png"


def key_of(name: str) -> str:
    return f"held/callbacks/{name}.png"


def send(darkroom: Darkroom, key: str, faults: dict[str, dict[str, float]]) -> None:
    darkroom.upload(key, picture(80, 60, "PNG"), "scale=2")
    for kind, options in faults.items():
        darkroom.simulator.faults.add(kind, on="submit", match=darkroom.job_id(key), **options)
    darkroom.notify(key)


@pytest.fixture(scope="module")
def address(darkroom: Darkroom) -> Iterator[str]:
    """Switch callbacks on while a job is at the provider, and yield their address. In the end, switch them off."""
    send(darkroom, BEFORE, {"eta_early": LATE})
    darkroom.until(BEFORE, lambda job: job.get("status") == "PROCESSING")
    yield darkroom.update(Callbacks="on")["CallbackUrl"]
    darkroom.update(Callbacks="off")


@pytest.fixture(scope="module")
def jobs(darkroom: Darkroom, address: str) -> dict[str, dict[str, Any]]:
    """Upload all cases at once, and return their jobs when all have ended."""
    for name, case in CASES.items():
        send(darkroom, key_of(name), case.faults)
    ended = darkroom.ended(map(key_of, CASES), hurry=True)
    return {name: ended[key_of(name)] for name in CASES}


@pytest.mark.parametrize("name", CASES)
def test_each_job_ends_right_however_its_callbacks_come_and_is_paid_once(darkroom, jobs, name) -> None:
    assert jobs[name]["status"] == CASES[name].status
    assert CASES[name].told_by in (None, jobs[name]["told_by"])
    assert len(darkroom.submits(key_of(name))) == 1
    if CASES[name].status == "COMPLETED":
        with Image.open(io.BytesIO(darkroom.output(key_of(name))["Body"])) as image:
            image.load()
            assert image.size == (160, 120)


@pytest.mark.parametrize("name", ["ordinary", "failed", "twice", "reversed", "before-the-answer"])
def test_a_job_whose_callback_comes_is_never_polled(darkroom, jobs, name) -> None:
    states = darkroom.visited(key_of(name))
    assert not {"Poll", "States.Timeout"} & set(states)
    assert 1 + len(states) <= MOST_TRANSITIONS
    assert jobs[name].get("polls", 0) == 0


def test_a_lost_callback_costs_one_time_out_and_nothing_else(darkroom, jobs) -> None:
    states = darkroom.visited(key_of("lost"))
    assert states.count("States.Timeout") == states.count("Poll") == 1
    assert states.count("Finalize") == 1


def test_every_callback_went_over_tls_to_an_address_of_its_own(darkroom: Darkroom, jobs, address: str) -> None:
    assert address.startswith(f"{darkroom.stack.endpoint.url}/")
    addresses = [address_of(darkroom, key_of(name)) for name in CASES]
    assert all(one.startswith(address) for one in addresses)
    assert len(set(addresses)) == len(addresses)
    made = [one for one in darkroom.simulator.callbacks if one["process_id"] == jobs["ordinary"]["process_id"]]
    assert {one["answer"] for one in made} == {204}


def test_a_forged_or_replayed_callback_changes_nothing(darkroom: Darkroom, jobs, address: str, vendor) -> None:
    right, other = address_of(darkroom, key_of("ordinary")), address_of(darkroom, key_of("twice"))
    mac, its_mac = right.rpartition("/")[2], other.rpartition("/")[2]
    said = {"process_id": jobs["ordinary"]["process_id"], "status": "Completed"}
    forged = [
        address,
        f"{address}a",
        f"{right}a",
        right[:-1] + ("0" if right[-1] != "0" else "1"),
        right.replace(mac, its_mac),
        right.replace(mac, ""),
        right.replace(mac, mac.upper()) if mac != mac.upper() else f"{right}A",
    ]
    before = {name: stable(darkroom.job(key_of(name))) for name in CASES}
    asked = len(darkroom.simulator.requests)
    assert {vendor.post(url, json=said).status_code for url in forged} == {404}
    assert vendor.post(right, content=b"x" * 65_537).status_code in (404, 413)
    for _ in range(3):
        assert vendor.post(right, json=said).status_code < 500
    assert {name: stable(darkroom.job(key_of(name))) for name in CASES} == before
    assert len(darkroom.simulator.requests) == asked


def test_a_small_flood_changes_no_job_and_costs_three_looks(darkroom: Darkroom, jobs, tmp_path: Path) -> None:
    running, ended = key_of("running"), key_of("ordinary")
    send(darkroom, running, {"eta_early": {"late_seconds": 8.0}})
    process_id = darkroom.until(running, lambda job: "task_token" in job)["process_id"]
    before = stable(darkroom.job(ended))
    assert flood(darkroom, [running, ended], 600, 0.5, tmp_path / "log").is_all_answered
    polls = darkroom.visited(running).count("Poll")
    asked = [r for r in darkroom.simulator.requests if r["operation"] == "status" and r["process_id"] == process_id]
    at_the_end = 1  # finalize asks once more after the poll that finds the end, if that has come already
    assert len(asked) <= polls + MOST_LOOKS + at_the_end
    assert stable(darkroom.job(ended)) == before
    assert darkroom.ended([running])[running]["status"] == "COMPLETED"


def stable(job: dict[str, Any]) -> dict[str, Any]:
    """Return the job without the notes of callbacks, which a callback may write at any time."""
    return {name: value for name, value in job.items() if "told" not in name}


@pytest.fixture
def vendor(darkroom: Darkroom) -> Iterator[httpx.Client]:
    """Yield a client that has no key of AWS, and trusts the cloud's certificate as a vendor trusts AWS's."""
    trust = ssl.create_default_context(cafile=darkroom.stack.endpoint.authority)
    with httpx.Client(verify=trust, trust_env=False, timeout=60) as made:
        yield made


def test_the_state_machine_may_make_every_call_of_its_definition_and_no_other(darkroom: Darkroom, address: str) -> None:
    made = state_machine_calls.calls(darkroom)
    assert state_machine_calls.allowed(darkroom, made | state_machine_calls.other_calls(darkroom)) == made
    assert {action for action, _ in made} == {state_machine_calls.INVOKE, state_machine_calls.UPDATE}


def test_nothing_stays_reserved(darkroom: Darkroom, jobs) -> None:
    darkroom.ended([BEFORE])
    assert darkroom.row("BUDGET#topaz", jobs["ordinary"]["budget_month"])["reserved"] == Decimal(0)


def test_no_link_and_no_address_of_a_callback_is_written_anywhere(darkroom: Darkroom, jobs) -> None:
    said = darkroom.everything_written()
    assert darkroom.job_id(key_of("ordinary")) in said  # the text names jobs, so it is the right text to search
    assert "signature=" not in said.lower()
    assert "/results/" not in said
    assert not any(urlsplit(address_of(darkroom, key_of(name))).path.rpartition("/")[2] in said for name in CASES)


def test_callbacks_are_switched_off_again_while_a_job_waits_for_its_callback(darkroom: Darkroom, jobs) -> None:
    """The last test of the module, because from then on no callback comes."""
    send(darkroom, AFTER, {"eta_early": LATE, "callbacks_lost": {}})
    darkroom.until(AFTER, lambda job: "task_token" in job)
    assert "CallbackUrl" not in darkroom.update(Callbacks="off")
    ended = darkroom.ended([BEFORE, AFTER])
    assert [(ended[key]["status"], len(darkroom.submits(key))) for key in (BEFORE, AFTER)] == [("COMPLETED", 1)] * 2
    invoked = {call for call in state_machine_calls.calls(darkroom) if call[0] == state_machine_calls.INVOKE}
    everything = invoked | state_machine_calls.other_calls(darkroom)
    assert state_machine_calls.allowed(darkroom, everything) == invoked
