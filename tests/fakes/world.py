"""The whole application over moto and a fake provider, with a clock that only the test moves."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from PIL import Image

from darkroom.aws.ledger import DynamoLedger
from darkroom.aws.outputs import S3Outputs
from darkroom.aws.sources import S3Sources
from darkroom.model import TERMINAL, Job, JobStatus, Limits, Plan, ProcessState, Tick, Upload
from darkroom.pipeline.binding import Binding
from darkroom.pipeline.closing import Closing
from darkroom.pipeline.doubt import Doubt
from darkroom.pipeline.finalize import Finalize
from darkroom.pipeline.poll import Poll
from darkroom.pipeline.submit import Submit
from darkroom.pipeline.verdicts import Later, Verdict
from tests.fakes.cloud import INPUT, OUTPUT, TABLE, Cloud
from tests.fakes.enhancer import Enhancer

START = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
MONTH = "2026-11"
INVOCATION = timedelta(seconds=300)
DEADLINE = timedelta(hours=24)
RETENTION = timedelta(hours=168)
NO_LIMITS = Limits({}, Decimal(0), {}, {})


def picture(width: int = 40, height: int = 30, form: str = "jpeg", *, noise: int = 0) -> bytes:
    """A small whole picture; `noise` makes it incompressible and of another content."""
    image = Image.effect_noise((width, height), noise).convert("RGB") if noise else Image.new("RGB", (width, height))
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()


def drawn(plan: Plan) -> bytes:
    """What a good provider makes of a plan."""
    return picture(plan.output_width, plan.output_height, plan.output_format.value)


@dataclass
class Clock:
    """Stands still unless told."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, step: timedelta | float) -> None:
        self.now += step if isinstance(step, timedelta) else timedelta(seconds=step)


@dataclass
class Bus:
    """Fulfils `ports.Events`; keeps what was sent."""

    sent: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)

    def publish(self, detail_type: str, detail: Mapping[str, object]) -> None:
        self.sent.append((detail_type, detail))

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.sent]


@dataclass
class Executions:
    """Fulfils `ports.Workflow`: a name is used once, and none of these ever ends by itself."""

    running: dict[tuple[str, int, int], Tick] = field(default_factory=dict)

    def start(self, tick: Tick, attempt: int) -> None:
        self.running.setdefault((tick.job_id, tick.run, attempt), tick)


class World:
    """Ports by name, and the use cases made of them. Replace a port to make it fail."""

    def __init__(self, cloud: Cloud, *, limits: Limits = NO_LIMITS, defaults: str = "") -> None:
        self.cloud, self.clock, self.limits, self.defaults = cloud, Clock(), limits, defaults
        self.provider = Enhancer(self.clock, drawn)
        self.bus, self.executions = Bus(), Executions()
        self.slept: list[float] = []
        self.ledger = self.make_ledger(cloud.dynamodb)
        self.ports: dict[str, Any] = {
            "sources": S3Sources(cloud.s3),
            "outputs": S3Outputs(cloud.s3, OUTPUT),
            "ledger": self.ledger,
            "provider": self.provider,
            "workflow": self.executions,
            "events": self.bus,
        }

    def make_ledger(self, client: Any) -> DynamoLedger:
        """A ledger over another client, say one that fails."""
        return DynamoLedger(client, TABLE, self.limits, self.slept.append)

    @property
    def ends(self) -> datetime:
        """When an invocation that begins now must be over."""
        return self.clock() + INVOCATION

    def _closing(self) -> Closing:
        return Closing(self.ports["ledger"], self.ports["outputs"], self.ports["events"], self.clock)

    def submit(self, upload: Upload) -> Verdict:
        """One delivery of the upload's message."""
        ledger, providers = self.ports["ledger"], {"topaz": self.ports["provider"]}
        binding = Binding(ledger, self.ports["workflow"], self.clock)
        use_case = Submit(
            sources=self.ports["sources"], ledger=ledger, providers=providers, binding=binding, closing=self._closing(),
            doubt=Doubt(ledger, providers, binding, self.clock), clock=self.clock, input_bucket=INPUT,
            output_bucket=OUTPUT, default_provider="topaz", allowed_providers=("topaz",), stack_defaults=self.defaults,
            tag_prefix="", limits=self.limits, deadline=DEADLINE,
        )  # fmt: skip
        return use_case(upload, self.ends)

    def poll(self, job: Job) -> Tick:
        """One poll of the job's execution."""
        return Poll(self.ports["ledger"], {"topaz": self.ports["provider"]}, self.clock)(job.job_id, job.run)

    def finalize(self, job: Job) -> Tick:
        """One try of finalize."""
        use_case = Finalize(
            self.ports["sources"], self.ports["outputs"], self.ports["ledger"], {"topaz": self.ports["provider"]},
            self._closing(), self.clock, {"topaz": RETENTION},
        )  # fmt: skip
        return use_case(job.job_id, job.run, self.ends)

    def deliver(self, upload: Upload, times: int = 12) -> Verdict:
        """Delivers the message, and again after each delay that is asked for, as the queue would."""
        for _ in range(times):
            verdict = self.submit(upload)
            if not isinstance(verdict, Later):
                return verdict
            self.clock.advance(verdict.seconds)
        raise AssertionError(f"still asked for later after {times} deliveries: {verdict}")

    def job(self) -> Job:
        """The only job there is."""
        (job,) = self.cloud.jobs()
        return job

    def complete(self, upload: Upload, credits: Decimal | None = None) -> Job:
        """The whole way of one upload through a provider that does its work."""
        self.deliver(upload)
        job = next(j for j in self.cloud.jobs() if (j.source_key, j.source_version) == (upload.key, upload.version_id))
        if job.status is JobStatus.PROCESSING:
            self.provider.become(ProcessState.COMPLETED, job.process_id, credits)
            self.clock.advance(60)
            self.finalize(job)
        ended = self.ledger.get(job.job_id)
        assert ended is not None
        return ended

    def assert_books_balance(self) -> None:
        """Every budget row equals the sum of its jobs, and committed is reserved and spent together."""
        jobs = [job for job in self.cloud.jobs() if job.budget_month]
        for row in self.cloud.rows():
            if not row["pk"]["S"].startswith("BUDGET#"):
                continue
            unit, month = row["pk"]["S"].removeprefix("BUDGET#"), row["sk"]["S"]
            booked = self.cloud.budget(unit, month)
            held = [job for job in jobs if job.budget_month == month and unit in (job.provider, "usd")]
            assert booked["reserved"] == sum(
                _value(j, j.credits_reserved, unit) for j in held if j.status not in TERMINAL
            )
            assert booked["spent"] == sum(_value(j, j.credits, unit) for j in held if j.status in TERMINAL)
            assert booked["committed"] == booked["reserved"] + booked["spent"]
            assert booked["jobs"] == len(held)


def _value(job: Job, credits: Decimal | None, unit: str) -> Decimal:
    return (credits or Decimal(0)) * ((job.credit_price_usd or Decimal(0)) if unit == "usd" else 1)
