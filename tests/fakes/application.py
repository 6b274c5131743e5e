"""The whole application, on an account in this process and with a fake provider. Its clock moves only when the test moves it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from PIL import Image

from darkroom.aws.ledger import DynamoLedger
from darkroom.aws.ledger_ownership import DynamoLedgerOwnership
from darkroom.aws.ledger_table import LedgerTable
from darkroom.aws.output_bucket import S3OutputBucket
from darkroom.container import Container
from darkroom.model import TERMINAL, Job, JobDue, JobStatus, LedgerOwner, Limits, Plan, PollState, ProcessState, Upload
from darkroom.pipeline.account_reconciliation import Reconcile
from darkroom.pipeline.message_outcomes import Done, Outcome, RetryLater
from darkroom.pipeline.operator_commands import OperatorCommands
from darkroom.providers.registry import FORGETTING
from tests.fakes.aws_account import INPUT, OUTPUT, TABLE, Cloud
from tests.fakes.messaging import Bus, Executions, PresignedUrls, Queue, RecordedAlerts
from tests.fakes.simple_provider import SimpleProvider

START = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
MONTH = "2026-11"
INVOCATION = timedelta(seconds=300)
DEADLINE = timedelta(hours=24)
RETENTION = timedelta(hours=168)
WAITING = (JobStatus.CLAIMED, JobStatus.SUBMITTING)
NO_LIMITS = Limits({}, Decimal(0), {}, {})
ENVIRONMENT = {
    "INPUT_BUCKET": INPUT, "OUTPUT_BUCKET": OUTPUT, "ALLOWED_PROVIDERS": "topaz", "ACCOUNT_ID": "123456789012",
    "STACK_NAME": "darkroom",
    "JOB_DEADLINE_HOURS": str(DEADLINE // timedelta(hours=1)),
}  # fmt: skip
# The adapters that a container makes from the account's clients. `ApplicationUnderTest` replaces all other adapters.
REAL = (
    "sources", "folder_files", "staging",
    "circuits", "storage_checks", "storage_proof", "sweep_queries", "operator_ledger", "job_queries", "provider_accounts",
)  # fmt: skip


def picture(width: int = 40, height: int = 30, form: str = "jpeg", *, noise: int = 0) -> bytes:
    """Return a small, complete picture. With `noise`, its pixels are random, and a PNG is not compressed."""
    if noise:
        return _encoded(Image.effect_noise((width, height), noise).convert("RGB"), form, compress_level=0)
    return _black(width, height, form)


@cache
def _black(width: int, height: int, form: str) -> bytes:
    return _encoded(Image.new("RGB", (width, height)), form)


def _encoded(image: Image.Image, form: str, **options: int) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def drawn(plan: Plan) -> bytes:
    """Return the picture that a provider returns when it follows the plan."""
    return picture(plan.output_width, plan.output_height, plan.output_format.value)


@dataclass
class Clock:
    """A clock that stands still until the test moves it."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, step: timedelta | float) -> None:
        self.now += step if isinstance(step, timedelta) else timedelta(seconds=step)


class ApplicationUnderTest:
    """Holds the adapters by name and makes the use cases from them. A test replaces an adapter to make it fail.
    `provider` plays Topaz.
    """

    def __init__(self, cloud: Cloud, *, limits: Limits = NO_LIMITS, defaults: str = "") -> None:
        self.cloud, self.clock, self.limits, self.defaults = cloud, Clock(), limits, defaults
        self.provider = SimpleProvider(self.clock, drawn)
        self.bus, self.executions, self.queue, self.alerts = Bus(), Executions(), Queue(), RecordedAlerts()
        self.links = PresignedUrls()
        self.slept: list[float] = []
        self.retention = RETENTION
        self.ledger = self.make_ledger(cloud.dynamodb)
        self.ports: dict[str, Any] = {
            "ledger": self.ledger,
            "outputs": S3OutputBucket(cloud.s3, OUTPUT),
            "links": self.links,
            "provider": self.provider,
            "executions": self.executions,
            "events": self.bus,
            "intake": self.queue,
            "alerts": self.alerts,
        }
        real = Container(
            ENVIRONMENT, clients={"s3": cloud.s3}.__getitem__, replaced={"ledger_table": self.ledger.table}
        )
        self.ports["ledger_ownership"] = self.make_ownership()
        self.ports |= {name: getattr(real.adapters, name) for name in REAL}
        self.ports["storage_checker"] = self.check_storage

    def make_ledger(self, client: Any) -> DynamoLedger:
        """Return a ledger that uses `client`, for example a client whose calls fail."""
        return DynamoLedger(LedgerTable(client, TABLE, self.slept.append), self.limits, forgetting=FORGETTING)

    def make_ownership(self, stack: str = "darkroom", *, is_given: bool = False) -> DynamoLedgerOwnership:
        """Return what a new process of the stack knows about the ledger's owner."""
        table = LedgerTable(self.cloud.dynamodb, TABLE, self.slept.append)
        return DynamoLedgerOwnership(table, LedgerOwner(stack, INPUT), may_claim=not is_given, clock=self.clock)

    @property
    def ends(self) -> datetime:
        """Return the time by which an invocation that begins now must end."""
        return self.clock() + INVOCATION

    @property
    def _providers(self) -> dict[str, Any]:
        return {"topaz": self.ports["provider"]}

    def make_container(self, **environment: str) -> Container:
        """Return a new container with the adapters that are in `ports` now."""
        beside = {
            "clock": self.clock,
            "limits": self.limits,
            "providers": self._providers,
            "retention": {"topaz": self.retention},
        }
        adapters = {name: port for name, port in self.ports.items() if name != "provider"}
        return Container({**ENVIRONMENT, "DEFAULT_SETTINGS": self.defaults, **environment}, replaced=adapters | beside)

    def submit(self, what: Upload | JobDue, *, is_repeated: bool = False) -> Outcome:
        """Deliver the message about an upload or a due job to submit, once."""
        return self.make_container().submit(what, self.ends, is_repeated=is_repeated)

    def poll(self, job: Job) -> PollState:
        """Poll once, as the job's execution does."""
        return self.make_container().poll(job.job_id, job.run)

    def finalize(self, job: Job) -> PollState:
        """Call finalize once for the job."""
        return self.make_container().finalize(job.job_id, job.run, self.ends)

    def check_storage(self) -> None:
        """Call finalize as submit does, to check the buckets."""
        self.make_container().check_storage()

    @property
    def reconcile(self) -> Reconcile:
        """Return the use case that compares the provider's account with the ledger."""
        return self.make_container().reconciliation

    def sweep(self, *, prefix: str = "", suffixes: tuple[str, ...] = ()) -> Mapping[str, int]:
        """Run the sweep once."""
        return self.make_container(INPUT_PREFIX=prefix, INPUT_SUFFIXES=",".join(suffixes)).sweep(self.ends)

    @property
    def operate(self) -> OperatorCommands:
        """Return the use case behind the operator's commands."""
        return self.make_container().operate

    def sweep_and_deliver(self) -> Outcome | None:
        """Run the sweep once and deliver the messages that it sends to the queue. Return the outcome of the last delivery."""
        before, verdict = len(self.queue.sent), None
        self.sweep()
        for what, _ in self.queue.sent[before:]:
            verdict = self.submit(what)
        return verdict

    def deliver(self, upload: Upload, times: int = 12) -> Outcome:
        """Deliver the upload's message until its job has left the intake. The message is delivered again after each
        delay. When the job is due, the sweep sends it.
        """
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
        raise AssertionError(f"after {times} deliveries the job is still in the intake: {verdict}")

    def job(self) -> Job:
        """Return the only job in the ledger."""
        (job,) = self.cloud.jobs()
        return job

    def complete(self, upload: Upload, credits: Decimal | None = None) -> Job:
        """Process one upload until its job has ended. The provider completes the process."""
        self.deliver(upload)
        job = next(j for j in self.cloud.jobs() if (j.source_key, j.source_version) == (upload.key, upload.version_id))
        if job.status is JobStatus.PROCESSING:
            self.provider.become(ProcessState.COMPLETED, job.process.process_id, credits)
            self.clock.advance(60)
            self.finalize(job)
        ended = self.ledger.get(job.job_id)
        assert ended is not None
        return ended

    def assert_books_balance(self) -> None:
        """Check that every budget row equals the sum of its jobs, and that `committed` equals `reserved` plus `spent`."""
        jobs = [job for job in self.cloud.jobs() if job.reservation]
        for row in self.cloud.rows():
            if not row["pk"]["S"].startswith("BUDGET#"):
                continue
            unit, month = row["pk"]["S"].removeprefix("BUDGET#"), row["sk"]["S"]
            booked = self.cloud.budget(unit, month)
            held = [job for job in jobs if job.reservation.budget_month == month and unit in (job.provider, "usd")]
            assert booked["reserved"] == sum(
                _value(j, j.reservation.credits_reserved, unit) for j in held if j.status not in TERMINAL
            )
            assert booked["spent"] == sum(_value(j, j.credits, unit) for j in held if j.status in TERMINAL)
            assert booked["committed"] == booked["reserved"] + booked["spent"]
            assert booked["jobs"] == len(held)


def _value(job: Job, credits: Decimal | None, unit: str) -> Decimal:
    return (credits or Decimal(0)) * (job.reservation.credit_price_usd if unit == "usd" else 1)
