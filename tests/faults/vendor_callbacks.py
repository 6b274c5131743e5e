"""Simulates a vendor's callbacks and those who forge them.

A vendor calls back late, twice, out of order, too early, with a wrong word, about a wrong process, or never. It tries again while
the function's answer is an error. A forger knows the function's URL and every job, but not the key of the addresses.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from darkroom import callback_addresses
from darkroom.model import Handle, ProcessState
from darkroom.timestamps import stamp
from tests.faults.memory_step_functions import ARN
from tests.faults.rows import number, text
from tests.faults.simulated_vendor import Fate, Process

if TYPE_CHECKING:
    from tests.faults.simulation import Simulation

MOST_TRIES, FIRST_PAUSE = 8, 5.0
WORDS = {
    ProcessState.COMPLETED: "Completed", ProcessState.FAILED: "Failed", ProcessState.CANCELLED: "Cancelled",
    ProcessState.RUNNING: "Processing", ProcessState.EXPIRED: "Completed",
}  # fmt: skip
ENDS = {Fate.COMPLETES: "Completed", Fate.FAILS: "Failed", Fate.IS_CANCELLED: "Cancelled"}
FINAL = frozenset(ENDS.values())
LINK = "https://results.example/secret-link"


@dataclass
class Call:
    """Holds one callback: where it goes and what it says."""

    url: str
    process_id: str
    word: str
    tries: int = 0

    @property
    def body(self) -> bytes:
        """Return the body as the vendor publishes it. Nothing of its link may be kept."""
        return json.dumps({"process_id": self.process_id, "status": self.word, "download_url": LINK}).encode()


@dataclass
class VendorCallbacks:
    """Schedules the callbacks of each accepted process, and forged requests. `called` maps a worker to the run of its address."""

    simulation: Simulation
    called: dict[str, tuple[str, int]] = field(default_factory=dict)
    rng: Random = field(init=False)
    cleared_rng: Random = field(init=False)
    lag_rng: Random = field(init=False)

    def __post_init__(self) -> None:
        self.rng = Random(f"{self.simulation.shape.seed} callbacks")
        self.cleared_rng = Random(f"{self.simulation.shape.seed} cleared")
        self.lag_rng = Random(f"{self.simulation.shape.seed} lag")

    def accepted(self, process: Process, url: str | None) -> None:
        """Schedule the callbacks about a process that was accepted with this address."""
        if url is None:
            return
        if self.lag_rng.random() < 0.2:
            process.list_lag = 120.0 + self.lag_rng.random() * 7200.0
            self.simulation.seen["listed too late"] += 1
        rng, ends_in, own = self.rng, process.ends_at - self.simulation.scheduler.seconds, ENDS[process.fate]
        if rng.random() < 0.3:
            self._call(Call(url, process.process_id, "Processing"), rng.random() * ends_in * 1.2)
        if rng.random() < 0.15:
            for _ in range(rng.randint(1, 5)):  # a word that is wrong, because the process has not ended
                self._call(Call(url, process.process_id, rng.choice([*FINAL])), rng.random() * ends_in)
        if rng.random() < 0.1:
            self._call(Call(url, self._another(process), own), rng.random() * ends_in * 1.2)
        if rng.random() < 0.15:
            return  # it never says that the process has ended
        for copy in range(1 if rng.random() < 0.7 else rng.randint(2, 5)):
            late = rng.random() * (2 if not copy and rng.random() < 0.85 else rng.choice([10, 1200, 7200]))
            word = own if rng.random() < 0.95 else rng.choice([*FINAL])
            self._call(Call(url, process.process_id, word), ends_in + late)

    def released(self, run: tuple[str, int]) -> None:
        """Call back about a lost submit that the list did not show in time, while it is about to be sent again."""
        for process in self.simulation.vendor.of_run(Handle(*run, 0)):
            if process.list_lag and process.callback_url:
                word = self.lag_rng.choice(["Processing", ENDS[process.fate]])
                self._call(Call(process.callback_url, process.process_id, word), self.lag_rng.random() * 2)

    def forge(self) -> None:
        """Send a request about a job, with a wrong MAC: a random one, or the genuine one of another run or job."""
        rows = [row for key, row in self.simulation.invariants.rows.items() if key[1] == "JOB"]
        given = [p.callback_url for p in self.simulation.vendor.processes.values() if p.callback_url]
        if not rows:
            return
        job_id, run, mac = text(self.rng.choice(rows), "job_id") or "", self.rng.randint(1, 2), "0" * 64
        if given and self.rng.random() < 0.7:
            mac = self.rng.choice(given).rpartition("/")[2]
        path = f"/topaz/{job_id}/{run}/{mac}"
        if any(url.endswith(path) for url in given):
            return  # this one would be genuine
        call = Call(f"https://callbacks.example{path}", self.rng.choice(["p1", "p2", "none"]), "Completed")
        self.simulation.seen["forged"] += 1
        self.simulation.spawn("forger", self._request(call), 0.0, self._refused)

    def start_late(self) -> None:
        """Start an execution of a run that is not a job's run any more, as a worker does that was slow before this call."""
        rows = self.simulation.invariants.rows
        rerun = sorted(
            {text(row, "job_id") or "" for key, row in rows.items() if key[1] == "JOB" and number(row, "run") > 1}
        )
        if not rerun:
            return
        job_id = self.rng.choice(rerun)
        run = int(number(self.simulation.invariants.job(job_id), "run")) - 1
        tick = {"job_id": job_id, "run": run, "poll_at": stamp(self.simulation.scheduler.clock()), "wait_seconds": 1}
        self.simulation.seen["started late"] += 1
        name = f"{job_id}-{run}-late-{self.rng.random()}"
        self.simulation.step_functions.start_execution(
            stateMachineArn=ARN, name=name, input=json.dumps({**tick, "status": "running"})
        )

    def _another(self, process: Process) -> str:
        others = [one for one in self.simulation.vendor.processes if one != process.process_id]
        return self.rng.choice([*others, "nobodys"])

    def _call(self, call: Call, delay: float) -> None:
        address = callback_addresses.read(urlsplit(call.url).path)
        assert address is not None

        def ended(outcome: object) -> None:
            self._answered(call, outcome, began)
            if outcome == 204 and unbound is not None and (began is not None or call.word not in FINAL):
                self.simulation.invariants.callbacks.said_accepted((address.job_id, address.run), unbound)

        def request(ends: datetime) -> int:
            nonlocal began, unbound
            began = self._began(address.job_id, address.run)
            unbound = self._unbound(address.job_id, address.run)
            self.called[self.simulation.scheduler.running or ""] = (address.job_id, address.run)
            return self._request(call)(ends)

        began: float | None = None
        unbound: float | None = None
        self.simulation.spawn("callback", request, max(delay, 0.0), ended)

    def _request(self, call: Call) -> Callable[[datetime], int]:
        return lambda ends: self.simulation.stack.callback("POST", urlsplit(call.url).path, call.body)

    def _answered(self, call: Call, outcome: object, began: float | None) -> None:
        call.tries += 1
        if isinstance(outcome, BaseException):
            if call.tries < MOST_TRIES:
                self._call(call, FIRST_PAUSE * 2**call.tries)
            return
        if outcome != 204:
            self.simulation.invariants.breach("a genuine callback is accepted", f"{call.word}: {outcome}")
        if call.word in FINAL and began is not None:
            address = callback_addresses.read(urlsplit(call.url).path)
            assert address is not None
            self.simulation.invariants.callbacks.accepted((address.job_id, address.run), began)
            self._clear(call, address.job_id, address.run)

    def _clear(self, call: Call, job_id: str, run: int) -> None:
        """Let another user of the account remove the process from the vendor's list, after the callback about a lost submit was
        noted. Without the note, the list would exclude the submit, which is assumed not to happen within the vendor's grace."""
        process, row = self.simulation.vendor.processes.get(call.process_id), self.simulation.invariants.job(job_id)
        is_lost = text(row, "status") == "SUBMITTING" and {"lost_at", "told_at"} <= (row or {}).keys()
        if process is None or (process.handle.job_id, process.handle.run) != (job_id, run) or not is_lost:
            return
        if self.simulation.scheduler.seconds >= process.ends_at and self.cleared_rng.random() < 0.5:
            process.forgotten = process.cleared = True
            self.simulation.seen["cleared by others"] += 1

    def _began(self, job_id: str, run: int) -> float | None:
        """Return the time if the run has not ended and has not had its share of callbacks. Otherwise return None: then
        nothing must follow."""
        row = self.simulation.invariants.job(job_id)
        waits = text(row, "status") in ("CLAIMED", "SUBMITTING", "PROCESSING", "IN_DOUBT") and number(row, "run") == run
        if not waits or (number(row, "times_told") >= 3 and "told_at" not in (row or {})):
            return None
        return self.simulation.scheduler.seconds

    def _unbound(self, job_id: str, run: int) -> float | None:
        """Return the time if the run has been sent, or may be sent again, and has no process. Otherwise return None."""
        row = self.simulation.invariants.job(job_id)
        is_unbound = text(row, "status") in ("CLAIMED", "SUBMITTING") and number(row, "run") == run
        return self.simulation.scheduler.seconds if is_unbound else None

    def _refused(self, outcome: Any) -> None:
        if not isinstance(outcome, BaseException) and outcome != 404:
            self.simulation.invariants.breach("a forged callback is refused", str(outcome))
