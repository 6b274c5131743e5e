"""Checks the invariants of callbacks: what they may write, whose task tokens are written, and that none waits for the clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from darkroom.model import Handle
from tests.fakes.dynamodb_values import Row
from tests.fakes.memory_dynamodb import Key
from tests.faults.memory_step_functions import Execution
from tests.faults.rows import OVER, number, text
from tests.faults.scheduler import Scheduler
from tests.faults.simulated_vendor import Process

Run = tuple[str, int]  # a job's id and a run
# The attributes that the function callback may change.
OF_A_CALLBACK = {"told_at", "told_process_id", "times_told", "due_at", "next_attempt_at"}
MOST_TOLD, MOST_REFUSED = 3, 5


@dataclass
class CallbackLaws:
    """Checks what happens to callbacks. `breach` records a broken invariant, and `job` returns the row of a job."""

    scheduler: Scheduler
    breach: Callable[[str, str], None]
    job: Callable[[str], Row | None]
    seen: Counter[str]
    called: Mapping[str, Run] = field(default_factory=dict)  # worker of a callback → the run that it is about
    on_release: Callable[[Run], None] = lambda run: None
    said: set[Run] = field(default_factory=set)  # the runs that the vendor has accepted, as a callback said
    overruled: dict[Run, float] = field(default_factory=dict)  # run → when a person decided to send it again
    must_not_send: set[str] = field(default_factory=set)  # workers that reserved the credits of such a run
    words: set[Run] = field(default_factory=set)  # the runs with an accepted final word that nobody has looked at
    looked_at: dict[Run, float] = field(default_factory=dict)  # run → when the provider was asked about its process
    askers: set[str] = field(default_factory=set)  # workers that asked the provider about a process
    refused: Counter[Run] = field(default_factory=Counter)  # run → how often its note kept executions from waiting
    forgot: dict[str, Run] = field(
        default_factory=dict
    )  # worker that has not ended → the run whose callback it forgot last

    def row_written(self, key: Key, old: Row | None, new: Row) -> None:
        """Check a write by a callback or a forger, and a note that is made or forgotten."""
        me = self.scheduler.running or ""
        if me.startswith("forger"):
            self.breach("a forged callback changes nothing", str(key))
        if me.startswith("callback"):
            self._by_callback(key, old, new, self.called[me])
        if number(new, "times_told") > MOST_TOLD:
            self.breach("callbacks lead to a bounded number of looks", str(key))
        if "told_at" in (old or {}) and "told_at" not in new:
            self._forgotten(old, new, me)
        if key[1] == "JOB" and number(old, "run") == number(new, "run"):
            self._moved(
                (text(new, "job_id") or "", int(number(new, "run"))), text(old, "status"), text(new, "status"), me
            )

    def said_accepted(self, run: Run, began: float) -> None:
        """Record that the function accepted a callback about a run that was not bound when the request `began`. Such a run must
        not be sent again, unless a person has decided so since."""
        if began > self.overruled.get(run, -1.0):
            self.said.add(run)

    def submit_begun(self, handle: Handle) -> None:
        """Check that the worker does not send a run about which a callback was accepted before its credits were reserved."""
        if self.scheduler.running in self.must_not_send:
            self.breach("nothing is sent again for a run about which the vendor has called back", str(handle))

    def token_written(self, execution: Execution) -> None:
        """Check that a task token is in the row of its own run."""
        row = self.job(execution.data["job_id"])
        if number(row, "run") != execution.data["run"] or text(row, "status") != "PROCESSING":
            how = f"{execution.name}: {text(row, 'status')}"
            self.breach("a task token is written into the row of its own run", how)
        self.seen["waited to be told"] += 1

    def token_refused(self, execution: Execution) -> None:
        """Check that a note does not keep executions from waiting again and again, because finalize would be called without a
        pause. A second execution, or one whose finalize died, may meet the same note."""
        run = _run_of(execution)
        row = self.job(run[0])
        if number(row, "run") == run[1] and text(row, "status") == "PROCESSING":
            self.refused[run] += 1
            if self.refused[run] > MOST_REFUSED:
                self.breach("callbacks lead to a bounded number of looks", f"{run}: {self.refused[run]} without a wait")

    def wait_timed_out(self, execution: Execution) -> None:
        """Check that no callback waited as long as the execution did, unless a worker has taken it and is about to look."""
        self.seen["timed out untold"] += 1
        run = _run_of(execution)
        if run in self.words and run not in self.forgot.values():
            self.breach("an accepted callback is looked at before the clock", execution.name)

    def finalize_entered(self, execution: Execution) -> None:
        """Record that finalize looks at the run."""
        self._look(_run_of(execution))

    def provider_asked(self, process: Process) -> None:
        """Record that the provider was asked about the process."""
        self.askers.add(self.scheduler.running or "")
        self._look((process.handle.job_id, process.handle.run))

    def accepted(self, run: Run, began: float) -> None:
        """Record a final word that the function accepted in a request that `began` then. The provider must be asked before the
        execution's wait times out, unless it was asked since."""
        if self.looked_at.get(run, -1.0) < began:
            self.words.add(run)

    def worker_ended(self, name: str, outcome: object) -> None:
        """Forget a word that a worker took out of the ledger and then could not look at: it died or failed, or never learned that
        its takeover was made, and now lets the execution wait for the end of its own lease."""
        run = self.forgot.pop(name, None)
        if run is not None and (isinstance(outcome, BaseException) or name not in self.askers):
            self.words.discard(run)

    def _by_callback(self, key: Key, old: Row | None, new: Row, about: Run) -> None:
        changed = {name for name in {*new, *(old or {})} if new.get(name) != (old or {}).get(name)}
        run = (text(new, "job_id"), int(number(new, "run")))
        if key[1] != "JOB" or run != about or changed - OF_A_CALLBACK:
            self.breach("a callback changes only what its own run was told", f"{key} {about}: {changed}")
        if text(old, "status") in OVER:
            self.breach("a callback changes no run that has ended", f"{key} {text(old, 'status')}")
        self.seen[f"told while {text(new, 'status')}"] += "told_at" in changed
        self.seen[f"accepted, as told while {text(new, 'status')}"] += (
            "told_process_id" in changed and "told_at" not in changed
        )
        self.seen["lost submit made due"] += "due_at" in changed

    def _moved(self, run: Run, before: str | None, status: str | None, me: str) -> None:
        match before, status:
            case "IN_DOUBT", "CLAIMED":
                self.said.discard(run)
                self.overruled[run] = self.scheduler.seconds
            case "SUBMITTING", "CLAIMED":
                self.on_release(run)
            case "CLAIMED", "SUBMITTING" if run in self.said:
                self.must_not_send.add(me)
                self.seen["not sent again after a callback"] += 1

    def _forgotten(self, old: Row | None, new: Row, me: str) -> None:
        run = (text(new, "job_id") or "", int(number(new, "run")))
        self.forgot[me] = run
        self.refused.pop(run, None)
        is_claim_lost = number(new, "attempt") == number(old, "attempt") and me not in self.askers
        # With a lost claim, a worker only lets the execution wait for the lease's end. Any other status means that the submit is
        # known to have come to nothing.
        if is_claim_lost or text(new, "status") != "PROCESSING":
            self._look(run)

    def _look(self, run: Run) -> None:
        self.looked_at[run] = self.scheduler.seconds
        self.words.discard(run)


def _run_of(execution: Execution) -> Run:
    return execution.data["job_id"], execution.data["run"]
