"""Jobs in each state in a whole application in this process, and the command line that works on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.fakes.application import World, picture
from tests.fakes.aws_account import INPUT, client, cloud
from typer.testing import CliRunner, Result

from darkroom.errors import SubmitInDoubt
from darkroom.model import Job, ProcessState
from darkroom.pipeline.operator_commands import OperatorCommands
from darkroom.pipeline.reconcile import Reconcile
from darkroom_cli import deployed_stack
from darkroom_cli.main import app


@dataclass(frozen=True)
class Stack:
    """Replaces `deployed_stack.Deployment`: real use cases with moto and a fake provider."""

    world: World
    queues: tuple[Any, str, str]
    input_bucket: str = INPUT

    @property
    def operate(self) -> OperatorCommands:
        return self.world.operate

    @property
    def interventions(self) -> Any:
        return self.world.ports["interventions"]

    @property
    def reconciliation(self) -> Reconcile:
        return self.world.reconcile


@contextmanager
def deployed() -> Iterator[Stack]:
    """Yield a stack that every command finds, whatever its name."""
    with cloud() as account, pytest.MonkeyPatch.context() as patch:
        world = World(account)
        world.clock.now = datetime.now(UTC)
        sqs = client("sqs")
        dead_letters, intake = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("dead-letters", "intake"))
        stack = Stack(world, (sqs, dead_letters, intake))
        patch.setattr(deployed_stack, "connect", lambda name: stack)
        yield stack


def run(*arguments: str, typed: str | None = None) -> Result:
    """Run `darkroom` with these arguments."""
    return CliRunner().invoke(app, list(arguments), input=typed)


def sent(world: World, key: str = "a.jpg") -> Job:
    """Return a job at the provider."""
    upload = world.cloud.put(key, picture())
    world.deliver(upload)
    return next(j for j in world.cloud.jobs() if (j.source_key, j.source_version) == (key, upload.version_id))


def failed(world: World, key: str = "a.jpg") -> Job:
    """Return a job that the provider accepted and failed."""
    job = sent(world, key)
    world.provider.become(ProcessState.FAILED, job.process.process_id)
    world.clock.advance(60)
    world.finalize(job)
    return now(world, job)


def refused(world: World, key: str) -> Job:
    """Return a job that was never reserved."""
    world.deliver(world.cloud.put(key, b"no picture"))
    return next(job for job in world.cloud.jobs() if job.source_key == key)


def doubted(world: World) -> Job:
    """Return a job in doubt, which an operator must decide."""
    return world.ledger.mark_in_doubt(sent(world), "a person must resolve it", world.clock())


def lost(world: World) -> Job:
    """Return a job whose submit was lost and which an operator must decide."""
    world.provider.lists = False
    world.provider.refusals = [SubmitInDoubt("lost")]
    world.deliver(world.cloud.put("a.jpg", picture()))
    world.provider.lists = True
    return world.job()


def now(world: World, job: Job) -> Job:
    """Return the job as it is in the ledger now."""
    found = world.ledger.get(job.job_id)
    assert found is not None
    return found
