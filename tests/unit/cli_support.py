"""Helpers for tests of the command line: the whole application in this process, and jobs in each state that a command
can meet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import pytest
from tests.fakes.application import NO_LIMITS, ApplicationUnderTest, picture
from tests.fakes.aws_account import INPUT, client, cloud
from typer.testing import CliRunner, Result

from darkroom.container import Container
from darkroom.errors import SubmitInDoubt
from darkroom.model import Job, Limits, ProcessState
from darkroom.pipeline.account_reconciliation import Reconcile
from darkroom.pipeline.operator_commands import OperatorCommands
from darkroom_cli.main import app
from darkroom_cli.stack import deployment


@dataclass(frozen=True)
class Stack:
    """Replaces `deployment.Deployment`. It has the real use cases, on moto and with a fake provider."""

    application: ApplicationUnderTest
    input_bucket: str = INPUT
    account_id: str = "123456789012"
    parameters: Mapping[str, str] = field(default_factory=lambda: {"MaxConcurrentSubmits": "10"})
    environment: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def queues(self) -> tuple[Any, str, str]:
        """The SQS client and the addresses of the dead letters and of the intake. Few tests need them, so they are made late."""
        sqs = client("sqs")
        dead_letters, intake = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("dead-letters", "intake"))
        return sqs, dead_letters, intake

    def client(self, service: str) -> Any:
        return self.application.cloud.s3 if service == "s3" else client(service)

    @property
    def container(self) -> Container:
        return self.application.make_container(**self.environment)

    @property
    def operate(self) -> OperatorCommands:
        return self.application.operate

    @property
    def ledger_ownership(self) -> Any:
        return self.application.ports["ledger_ownership"]

    @property
    def operator_ledger(self) -> Any:
        return self.application.ports["operator_ledger"]

    def clock(self) -> datetime:
        return self.application.clock()

    @property
    def job_queries(self) -> Any:
        return self.application.ports["job_queries"]

    @property
    def reconciliation(self) -> Reconcile:
        return self.application.reconcile


@contextmanager
def deployed(limits: Limits = NO_LIMITS, *, emulates_s3: bool = False, **environment: str) -> Iterator[Stack]:
    """Yield a stack. Every command connects to it, whichever stack name the command is given.

    Its buckets are in memory. With `emulates_s3`, they are moto's, which file transfers of the SDK and notifications of a bucket
    need.
    """
    with cloud(emulated=["sqs", "s3"] if emulates_s3 else ["sqs"]) as account, pytest.MonkeyPatch.context() as patch:
        application = ApplicationUnderTest(account, limits=limits)
        application.clock.now = datetime.now(UTC)
        stack = Stack(application, environment=environment)
        patch.setattr(deployment, "connect", lambda name: stack)
        yield stack


def run(*arguments: str, typed: str | None = None) -> Result:
    """Run `darkroom` with these arguments. `typed` is what the user types."""
    return CliRunner().invoke(app, list(arguments), input=typed)


def sent(application: ApplicationUnderTest, key: str = "a.jpg") -> Job:
    """Return a job that the provider has accepted and is processing."""
    upload = application.cloud.put(key, picture())
    application.deliver(upload)
    return next(j for j in application.cloud.jobs() if (j.source_key, j.source_version) == (key, upload.version_id))


def failed(application: ApplicationUnderTest, key: str = "a.jpg") -> Job:
    """Return a failed job. The provider accepted its submit, but the process then failed."""
    job = sent(application, key)
    application.provider.become(ProcessState.FAILED, job.process.process_id)
    application.clock.advance(60)
    application.finalize(job)
    return now(application, job)


def refused(application: ApplicationUnderTest, key: str) -> Job:
    """Return a job that was refused before any credits were reserved, because its upload is not a picture."""
    application.deliver(application.cloud.put(key, b"no picture"))
    return next(job for job in application.cloud.jobs() if job.source_key == key)


def doubted(application: ApplicationUnderTest) -> Job:
    """Return a job in doubt that an operator must resolve. Its submit was accepted."""
    return application.ledger.mark_in_doubt(sent(application), "a person must resolve it", application.clock())


def lost(application: ApplicationUnderTest) -> Job:
    """Return a job in doubt that an operator must resolve. Its submit's answer was lost, and the provider showed no list."""
    application.provider.lists = False
    application.provider.refusals = [SubmitInDoubt("lost")]
    application.deliver(application.cloud.put("a.jpg", picture()))
    application.provider.lists = True
    return application.job()


def now(application: ApplicationUnderTest, job: Job) -> Job:
    """Return the job as it is in the ledger now."""
    found = application.ledger.get(job.job_id)
    assert found is not None
    return found
