"""The whole application over moto and a fake provider, with a clock that only the test moves."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from PIL import Image

from darkroom.aws.circuits import DynamoCircuits
from darkroom.aws.input_bucket import S3InputBucket
from darkroom.aws.interventions import DynamoInterventions
from darkroom.aws.ledger import DynamoLedger
from darkroom.aws.output_bucket import S3OutputBucket
from darkroom.aws.provider_accounts import DynamoProviderAccounts
from darkroom.aws.staged_results import S3StagedResults
from darkroom.aws.sweep_queries import DynamoSweepQueries
from darkroom.model import TERMINAL, Job, JobDue, JobStatus, Limits, Plan, PollState, ProcessState, Upload
from darkroom.pipeline import lost_uploads, reconcile, retiring_models
from darkroom.pipeline.abandoned_multiparts import AbandonedMultiparts
from darkroom.pipeline.binding import Binding
from darkroom.pipeline.circuit_breaker import CircuitBreaker
from darkroom.pipeline.delivery import Delivery
from darkroom.pipeline.dispatch import Dispatch
from darkroom.pipeline.finalize import Finalize
from darkroom.pipeline.in_doubt import InDoubt
from darkroom.pipeline.lost_uploads import LostUploads
from darkroom.pipeline.operator_commands import OperatorCommands
from darkroom.pipeline.outcomes import Done, Outcome, RetryLater
from darkroom.pipeline.poll import Poll
from darkroom.pipeline.quote import Quote
from darkroom.pipeline.reconcile import Reconcile
from darkroom.pipeline.retiring_models import RetiringModels
from darkroom.pipeline.settlement import Settlement
from darkroom.pipeline.submit import Submit
from darkroom.pipeline.sweep import Sweep
from tests.fakes.aws_account import INPUT, OUTPUT, TABLE, Cloud
from tests.fakes.messaging import Bell, Bus, Executions, PresignedUrls, Queue
from tests.fakes.simple_provider import Enhancer

START = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
MONTH = "2026-11"
INVOCATION = timedelta(seconds=300)
DEADLINE = timedelta(hours=24)
RETENTION = timedelta(hours=168)
WAITING = (JobStatus.CLAIMED, JobStatus.SUBMITTING)
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


class World:
    """Ports by name, and the use cases made of them. Replace a port to make it fail."""

    def __init__(self, cloud: Cloud, *, limits: Limits = NO_LIMITS, defaults: str = "") -> None:
        self.cloud, self.clock, self.limits, self.defaults = cloud, Clock(), limits, defaults
        self.provider = Enhancer(self.clock, drawn)
        self.bus, self.executions, self.queue, self.bell = Bus(), Executions(), Queue(), Bell()
        self.links = PresignedUrls()
        self.slept: list[float] = []
        self.retention = RETENTION
        self.ledger = self.make_ledger(cloud.dynamodb)
        table: Any = (cloud.dynamodb, TABLE, self.slept.append)
        self.ports: dict[str, Any] = {
            "sources": S3InputBucket(cloud.s3),
            "outputs": S3OutputBucket(cloud.s3, OUTPUT),
            "staging": S3StagedResults(cloud.s3, OUTPUT),
            "links": self.links,
            "ledger": self.ledger,
            "circuits": DynamoCircuits(*table),
            "backlog": DynamoSweepQueries(*table),
            "interventions": DynamoInterventions(*table),
            "accounts": DynamoProviderAccounts(*table),
            "provider": self.provider,
            "executions": self.executions,
            "events": self.bus,
            "intake": self.queue,
            "alerts": self.bell,
        }

    def make_ledger(self, client: Any) -> DynamoLedger:
        """A ledger over another client, say one that fails."""
        return DynamoLedger(client, TABLE, self.limits, self.slept.append)

    @property
    def ends(self) -> datetime:
        """When an invocation that begins now must be over."""
        return self.clock() + INVOCATION

    @property
    def _providers(self) -> dict[str, Any]:
        return {"topaz": self.ports["provider"]}

    def _closing(self) -> Settlement:
        return Settlement(
            self.ports["ledger"], self.ports["outputs"], self.ports["events"], self.ports["alerts"], self.clock
        )

    def _binding(self) -> Binding:
        return Binding(self.ports["ledger"], self.ports["executions"], self.ports["alerts"], self.clock)

    def _doubt(self) -> InDoubt:
        ledger, staging = self.ports["ledger"], self.ports["staging"]
        return InDoubt(ledger, staging, self._providers, self._binding(), self._closing(), self.clock)

    def _sending(self) -> Dispatch:
        return Dispatch(
            sources=self.ports["sources"],
            links=self.ports["links"],
            staging=self.ports["staging"],
            ledger=self.ports["ledger"],
            providers=self._providers,
            circuit_breaker=CircuitBreaker(self.ports["circuits"], self.ports["alerts"], self.clock),
            binding=self._binding(),
            settlement=self._closing(),
            in_doubt=self._doubt(),
            clock=self.clock,
            output_bucket=OUTPUT,
            quote=Quote(self.ports["sources"], "topaz", ("topaz",), self.defaults, "", self.limits, {}, self.clock),
        )

    def submitting(self) -> Submit:
        """The use case of submit."""
        return Submit(
            sources=self.ports["sources"],
            ledger=self.ports["ledger"],
            dispatch=self._sending(),
            binding=self._binding(),
            settlement=self._closing(),
            in_doubt=self._doubt(),
            clock=self.clock,
            input_bucket=INPUT,
            deadline=DEADLINE,
        )

    def submit(self, what: Upload | JobDue) -> Outcome:
        """One delivery of the message of an upload or a due job."""
        return self.submitting()(what, self.ends)

    def poll(self, job: Job) -> PollState:
        """One poll of the job's execution."""
        return Poll(self.ports["ledger"], self._providers, self.clock)(job.job_id, job.run)

    def _finalize(self) -> Finalize:
        delivery = Delivery(
            self.ports["sources"],
            self.ports["outputs"],
            self.ports["staging"],
            self.ports["ledger"],
            self._closing(),
            self.clock,
            {"topaz": self.retention},
        )
        return Finalize(self.ports["ledger"], self._providers, delivery, self._closing(), self.clock)

    def finalize(self, job: Job) -> PollState:
        """One try of finalize."""
        return self._finalize()(job.job_id, job.run, self.ends)

    @property
    def reconcile(self) -> Reconcile:
        """The comparison with the provider's account."""
        return Reconcile(self.ports["accounts"], self._providers, self.ports["alerts"], self.clock)

    def sweep(self, *, prefix: str = "", suffixes: tuple[str, ...] = ()) -> Mapping[str, int]:
        """One run of the sweep."""
        sources, backlog, intake = (self.ports[name] for name in ("sources", "backlog", "intake"))
        lost = LostUploads(sources, backlog, intake, self.clock, INPUT, prefix, suffixes)
        abandoned = AbandonedMultiparts(self.ports["outputs"], backlog, self.clock, OUTPUT)
        use_case = Sweep(
            queries=backlog,
            circuits=self.ports["circuits"],
            intake=intake,
            binding=self._binding(),
            settlement=self._closing(),
            providers=self._providers,
            rounds={
                "LostUploads": (lost_uploads.EVERY, lost),
                "AbandonedUploads": (lost_uploads.EVERY, abandoned),
                "RetiringModels": (
                    retiring_models.EVERY,
                    RetiringModels(backlog, self.ports["alerts"], self.clock),
                ),
                "Drifted": (reconcile.EVERY, self.reconcile),
            },
            alerts=self.ports["alerts"],
            clock=self.clock,
        )
        return use_case(self.ends)

    @property
    def operate(self) -> OperatorCommands:
        """The operator's commands."""
        return OperatorCommands(
            ledger=self.ports["ledger"],
            interventions=self.ports["interventions"],
            circuits=self.ports["circuits"],
            intake=self.ports["intake"],
            binding=self._binding(),
            settlement=self._closing(),
            finalize=self._finalize(),
            providers=self._providers,
            clock=self.clock,
            input_bucket=INPUT,
            deadline=DEADLINE,
        )

    def sweep_and_deliver(self) -> Outcome | None:
        """One run of the sweep; what it sends to the queue is delivered. The last verdict."""
        before, verdict = len(self.queue.sent), None
        self.sweep()
        for what, _ in self.queue.sent[before:]:
            verdict = self.submit(what)
        return verdict

    def deliver(self, upload: Upload, times: int = 12) -> Outcome:
        """Delivers the message until the job has left the intake: again after each delay, and by the sweep when it is due."""
        verdict = self.submit(upload)
        for _ in range(times):
            if isinstance(verdict, RetryLater):
                self.clock.advance(verdict.seconds)
                verdict = self.submit(upload)
            elif isinstance(verdict, Done) and verdict.job.status in WAITING:
                due_at = verdict.job.due_at or self.clock()
                self.clock.advance(max(due_at - self.clock(), timedelta(0)) + timedelta(seconds=1))
                verdict = self.sweep_and_deliver() or verdict
            else:
                return verdict
        raise AssertionError(f"still in the intake after {times} deliveries: {verdict}")

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
