"""A simulated provider that accepts a limited number of submits a minute and needs time for each picture.

It never loses an answer. The tests in tests/faults cover lost answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from tests.faults.memory_buckets import drawn
from tests.faults.simulated_vendor import Link

from benchmarks.scaling import limits
from benchmarks.scaling.limits import Bucket
from benchmarks.scaling.world import World
from darkroom.errors import ProcessUnknown, ResultNotReady, Throttled
from darkroom.model import Balance, Estimate, FoundProcess, Handle, Plan, ProcessState, Progress, SendMode, Submission
from darkroom.ports import ImageStream, StageResult

ACCOUNT = Decimal(1_000_000)


@dataclass(frozen=True)
class Pace:
    """How fast a provider works, with times in seconds. `submits_a_minute` 0 means no limit.

    A process takes from `shortest` to `longest`.
    """

    shortest: float = 5.0
    longest: float = 60.0
    held: float = 30.0  # the time of a synchronous call
    submits_a_minute: float = 0.0
    retry_after: float | None = None  # the Retry-After of a 429; None means no such header


@dataclass(frozen=True)
class Process:
    """A process at the provider. Each accepted submit makes one."""

    process_id: str
    handle: Handle
    plan: Plan
    ends_at: float

    @property
    def picture(self) -> bytes:
        """Return the bytes of the result."""
        return drawn(self.plan.output_width, self.plan.output_height, self.plan.output_format, "scale")


@dataclass
class Vendor:
    """Implements `ports.Provider`. It keeps the account, all processes, and the number of 429 answers."""

    world: World
    pace: Pace
    name: str = "topaz"
    inputs: None = None  # its list names what it fetched
    processes: dict[str, Process] = field(default_factory=dict)
    of_job: Counter[str] = field(default_factory=Counter)
    throttled: int = 0
    submits: int = 0
    first_at: float = -1.0
    last_at: float = 0.0
    spent: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        rate = self.pace.submits_a_minute / 60
        self.allowance = Bucket(max(1.0, rate * 10), rate)

    def submit(
        self, plan: Plan, image: ImageStream, handle: Handle, keep: StageResult, callback_url: str | None = None
    ) -> Submission:
        world = self.world
        self.submits += 1
        if plan.send_mode.by_link:
            image.link()
        else:
            image.open().read()
        if self.pace.submits_a_minute and not self.allowance.takes(world.seconds):
            world.sleep(world.spread(limits.REFUSED))
            self.throttled += 1
            raise Throttled("HTTP 429", self.pace.retry_after)
        world.sleep(world.spread(limits.BY_LINK if plan.send_mode.by_link else limits.UPLOADING))
        made = self._accept(plan, handle)
        if plan.send_mode.is_synchronous:
            world.sleep(made.ends_at - world.seconds)
            keep(made.process_id, Link(made.picture).stream())
            return Submission(made.process_id, world.clock(), plan.price, staged=True)
        guess = (made.ends_at - world.seconds) * (0.9 + 0.3 * world.rng.random())
        return Submission(made.process_id, world.clock() + timedelta(seconds=guess))

    def _accept(self, plan: Plan, handle: Handle) -> Process:
        world, pace = self.world, self.pace
        lasts = pace.shortest + (pace.longest - pace.shortest) * world.rng.random()
        if plan.send_mode.is_synchronous:
            lasts = world.spread(pace.held)
        made = Process(f"p{len(self.processes) + 1}", handle, plan, world.seconds + lasts)
        self.processes[made.process_id] = made
        self.of_job[handle.job_id] += 1
        self.spent += plan.price
        self.first_at = self.first_at if self.first_at >= 0 else world.seconds
        self.last_at = world.seconds
        return made

    def progress(self, process_id: str) -> Progress:
        process, now = self._known(process_id), self.world.seconds
        if now < process.ends_at:
            return Progress(ProcessState.RUNNING, self.world.clock() + timedelta(seconds=process.ends_at - now))
        plan = process.plan
        return Progress(
            ProcessState.COMPLETED, None, plan.price, plan.output_width, plan.output_height, plan.output_format
        )

    @contextmanager
    def result(self, process_id: str) -> Iterator[Link]:
        process = self._known(process_id)
        if self.world.seconds < process.ends_at:
            raise ResultNotReady("409")
        yield Link(process.picture)

    def find(self, handle: Handle, send_mode: SendMode, since: datetime) -> tuple[FoundProcess, ...]:
        return tuple(
            FoundProcess(p.process_id, str(p.handle), ProcessState.RUNNING, None, None)
            for p in self.processes.values()
            if (p.handle.job_id, p.handle.run) == (handle.job_id, handle.run)
        )

    def cancel(self, process_id: str) -> bool:
        self._known(process_id)
        return False

    def estimate(self, plan: Plan, width: int, height: int) -> Estimate:
        return Estimate(30, plan.credits)

    def forget(self, process_id: str) -> None:
        """Do nothing, because no burst reads the provider's list after the end of a job."""

    def key_fingerprint(self) -> str:
        return "0123456789ab" * 2

    def refresh_key(self) -> None:
        """Do nothing, because the key never changes."""

    def balance(self) -> Balance:
        total = ACCOUNT - self.spent
        return Balance(total, Decimal(0), total)

    def _known(self, process_id: str) -> Process:
        if process_id not in self.processes:
            raise ProcessUnknown("HTTP 404")
        return self.processes[process_id]
