"""Runs one schedule from start to end. Faults happen for a while, then the work is finished without faults, and then the
final checks run.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any
from urllib.parse import quote_plus

from darkroom import queue_messages
from darkroom.model import JobDue, Limits, SourceObject, Upload
from tests.fakes.aws_account import INPUT
from tests.fakes.memory_dynamodb import InMemoryDynamo
from tests.fakes.messaging import PresignedUrls
from tests.faults import final_checks
from tests.faults.choices import RandomDeaths
from tests.faults.injected_errors import InjectedErrors
from tests.faults.invariants import InvariantBroken, Invariants
from tests.faults.memory_buckets import InputBucket, OutputBucket
from tests.faults.memory_messaging import Bus, MemoryAlerts, Message, Queue
from tests.faults.memory_staging import MemoryStagedResults
from tests.faults.memory_step_functions import Execution, MemoryStepFunctions
from tests.faults.operators import Operators
from tests.faults.rows import number, text
from tests.faults.scheduler import Scheduler
from tests.faults.simulated_stack import Stack
from tests.faults.simulated_vendor import Vendor, VendorClient
from tests.faults.timeline import Event
from tests.faults.vendor_callbacks import VendorCallbacks
from tests.faults.world_shapes import Planned, Shape

LIFETIMES = {
    "submit": 300.0,
    "poll": 60.0,
    "finalize": 900.0,
    "sweep": 120.0,
    "operator": 900.0,
    "callback": 15.0,
    "forger": 15.0,
}
SKEW = 10.0
TICK = 60.0
# A schedule that does not rest after so many steps, and so many more for each upload, never will. The longest sound one
# of 181 with a deadline of a day took 45 % of them.
MOST_STEPS, MORE_STEPS = 12_000, 4_000
RESTS = 12  # how often operators may have to resolve doubts after the faults have ended
POISON = "{}"
DAY, MOST_IN_A_DAY = 24 * 3600.0, 30


class Simulation:
    """Simulates the schedule that a shape describes. `run` raises InvariantBroken if an invariant does not hold."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.deaths = RandomDeaths(shape.deaths, shape.most_deaths, label=shape.deadly)
        self.scheduler = Scheduler(
            shape.seed, picker=shape.new_picker(), deaths=self.deaths, after_step=self._after_step, start=shape.start
        )
        self.rng = Random(f"{shape.seed} simulation")
        self.injected_errors = InjectedErrors(self.scheduler, shape.fault_chance, shape.slow)
        self.invariants = Invariants(self.scheduler, self._is_alive)
        self.dynamo = InMemoryDynamo(on_write=self.invariants.row_written)
        self.inputs = InputBucket(self.scheduler, versioned=shape.versioned)
        self.outputs = OutputBucket(
            self.scheduler, self.invariants.result_published, refuses=shape.refuses, token_bytes=shape.token_bytes
        )
        self.invariants.proven = self.outputs.proven
        self.staging = MemoryStagedResults(self.invariants.result_staged, self.invariants.staged_result_removed)
        self.vendor = Vendor(
            self.scheduler, shape, Random(f"{shape.seed} vendor"), on_accept=self.invariants.submit_accepted
        )
        self.invariants.vendor = self.vendor
        self.queue = Queue(self.scheduler, self._deliver, doubled=0.15)
        self.bus, self.alerts = Bus(self.invariants.event_sent), MemoryAlerts(self.scheduler)
        self.step_functions = MemoryStepFunctions(
            self.scheduler, self._run_task, Random(f"{shape.seed} machine"), callbacks=shape.calls_back, dynamo=self.dynamo,
            later=self.at, on_token=self.invariants.callbacks.token_written, on_time_out=self.invariants.callbacks.wait_timed_out,
            on_refused=self.invariants.callbacks.token_refused,
            unwritten=shape.fault_chance,
        )  # fmt: skip
        cloud = {
            "dynamo": self.dynamo, "sources": self.inputs, "outputs": self.outputs, "staging": self.staging,
            "links": PresignedUrls(), "sqs": self.queue, "bus": self.bus, "sfn": self.step_functions, "alerts": self.alerts,
        }  # fmt: skip
        self.stack = Stack(
            self.scheduler, shape, cloud, self._vendor_client, self.injected_errors, Limits({}, Decimal(0), {}, {})
        )
        self.allow(shape.monthly_credits)
        self.operators = Operators(self)
        self.callbacks = VendorCallbacks(self)
        self.invariants.callbacks.called = self.callbacks.called
        self.vendor.calls_back, self.vendor.on_ask = self.callbacks.accepted, self.invariants.callbacks.provider_asked
        self.vendor.on_send = self.invariants.callbacks.submit_begun
        self.invariants.callbacks.on_release = self.callbacks.released
        self.alerts.on_doubt = self.operators.called
        self.uploaded: list[Upload] = []
        self.events_lost: set[str] = set()
        self.calm = False
        self._ends: dict[str, float] = {}
        self._then: dict[str, Callable[[object], None]] = {}
        self._heard = self._looked_at = 0
        self._without_job: list[SourceObject] = []
        self._ticks: set[int] = set()
        self._numbers: Counter[str] = Counter()
        # job id and run → the seconds at which a message of the run was received
        self.received: dict[tuple[str, int], list[float]] = defaultdict(list)
        self.inputs.has_job = lambda job_id: self.invariants.job(job_id) is not None

    @property
    def seen(self) -> Counter[str]:
        """Return how often each event happened."""
        return self.invariants.seen

    def run(self) -> None:
        """Run the schedule until nothing is left to do, and check the end. Raises InvariantBroken."""
        with self.scheduler as scheduler:
            self.stack.sweep(scheduler.clock() + timedelta(minutes=2))  # from now on, the sweep finds lost uploads
            self._plan()
            for _ in range(RESTS):
                scheduler.run(max_steps=MOST_STEPS + MORE_STEPS * len(self.shape.uploads))
                if scheduler.alive:
                    raise InvariantBroken(
                        "everything comes to rest", f"{scheduler.alive[:5]} after {scheduler.steps} steps"
                    )
                if not (self.shape.operators and self.operators.end_doubts()):
                    break
            final_checks.check(self)

    def allow(self, monthly_credits: Decimal) -> None:
        """Set the monthly limit in credits. 0 means no limit."""
        self.stack.allow(monthly_credits)
        if not monthly_credits:
            self.invariants.limit = None
        elif self.invariants.limit is not None:
            self.invariants.limit = max(self.invariants.limit, monthly_credits)

    def spawn(
        self, kind: str, work: Callable[[datetime], Any], delay: float, then: Callable[[object], None] | None = None
    ) -> None:
        """Start a worker, such as a function or an operator, after `delay` seconds. It has its own clock and lifetime.

        `work` receives the time at which the lifetime ends. `then` receives the worker's outcome.
        """
        if self.shape.grid and kind != "sweep":
            delay = (
                math.ceil((self.scheduler.seconds + delay) / self.shape.grid) * self.shape.grid - self.scheduler.seconds
            )
        self._numbers[kind] += 1
        name, skew = (
            f"{kind}-{self._numbers[kind]}",
            self.rng.choice([self.rng.random() * 2 - 1, 0.0, 1.0, -1.0]) * SKEW,
        )
        ends = self.scheduler.seconds + delay + LIFETIMES[kind]
        self._ends[name] = ends
        self._then[name] = then or (lambda outcome: None)
        ends_at = self.shape.start + timedelta(seconds=ends + skew)
        self.scheduler.spawn(name, lambda: work(ends_at), skew=skew, delay=delay, lifetime=LIFETIMES[kind])

    def at(self, delay: float, what: str, act: Callable[[], Any]) -> None:
        """Schedule an event after `delay` seconds. It happens in a single step."""
        self._numbers["world"] += 1
        self.scheduler.spawn(f"world-{self._numbers['world']} {what}", act, delay=max(delay, 0.0))

    def _plan(self) -> None:
        shape, rng = self.shape, self.rng
        for planned in shape.uploads:
            self.at(planned.at, "uploads", lambda planned=planned: self._upload(planned))  # type: ignore[misc]
        for at, key in shape.foreign:
            self.at(at, "writes a foreign object", lambda key=key: self.outputs.put_foreign(key))  # type: ignore[misc]
        if rng.random() < 0.1:
            self.at(rng.random() * 600, "poisons", lambda: self.queue.put(POISON, 0))
        if shape.vendor == "rotates":
            self.at(60 + rng.random() * 900, "rotates the key", self.vendor.rotate)
        if shape.refusals and rng.random() < 0.5:
            begins = rng.random() * 600
            self.at(
                begins, "closes the account", lambda: setattr(self.vendor, "closed_until", begins + rng.random() * 2400)
            )
        for act in range(shape.operators * shape.acts):
            self.spawn("operator", self.operators.act, 60 + rng.random() * shape.chaos * (0.3 if act % 2 else 1.0))
        if shape.calls_back:
            for _ in range(rng.randint(0, 8)):
                self.at(60 + rng.random() * shape.chaos, "forges a callback", self.callbacks.forge)
            for _ in range(rng.randint(0, 3)):
                self.at(600 + rng.random() * 2 * shape.chaos, "starts late", self.callbacks.start_late)
        for _ in range(3):
            self._schedule_sweep(rng.random() * shape.chaos, self.stack.sweep)
        self.at(shape.chaos, "calms", self._calm)

    def _calm(self) -> None:
        self.calm = True
        self.injected_errors.over()
        self.step_functions.unwritten = 0.0
        self.deaths.most = 0
        self.vendor.troubled, self.vendor.closed_until = False, -1.0
        self.spawn("operator", self.operators.resume, 1.0)

    def _upload(self, planned: Planned) -> None:
        rng, upload = self.rng, self.inputs.put(planned.key, planned.tags, planned.trouble, planned.metadata)
        self.uploaded.append(upload)
        source = self.inputs.put_in[-1]
        if rng.random() < 0.08:
            away = self.inputs.delete if len(self.inputs.put_in) % 2 else self.inputs.hide
            self.at(rng.random() * 1500, "deletes", lambda: away(source))
        if rng.random() < self.shape.events_lost:
            self.events_lost.add(source.job_id)
            return
        for copy in range(1 if rng.random() < 0.7 else 2):
            late = rng.random() * (3 if rng.random() < 0.85 else 1200)
            self.queue.put(self._event(upload), late, is_double=copy > 0)

    def _event(self, upload: Upload) -> str:
        """Return the message of the upload's event, in one of the forms that S3 and EventBridge use."""
        if self.rng.random() < 0.1:
            upload = Upload(upload.bucket, upload.key, None, upload.etag, upload.sequencer)
        if self.rng.random() < 0.5:
            return queue_messages.to_message(upload)
        named = {"key": quote_plus(upload.key), "eTag": upload.etag, "sequencer": upload.sequencer}
        if upload.version_id:
            named["versionId"] = upload.version_id
        record = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": upload.bucket}, "object": named}}
        return json.dumps({"Records": [record]})

    def _vendor_client(self) -> VendorClient:
        """Return a client of the vendor. It has the newest API key, or the first one if its container read the key long ago."""
        return VendorClient(self.vendor, self.vendor.keys[-1] if self.rng.random() < 0.7 else self.vendor.keys[0])

    def _deliver(self, message: Message, delay: float) -> None:
        def receive(ends: datetime) -> list[str]:
            message.received += 1
            self._count_receive(message)
            return self.stack.submit(message.body, ends, is_repeated=message.received > 1)

        def ended(outcome: object) -> None:
            if isinstance(outcome, BaseException):
                self.queue.not_acknowledged(message, begins, outcome)

        begins = self.scheduler.seconds + delay
        self.spawn("submit", receive, delay, ended)

    def job_named_by(self, message: Message) -> str | None:
        """Return the id of the job that a message concerns, or None if it concerns no job."""
        try:
            (what,) = queue_messages.parse_message(message.body)
        except (queue_messages.MalformedMessage, ValueError):
            return None
        if isinstance(what, JobDue):
            return what.job_id
        sources = [one for one in self.inputs.put_in if one.key == what.key]
        fitting = (s.job_id for s in sources if what.version_id in (None, s.version_id) and what.etag in (None, s.etag))
        return next(fitting, None)

    def _count_receive(self, message: Message) -> None:
        """Check that submit is not invoked too often for an upload that can never be read. Copies of messages do not count."""
        job_id = self.job_named_by(message)
        trouble = self.inputs.troubles.get(job_id or "")
        if job_id is None or trouble is None or not trouble.is_lasting or message.is_double:
            return
        now, run = self.scheduler.seconds, number(self.invariants.job(job_id), "run")
        received = self.received[job_id, int(run)] = [one for one in self.received[job_id, int(run)] if one > now - DAY]
        received.append(now)
        if len(received) > MOST_IN_A_DAY:
            self.invariants.breach("a broken upload costs at most 30 invocations a day", f"{job_id}: {trouble.kind}")

    def _run_task(self, execution: Execution, function: str, delay: float) -> None:
        work = getattr(self.stack, function)
        delay += 0.1 + self.rng.random() * 0.3  # each call takes some time, so that a loop of calls does, too
        if function == "finalize":
            self.invariants.callbacks.finalize_entered(execution)
        self.spawn(
            function,
            lambda ends: work(execution.data, ends) if execution.status == "RUNNING" else None,
            delay,
            lambda outcome: self.step_functions.task_ended(execution, outcome),
        )

    def _is_alive(self, name: str) -> bool:
        return name in self._then and self._ends[name] > self.scheduler.seconds

    @property
    def disturbances(self) -> list[Event]:
        """The events by which the schedule disturbed a worker."""
        return [event for event in self.scheduler.trace if event.what in ("died", "killed", "refused", "lost")]

    def _after_step(self) -> None:
        self.invariants.after_step()
        ended = self.scheduler.ended
        if self._heard == len(ended):
            return
        while self._heard < len(ended):
            name, outcome = ended[self._heard]
            self._heard += 1
            final_checks.ending(name, outcome)
            self.invariants.callbacks.worker_ended(name, outcome)
            if name in self._then:
                self._then.pop(name)(outcome)
            self._arrives_later()
        if (due := self._due()) is not None:
            self._schedule_sweep(due, self._sweep_if_due)

    def _arrives_later(self) -> None:
        """Schedule the requests that dead workers sent. The vendor accepts each at the latest when its invocation would end."""
        flights, self.vendor.in_flight = self.vendor.in_flight, []
        for fraction, plan, handle, key, image, worker, url in flights:
            left = max(self._ends[worker] - self.scheduler.seconds, 0.0)
            self.seen["accepted after death"] += 1
            self.at(fraction * left, "arrives", partial(self.vendor.accept, plan, handle, key, image, url))

    def _due(self) -> float | None:
        """Return the next second at which a sweep would find something to do, or None. Other sweeps need not run."""
        found = [*self.invariants.due.values()]
        if any(self._is_untold(job_id, began) for job_id, began in self.invariants.doubted.items()):
            found.append(self.scheduler.seconds)
        lost = [s for s in self._jobless() if self.inputs.holds(s)]
        if lost:
            first = min(s.last_modified for s in lost) - self.shape.start
            found.append(max(first.total_seconds() + 900 + SKEW, self._next_turn(f"LostUploads#{INPUT}")))
        if self.outputs.begun:
            first = min(one.initiated_at for one in self.outputs.begun.values()) - self.shape.start
            found.append(max(first.total_seconds() + 3600 + SKEW, self._next_turn("AbandonedUploads")))
        return min(found, default=None)

    def _is_untold(self, job_id: str, began: float) -> bool:
        """Return whether a doubt has no alarm or no event yet."""
        row = self.invariants.rows.get((f"JOB#{job_id}", "JOB"), {})
        return not self.alerts.alarmed_since(began) or "published_at" not in row

    def _jobless(self) -> list[SourceObject]:
        """Return the uploads that have no job. Jobs are never deleted, so an upload that has one is not looked at again."""
        self._without_job += self.inputs.put_in[self._looked_at :]
        self._looked_at = len(self.inputs.put_in)
        self._without_job = [one for one in self._without_job if self.invariants.job(one.job_id) is None]
        return self._without_job

    def _next_turn(self, task: str) -> float:
        next_at = text(self.invariants.rows.get(("SWEEP", f"TASK#{task}")), "next_at")
        return (datetime.fromisoformat(next_at) - self.shape.start).total_seconds() if next_at else 0.0

    def _schedule_sweep(self, seconds: float, sweep: Callable[[datetime], Any]) -> None:
        """Schedule a sweep at the first full minute after that second, unless one is scheduled there already."""
        now = self.scheduler.seconds
        tick = max(math.ceil(seconds / TICK), math.floor(now / TICK) + 1)
        if tick not in self._ticks:
            self._ticks.add(tick)
            self.spawn("sweep", sweep, tick * TICK - now)

    def _sweep_if_due(self, ends: datetime) -> None:
        """Run the sweep, unless other workers have done since then what was due. The sweeps of the plan run in any case."""
        due = self._due()
        if due is not None and due <= self.scheduler.seconds:
            self.stack.sweep(ends)
