"""Checks, after a schedule has ended, that nothing is lost or left over and that the ledger has every payment."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

from darkroom import output_keys, queue_messages
from darkroom.errors import ClaimHeld, DarkroomError, LedgerBusy
from darkroom.model import Alarm, Handle, JobStatus
from darkroom.pipeline.sweep import SweepFailed
from darkroom.queue_messages import MalformedMessage
from tests.fakes.dynamodb_values import Row
from tests.faults.invariants import InvariantBroken
from tests.faults.rows import OVER, number, text
from tests.faults.vendor_callbacks import LINK
from tests.faults.workers import Outage, WorkerDied
from tests.faults.world_shapes import USUAL_TOKEN_BYTES

if TYPE_CHECKING:
    from tests.faults.simulation import Simulation

REFUSED_SECONDS = 1800  # the state machine waits so long before it tries a refused result again

# The errors with which each function may end. Of Darkroom's own errors, submit raises ClaimHeld only, which keeps the
# message of a worker that died. It raises none for a message that comes too early.
MAY_RAISE: dict[str, tuple[type[BaseException], ...]] = {
    "submit": (WorkerDied, Outage, MalformedMessage, ClaimHeld),
    "poll": (WorkerDied, Outage, DarkroomError),
    "finalize": (WorkerDied, Outage, DarkroomError),
    "sweep": (WorkerDied, SweepFailed),
    "callback": (WorkerDied, Outage, LedgerBusy),
    "forger": (WorkerDied, Outage, LedgerBusy),
    "operator": (WorkerDied, Outage, DarkroomError),
    "world": (),
}


def ending(name: str, outcome: object) -> None:
    """Check how the worker `name` ended. Raises InvariantBroken for an error that no retry can mend."""
    kind = name.partition("-")[0]
    if isinstance(outcome, BaseException) and not isinstance(outcome, MAY_RAISE[kind]):
        if isinstance(outcome, AssertionError):
            raise outcome
        raise InvariantBroken(
            "a function fails only for reasons that a retry mends", f"{name}: {outcome!r}"
        ) from outcome


def check(simulation: Simulation) -> None:
    """Check the whole state after a schedule has ended. Raises InvariantBroken for the first thing that is wrong."""
    if LINK in str(simulation.invariants.rows):
        raise InvariantBroken("nothing of a callback but the process id is kept", LINK)
    for source in simulation.inputs.put_in:
        row = simulation.invariants.job(source.job_id)
        if row is None and simulation.inputs.holds(source):
            raise InvariantBroken("no upload is lost", f"{source.key} {source.version_id} has no job")
        simulation.seen["vanished before it became a job"] += row is None
        simulation.seen["lost event found by the sweep"] += row is not None and source.job_id in simulation.events_lost
    for key, row in simulation.invariants.rows.items():
        if key[0].startswith("JOB#"):
            _job(simulation, row, current=key[1] == "JOB")
    _rest(simulation)


def _job(simulation: Simulation, row: Row, *, current: bool) -> None:
    job_id, run, status = text(row, "job_id") or "", int(number(row, "run")), text(row, "status") or ""
    if status == "IN_DOUBT":
        if simulation.shape.operators or not simulation.alerts.rung[Alarm.IN_DOUBT]:
            raise InvariantBroken("a job in doubt is resolved, or an alarm was raised for it", job_id)
        if not simulation.bus.sent[job_id, run, queue_messages.DETAIL_TYPES[JobStatus.IN_DOUBT]]:
            raise InvariantBroken("every doubt has its event", f"{job_id} run {run}")
        return
    if status not in OVER:
        raise InvariantBroken("every job comes to an end", f"{job_id} is {status}")
    detail_type = queue_messages.DETAIL_TYPES.get(JobStatus(status))
    if detail_type and not simulation.bus.sent[job_id, run, detail_type]:
        raise InvariantBroken("every end of a job has its event", f"{job_id} run {run} {status}")
    if (job_id, run) in simulation.operators.abandoned:
        if not simulation.alerts.rung[Alarm.IN_DOUBT]:
            raise InvariantBroken("an abandoned job had its alarm", job_id)
    else:
        _paid(simulation, row, job_id, run)
        _overrun(simulation, row, job_id)
    if current:
        _told_among_the_dead(simulation, row, job_id)
    if current and status == "COMPLETED":
        _delivered(simulation, row)
    if current and status in ("FAILED", "REJECTED"):
        _reported(simulation, row)


def _overrun(simulation: Simulation, row: Row, job_id: str) -> None:
    """Check that a charge above the reservation raised an alarm, whatever worker died at the settlement."""
    if number(row, "credits") <= number(row, "credits_reserved"):
        return
    simulation.seen["overrun"] += 1
    if not simulation.alerts.by_job[Alarm.OVERRUN, job_id]:
        raise InvariantBroken("a charge above the reservation has its alarm", job_id)


def _told_among_the_dead(simulation: Simulation, row: Row, job_id: str) -> None:
    """Check that a lasting failure of an unknown kind reached the dead-letter queue, if the job outlived its message."""
    trouble = simulation.inputs.troubles.get(job_id)
    if trouble is None or not trouble.is_lasting or trouble.kind not in ("outage", "deadly"):
        return
    if text(row, "error_code") == "TimedOut" and number(row, "run") == 1 and simulation.shape.deadline >= 3 * 3600:
        simulation.seen[f"{trouble.kind} until the deadline"] += 1
        if not any(simulation.job_named_by(message) == job_id for message in simulation.queue.dead):
            raise InvariantBroken("a lasting failure reaches the dead-letter queue", f"{job_id}: {trouble.kind}")


def _reported(simulation: Simulation, row: Row) -> None:
    """Check that a failed upload has a report, unless the same or a newer version has a result."""
    key, order = text(row, "source_key"), text(row, "source_order") or ""
    of_key = [one for one in simulation.invariants.rows.values() if text(one, "source_key") == key]
    mended = any(text(one, "status") == "COMPLETED" and (text(one, "source_order") or "") >= order for one in of_key)
    places = [one for one in simulation.invariants.rows.values() if text(one, "source_uri") == text(row, "source_uri")]
    # A newer version was completed at this output key, even if its job has been run again since then.
    mended |= any((text(one, "newest_order") or "") > order for one in places)
    report = output_keys.report_key(text(row, "source_key") or "")
    if not mended and report not in simulation.outputs.reports.keys() | simulation.outputs.unwritten:
        raise InvariantBroken("every failure has a report", f"{text(row, 'job_id')} {text(row, 'status')}")


def _paid(simulation: Simulation, row: Row, job_id: str, run: int) -> None:
    """Check that the ledger spent what the vendor charged for the run. Check, too, that every process for which no job waits
    is recorded as an orphan, or that an alarm was raised.
    """
    bound, noted = text(row, "process_id"), row.get("orphans", {})
    # A set of strings in the job's row, and a list in the row of an earlier run.
    orphans = [*noted.get("SS", ()), *(one["S"] for one in noted.get("L", ()))]
    # If the vendor made two processes of one call, the job is not charged for the duplicate, unless its result was lost. It may
    # be bound to the duplicate, if others have cleared the first process from the vendor's list.
    is_lost = bound is None and text(row, "error_code") == "ResultLost"
    charged, loose, made = Decimal(0), [], simulation.vendor.of_run(Handle(job_id, run, 0))
    if any(process.list_lag and (len(made) > 1 or process.process_id != bound) for process in made):
        return  # the vendor broke its promise about the list, so that the submit was taken for one that came to nothing
    twin = next((process.handle for process in made if process.process_id == bound and process.duplicate), None)
    # After the deadline a result is delivered although the vendor does not know the process for a while. Then the price counts.
    guessed = sum(
        (
            process.plan.price - process.charge
            for process in made
            if process.process_id == bound and process.was_unknown
        ),
        Decimal(0),
    )
    for process in made:
        is_duplicate = (process.duplicate or process.handle == twin) and not is_lost
        if process.process_id == bound or not (is_duplicate or process.process_id in orphans):
            charged += simulation.vendor.charged(process)
        elif process.process_id not in orphans and not process.cleared:
            loose.append(process.process_id)
    if number(row, "credits") not in (charged, charged + guessed):
        raise InvariantBroken(
            "the ledger spent what the vendor charged", f"{job_id} run {run}: {number(row, 'credits')}, not {charged}"
        )
    simulation.seen["orphan"] += len(orphans)
    # If a result was staged, Darkroom does not read the vendor's list. Only reconcile can then find the second process.
    answered = (job_id, run) in simulation.invariants.staged
    if loose and not answered and not simulation.alerts.rung[Alarm.IN_DOUBT]:
        raise InvariantBroken("a process for which no job waits has its alarm", f"{job_id} run {run}: {loose}")


def _delivered(simulation: Simulation, row: Row) -> None:
    key, order = text(row, "output_key") or "", text(row, "source_order") or ""
    if "superseded" in row:
        key = (
            output_keys.superseded_key(key, text(row, "job_id") or "") if key not in simulation.outputs.results else key
        )
    elif simulation.invariants.newest.get(key, "") > order:
        return  # a newer version's result has replaced this job's result
    standing = simulation.outputs.find(key)
    receipt = standing.metadata if standing else {}
    if receipt.get("darkroom-process-id") != text(row, "process_id"):
        raise InvariantBroken("every completed job has its result", f"{text(row, 'job_id')} at {key}: {dict(receipt)}")
    _keeps_what_its_owner_wrote(simulation, text(row, "job_id") or "", receipt)


def _keeps_what_its_owner_wrote(simulation: Simulation, job_id: str, metadata: Mapping[str, str]) -> None:
    """Check that the result has its source's metadata, if the source could be read and the session token is not too long."""
    source = next(one for one in simulation.inputs.put_in if one.job_id == job_id)
    if source.metadata.items() <= metadata.items() or simulation.shape.token_bytes > USUAL_TOKEN_BYTES:
        return
    disturbed = any(event.label.startswith("sources.") for event in simulation.disturbances)
    if not disturbed and job_id not in simulation.inputs.troubles and simulation.inputs.holds(source):
        raise InvariantBroken("what a source's owner wrote stays on the result", f"{job_id}: {dict(metadata)}")


def _rest(simulation: Simulation) -> None:
    seen = simulation.seen
    seen["execution restarted"] += sum(not name.endswith("-1") for name in simulation.step_functions.executions)
    seen["poison in the dead-letter queue"] += sum(message.body == "{}" for message in simulation.queue.dead)
    seen["refused for storage"] += simulation.alerts.rung[Alarm.STORAGE_REFUSED]
    seen["headers refused"] += simulation.outputs.headers_refused
    seen["tagged later"] += len(simulation.outputs.tagged_later)
    seen["foreign object"] += len(simulation.outputs.foreign)
    for key in simulation.outputs.foreign:
        if simulation.outputs.results[key].receipt:
            raise InvariantBroken("a foreign object stays whole", key)
    seen["multipart upload aborted"] += simulation.outputs.aborted
    seen["month turned"] += len({key[1] for key in simulation.invariants.rows if key[0] == "BUDGET#topaz"}) > 1
    seen["rerun paid again"] += sum(run > 1 for _, run in simulation.invariants.accepted)
    for message in simulation.queue.dead:
        if message.body != "{}" and not all(
            isinstance(why, WorkerDied | Outage | ClaimHeld) for why in message.endings
        ):
            raise InvariantBroken("no message reaches the dead-letter queue for coming too early", message.body)
        if message.body != "{}" and isinstance(message.endings[0], ClaimHeld):
            raise InvariantBroken("a message is kept only because of its own worker's lease", message.body)
    if simulation.invariants.due:
        raise InvariantBroken("no job is left that is due", str(simulation.invariants.due))
    if running := [one.name for one in simulation.step_functions.executions.values() if one.status == "RUNNING"]:
        raise InvariantBroken("no execution runs for ever", str(running))
    for execution in simulation.step_functions.executions.values():
        seen["result refused"] += len(execution.refusals)
        if any(later - earlier < REFUSED_SECONDS for earlier, later in pairwise(execution.refusals)):
            raise InvariantBroken("a refused result is tried at most every half hour", f"{execution.name}")
    # After a disturbance, a staged result may be left behind. The bucket deletes it within a day.
    for kept in () if simulation.disturbances else simulation.staging.kept.values():
        handle = simulation.vendor.processes[kept.process_id].handle
        if text(simulation.invariants.run_of(handle.job_id, handle.run), "status") == "COMPLETED":
            raise InvariantBroken("a published result is no longer staged", f"{handle}: {kept.process_id}")
    if simulation.outputs.begun:
        raise InvariantBroken("no multipart upload is left", str(simulation.outputs.begun))
    doubts = [
        row for key, row in simulation.invariants.rows.items() if key[1] == "JOB" and text(row, "status") == "IN_DOUBT"
    ]
    for key, row in simulation.invariants.rows.items():
        if key[0].startswith("BUDGET#") and number(row, "reserved") and not doubts:
            raise InvariantBroken("no reservation is left", f"{key}: {number(row, 'reserved')}")
