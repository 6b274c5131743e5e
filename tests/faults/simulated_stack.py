"""The application over the simulated world: the real use cases on the real adapters, every port under the scheduler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from darkroom import messages
from darkroom.aws.executions import poll_state_payload
from darkroom.aws.ledger_table import LedgerTable
from darkroom.container import Container
from darkroom.model import Limits
from darkroom.pipeline.operator_commands import OperatorCommands
from darkroom.pipeline.outcomes import RetryLater
from tests.fakes.aws_account import INPUT, OUTPUT, TABLE
from tests.faults.memory_step_functions import ARN
from tests.faults.port_proxies import Faults, Proxy
from tests.faults.scheduler import Scheduler
from tests.faults.world_shapes import Shape

PROVIDER = "topaz"
# Adapters that a container makes, over the cloud's clients. The cloud has all others.
REAL = ("circuits", "sweep_queries", "provider_accounts", "interventions", "intake", "events", "executions")


@dataclass
class Stack:
    """What is deployed. `cloud` has the bare ports and clients; `door` makes a provider for a container."""

    scheduler: Scheduler
    shape: Shape
    cloud: Mapping[str, Any]
    door: Callable[[], Any]
    faults: Faults
    limits: Limits
    environment: dict[str, str] = field(init=False)
    adapters: dict[str, Any] = field(init=False)  # what all containers share

    def __post_init__(self) -> None:
        self.environment = {
            "INPUT_BUCKET": INPUT, "OUTPUT_BUCKET": OUTPUT, "INTAKE_QUEUE_URL": "queue", "STATE_MACHINE_ARN": ARN,
            "ALLOWED_PROVIDERS": PROVIDER, "JOB_DEADLINE_HOURS": str(self.shape.deadline / 3600),
        }  # fmt: skip
        under = {name: Proxy(port, self.scheduler, name, self.faults) for name, port in self.cloud.items()}
        clients = {"sqs": under.pop("sqs"), "events": under.pop("bus"), "stepfunctions": under.pop("sfn")}
        table = LedgerTable(under.pop("dynamo"), TABLE, self.scheduler.sleep)  # type: ignore[arg-type]
        self.adapters = {
            **under, "ledger_table": table, "clock": self.scheduler.clock,
            "retention": {PROVIDER: timedelta(seconds=self.shape.retention)},
        }  # fmt: skip
        real = Container(self.environment, clients=clients.__getitem__, replaced=self.adapters).adapters
        self.adapters |= {name: getattr(real, name) for name in REAL}

    def allow(self, monthly_credits: Decimal) -> None:
        """The operator deploys another limit: functions that start from now on have it."""
        self.limits = replace(self.limits, monthly_credits={PROVIDER: monthly_credits} if monthly_credits else {})

    def submit(self, body: str, ends: datetime) -> list[str]:
        """The submit function, as its handler does it for one message."""
        application, verdicts = self._container(), []
        for what in messages.parse_message(body):
            verdict = application.submit(what, ends)
            if isinstance(verdict, RetryLater):
                application.adapters.intake.requeue(what, verdict.seconds)
            verdicts.append(type(verdict).__name__)
        return verdicts

    def poll(self, data: Mapping[str, Any], ends: datetime) -> dict[str, object]:
        """The poll function."""
        return poll_state_payload(self._container().poll(data["job_id"], int(data["run"])))

    def finalize(self, data: Mapping[str, Any], ends: datetime) -> dict[str, object]:
        """The finalize function."""
        return poll_state_payload(self._container().finalize(data["job_id"], int(data["run"]), ends))

    def sweep(self, ends: datetime) -> Mapping[str, int]:
        """The sweep function."""
        return self._container().sweep(ends)

    def operate(self) -> OperatorCommands:
        """The operator's commands."""
        return self._container().operate

    def _container(self) -> Container:
        """Make the container of one invocation, with a provider of its own and the limits of now."""
        provider = Proxy(self.door(), self.scheduler, "provider", self.faults)
        now = {"limits": self.limits, "providers": {PROVIDER: provider}}
        return Container(self.environment, replaced=self.adapters | now)
