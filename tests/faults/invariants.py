"""Checks the invariants that must hold after every step. They are checked at every write, submit, event and result."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from darkroom import queue_messages
from darkroom.aws import items
from darkroom.model import Handle, JobStatus
from tests.fakes.dynamodb_values import Row
from tests.fakes.memory_dynamodb import Key
from tests.faults.callback_laws import CallbackLaws
from tests.faults.memory_buckets import Result
from tests.faults.rows import NOTHING, OVER, number, text
from tests.faults.scheduler import Scheduler
from tests.faults.simulated_vendor import Process, Vendor

# The statuses in which a process may exist at the provider.
AT_THE_PROVIDER = {JobStatus.SUBMITTING, JobStatus.PROCESSING, JobStatus.IN_DOUBT}
AFTER_STAGING = {"PROCESSING", "COMPLETED", "CANCELLED"}
PROOF_LASTS = 30 * 60 + 900.0  # seconds that a proof counts, and the longest from reading it to the vendor's answer


class InvariantBroken(AssertionError):
    """Raised when an invariant is broken. `law` is the name of the invariant."""

    def __init__(self, law: str, how: str) -> None:
        super().__init__(f"{law}: {how}")
        self.law = law


class Invariants:
    """Checks what happens in the table, at the vendor, on the bus and in the output bucket.

    `lives` says whether the worker of that name may still act.
    """

    def __init__(self, scheduler: Scheduler, lives: Callable[[str], bool]) -> None:
        self.scheduler, self.lives = scheduler, lives
        self.seen: Counter[str] = Counter()
        self.limit: Decimal | None = NOTHING  # the highest monthly limit so far; None after a time without a limit
        self.rows: dict[Key, Row] = {}
        # the key of a job's or a run's row → the month, the credits reserved, the credits spent, and the dollars per credit
        self.booked: dict[Key, tuple[str, Decimal, Decimal, Decimal]] = {}
        self.owners: dict[str, str] = {}
        self.bound: dict[str, tuple[str, int]] = {}  # process → the job and run that was bound to it
        self.due: dict[str, float] = {}
        self.doubted: dict[str, float] = {}
        self.were_in_doubt: set[str] = set()
        self.accepted: dict[tuple[str, int], list[Process]] = defaultdict(list)
        self.newest: dict[str, str] = {}  # output key → source order of the newest version that was completed there
        self.staged: set[tuple[str, int]] = set()  # the jobs and runs of which a result was staged
        self.proven: list[float] = []  # seconds at which it was proven that results can be stored
        self.shown: set[str] = set()  # processes whose result was published in the output bucket
        self.callbacks = CallbackLaws(scheduler, self.breach, self.job, self.seen)
        self.vendor: Vendor  # set after this object is made, because the vendor reports each submit to it
        # The first broken invariant. It is raised between two steps, so that no worker can catch it.
        self.broken: InvariantBroken | None = None
        self._unchecked = False

    def breach(self, law: str, how: str) -> None:
        """Record that the invariant `law` was broken. Only the first one is kept."""
        self.broken = self.broken or InvariantBroken(law, how)

    def note(self, text: str) -> None:
        """Add a line to the timeline."""
        self.scheduler.record("story", text)

    def job(self, job_id: str) -> Row | None:
        """Return the row of a job, or None if there is none."""
        return self.rows.get((f"JOB#{job_id}", "JOB"))

    def run_of(self, job_id: str, run: int) -> Row | None:
        """Return the row of a job's current or earlier run, or None if there is none."""
        current = self.job(job_id)
        return current if number(current, "run") == run else self.rows.get((f"JOB#{job_id}", f"RUN#{run}"))

    def row_written(self, key: Key, old: Row | None, new: Row | None) -> None:
        """Check a write to the table. `new` is None if the row was deleted."""
        if new is None:
            self.breach("no row is ever deleted", str(key))
            return
        self.rows[key] = new
        self.callbacks.row_written(key, old, new)
        if key[0].startswith("BUDGET#"):
            self._budget(key, old, new)
        elif key[0].startswith("JOB#"):
            self._book(key, new)
            if key[1] == "JOB":
                self._job(old, new)
            elif old is not None:
                self.breach("a kept run never changes", str(key))
        elif key[0].startswith("CIRCUIT#"):
            self._circuit(old, new)

    def after_step(self) -> None:
        """Check that the budgets equal their jobs. Raises InvariantBroken for the first broken invariant.

        This is called between steps, when every transaction is complete.
        """
        if self.broken is not None:
            raise self.broken
        if self._unchecked:
            self._unchecked = False
            self._balance()
            if self.broken is not None:
                raise self.broken

    def submit_accepted(self, process: Process) -> None:
        """Check a submit that the vendor accepted."""
        handle, row = process.handle, self.job(process.handle.job_id)
        self.note(f"the vendor accepts {process.process_id} for {str(handle)[:6]} {handle.run}.{handle.attempt}")
        others = self.accepted[handle.job_id, handle.run]
        others.append(process)
        self.seen["accepted"] += 1
        # Where a list breaks the vendor's promise, only a callback that comes in time keeps a run from being paid twice.
        if len(others) > 1 and not any(one.list_lag for one in others[:-1]):
            self.breach("a run has at most one accepted submit", f"{handle.prefix}: {[p.process_id for p in others]}")
        told = (number(row, "run"), number(row, "attempt"), text(row, "status"))
        if told != (handle.run, handle.attempt, "SUBMITTING"):
            self.breach("a submit is made under the attempt that the ledger knows", f"{handle}, the ledger: {told}")
        if not any(at > self.scheduler.seconds - PROOF_LASTS for at in self.proven):
            self.breach("nothing is sent unless its result can be stored", f"{handle}: proven at {self.proven}")
        if number(row, "credits_reserved") < process.plan.price:
            self.breach("nothing is sent before its credits are reserved", str(handle))

    def event_sent(self, detail_type: str, detail: dict[str, Any]) -> None:
        """Check an event before it is sent."""
        if detail_type == queue_messages.DETAIL_TYPES[JobStatus.IN_DOUBT] and detail["job_id"] in self.were_in_doubt:
            return  # a person may have resolved the doubt since the worker read the row
        status = text(self.run_of(detail["job_id"], detail["run"]), "status")
        if status is None or queue_messages.DETAIL_TYPES.get(JobStatus(status)) != detail_type:
            self.breach("an event has the status that the ledger has", f"{detail_type}, the ledger: {status}")

    def result_published(self, key: str, before: Result | None, result: Result) -> None:
        """Check an object that becomes visible in the output bucket."""
        process = self.vendor.processes[result.receipt["darkroom-process-id"]]
        if result.body != process.picture:
            others = [one.process_id for one in self.vendor.processes.values() if one.picture == result.body]
            law = "a result is that of its own process" if others else "a result is whole or not there"
            self.breach(law, f"{key}, of {process.process_id}: {others}")
        if before is not None and not before.receipt:
            self.breach("a foreign object stays whole", key)
        self.shown.add(process.process_id)
        order = text(self.job(result.receipt["darkroom-job"]), "source_order") or ""
        if self.newest.get(key, "") > order:
            self.breach(
                "an older version's result never replaces a newer one's", f"{key}: {order} after {self.newest[key]}"
            )
        self.seen["result replaced"] += before is not None

    def result_staged(self, process_id: str) -> None:
        """Record that the result of a synchronous call was staged."""
        handle = self.vendor.processes[process_id].handle
        self.note(f"the result of {process_id} is staged for {str(handle)[:6]} {handle.run}.{handle.attempt}")
        self.staged.add((handle.job_id, handle.run))

    def staged_result_removed(self, process_id: str) -> None:
        """Check that a staged result is removed only after it was published."""
        if process_id not in self.shown:
            self.breach("a staged result is kept until it is published", process_id)

    def _budget(self, key: Key, old: Row | None, new: Row) -> None:
        reserved, spent, committed = (number(new, name) for name in ("reserved", "spent", "committed"))
        if min(reserved, spent) < 0 or committed != reserved + spent:
            law = "committed is the sum of reserved and spent, and none is below 0"
            self.breach(law, f"{key}: {committed}, {reserved}, {spent}")
        granted = reserved > number(old, "reserved")
        if granted and key[0] == "BUDGET#topaz" and self.limit and committed > self.limit:
            self.breach("no reservation passes the limit", f"{key}: {committed} of {self.limit}")
        self._unchecked = True

    def _book(self, key: Key, row: Row) -> None:
        month = text(row, "budget_month")
        if month is None:
            self._unchecked |= self.booked.pop(key, None) is not None
            return
        over = text(row, "status") in OVER
        reserved = NOTHING if over else number(row, "credits_reserved")
        spent = number(row, "credits") if over else NOTHING
        self.booked[key] = (month, reserved, spent, number(row, "credit_price_usd"))
        self._unchecked = True

    def _balance(self) -> None:
        sums: dict[Key, list[Decimal]] = defaultdict(lambda: [NOTHING, NOTHING, NOTHING])
        for month, reserved, spent, price in self.booked.values():
            for unit, factor in (("topaz", Decimal(1)), ("usd", price)):
                row = sums[f"BUDGET#{unit}", month]
                row[0], row[1], row[2] = row[0] + reserved * factor, row[1] + spent * factor, row[2] + 1
        for key, row in self.rows.items():
            if key[0].startswith("BUDGET#"):
                says = [number(row, name) for name in ("reserved", "spent", "jobs")]
                if says != sums.pop(key, [NOTHING, NOTHING, NOTHING]):
                    self.breach("the books balance", f"{key} says {says}")
        if sums:
            self.breach("the books balance", f"no row for {list(sums)}")

    def _job(self, old: Row | None, new: Row) -> None:
        job_id, status = text(new, "job_id") or "", text(new, "status") or ""
        before = text(old, "status")
        self._place(job_id, new)
        if old is None:
            self.owners[job_id] = self.scheduler.running or ""
            self.note(f"job {job_id[:6]} for {text(new, 'source_key')} {text(new, 'source_version')}")
            self.seen[f"made by {(self.scheduler.running or '').partition('-')[0]}"] += 1
            return
        grown = number(new, "run") - number(old, "run")
        if grown and (grown != 1 or before not in OVER or not (self.scheduler.running or "").startswith("operator")):
            self.breach("only an operator's rerun raises the run", f"{job_id} {before} → {status}")
        if not grown and before in OVER and (status != before or old.get("credits") != new.get("credits")):
            self.breach("a job that has ended never changes", f"{job_id} {before} → {status}")
        if "staged" in new and number(new, "polls"):
            self.breach("nobody polls a process whose result is staged", job_id)
        self._owner(job_id, old, new)
        if grown == 0 and new.get("orphans") != old.get("orphans"):
            self._orphaned(job_id, new)
        if status != before:
            self._moved(job_id, old, new, before or "", status)

    def _owner(self, job_id: str, old: Row, new: Row) -> None:
        me, owner = self.scheduler.running or "", self.owners.get(job_id)
        taken = number(new, "run") == number(old, "run") and number(new, "attempt") > number(old, "attempt")
        if taken and owner not in (None, me) and self.lives(owner):
            self.breach("nobody takes over from a worker that lives", f"{job_id}: {me} from {owner}")
        if "lease_until" not in new:
            self.owners.pop(job_id, None)
        elif taken:
            self.owners[job_id] = me

    def _moved(self, job_id: str, old: Row, new: Row, before: str, status: str) -> None:
        self.seen[f"{before} → {status}"] += 1
        self.note(f"job {job_id[:6]} run {number(new, 'run')}.{number(new, 'attempt')}: {before} → {status}")
        if code := text(new, "error_code"):
            self.seen[f"{status} {code}"] += 1
        if before == "SUBMITTING" and status == "CLAIMED":
            self.seen["sent again after a lookup"] += "never received" in (text(new, "error") or "")
        self._whole(new)
        if status == "PROCESSING":
            self._bound(job_id, new)
        if (job_id, int(number(new, "run"))) in self.staged and status not in AFTER_STAGING:
            self.breach("a staged result is published or withdrawn", f"{job_id} {before} → {status}")
        if status == "COMPLETED" and "superseded" not in new:
            key, order = text(new, "output_key") or "", text(new, "source_order") or ""
            if self.newest.get(key, "") > order:
                self.breach("an older version's result never replaces a newer one's", f"{key}: {job_id} settled")
            self.newest[key] = order
        self.seen["superseded"] += status == "COMPLETED" and "superseded" in new
        self.seen[f"cancelled from {before}"] += status == "CANCELLED" and "error_code" not in new

    def _whole(self, new: Row) -> None:
        """Check that the row has the attributes that its status needs, and none that its status excludes."""
        try:
            job = items.job_of(new)
            if job.status in AT_THE_PROVIDER:
                job.require_provider(), job.require_model(), job.require_dispatch(), job.require_reservation()
            if job.status is JobStatus.PROCESSING:
                job.require_process()
            early = job.status in (JobStatus.CLAIMED, JobStatus.SUBMITTING) and job.process is not None
            waiting = job.status is JobStatus.CLAIMED and job.reservation is not None
        except (TypeError, ValueError) as lacking:
            self.breach("a job has all that its status needs", str(lacking))
        if early or waiting:
            self.breach("a job has nothing that its status excludes", f"{job.job_id} {job.status}")

    def _bound(self, job_id: str, new: Row) -> None:
        process = self.vendor.processes.get(text(new, "process_id") or "")
        mine_run = (job_id, int(number(new, "run")))
        if process is not None and self.bound.setdefault(process.process_id, mine_run) != mine_run:
            self.breach(
                "a process has one job", f"{process.process_id}: {self.bound[process.process_id]} and {mine_run}"
            )
        elif process is not None and (process.handle.job_id, process.handle.run) != mine_run:
            self._exchange(process, job_id, new)
        if process is None or (process.handle.job_id, process.handle.run) != (job_id, number(new, "run")):
            self.breach("a job is bound to a process of its own run", f"{job_id}: {text(new, 'process_id')}")
        mine = process.handle.attempt == number(new, "attempt")
        self.seen["bound by its own worker" if mine else "adopted"] += 1
        self.seen["staged" if mine else "staged, and adopted"] += "staged" in new

    def _orphaned(self, job_id: str, new: Row) -> None:
        """What a job gives up, and cancels, must be its own."""
        for process_id in new["orphans"]["SS"]:
            if self.vendor.processes[process_id].handle.job_id != job_id:
                self.breach("an orphan is a process of its own job", f"{job_id}: {process_id}")

    def _exchange(self, process: Process, job_id: str, new: Row) -> None:
        """A job took the process of another one by its image. That is right if both asked for the same: then nothing tells the
        two processes apart, and the simulation takes one for the other from here on.
        """
        own_run = (job_id, int(number(new, "run")))
        other_run = (process.handle.job_id, process.handle.run)
        row = self.run_of(*other_run)
        same = row is not None and all(row.get(name) == new.get(name) for name in ("model", "settings"))
        if self.vendor.shape.vendor != "unnamed" or not same:
            return
        own = [one for one in self.accepted[own_run] if not one.duplicate]
        handle = process.handle
        process.handle = own[0].handle if own else Handle(*own_run, int(number(new, "attempt")) - 1)
        self.accepted[other_run] = [one for one in self.accepted[other_run] if one is not process]
        self.accepted[own_run] = [one for one in self.accepted[own_run] if one not in own[:1]] + [process]
        if own:
            own[0].handle = handle
            self.accepted[other_run].append(own[0])
        self.seen["exchanged"] += 1

    def _place(self, job_id: str, row: Row) -> None:
        word, due_at = text(row, "open_status"), text(row, "due_at")
        self.due.pop(job_id, None)
        self.doubted.pop(job_id, None)
        if word == "IN_DOUBT":
            self.doubted[job_id] = self.scheduler.seconds
            self.were_in_doubt.add(job_id)
        elif word is not None:
            self.due[job_id] = (datetime.fromisoformat(due_at or "") - self.scheduler.start).total_seconds()

    def _circuit(self, old: Row | None, new: Row) -> None:
        was, now = text(old, "retry_at"), text(new, "retry_at")
        probing = was and now and text(old, "opened_at") == text(new, "opened_at")
        word = "opened" if now and not was else "closed" if was and not now else "probed" if probing else "changed"
        self.seen[f"circuit {word}"] += 1
        self.seen["paused"] += "paused_at" in new and "paused_at" not in (old or {})
