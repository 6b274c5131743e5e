"""The application over the simulated world: the real use cases on the real adapters, every port under the scheduler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from darkroom import messages
from darkroom.aws.circuits import DynamoCircuits
from darkroom.aws.event_bus import EventBridgeBus
from darkroom.aws.executions import StepFunctionsExecutions, poll_state_payload
from darkroom.aws.intake_queue import SqsIntakeQueue
from darkroom.aws.interventions import DynamoInterventions
from darkroom.aws.ledger import DynamoLedger
from darkroom.aws.provider_accounts import DynamoProviderAccounts
from darkroom.aws.sweep_queries import DynamoSweepQueries
from darkroom.model import Limits
from darkroom.pipeline import lost_uploads, reconcile
from darkroom.pipeline.abandoned_multiparts import AbandonedMultiparts
from darkroom.pipeline.binding import Binding
from darkroom.pipeline.circuit_breaker import CircuitBreaker
from darkroom.pipeline.delivery import Delivery
from darkroom.pipeline.dispatch import Dispatch
from darkroom.pipeline.finalize import Finalize
from darkroom.pipeline.in_doubt import InDoubt
from darkroom.pipeline.lost_uploads import LostUploads
from darkroom.pipeline.operator_commands import OperatorCommands
from darkroom.pipeline.outcomes import RetryLater
from darkroom.pipeline.poll import Poll
from darkroom.pipeline.quote import Quote
from darkroom.pipeline.reconcile import Reconcile
from darkroom.pipeline.settlement import Settlement
from darkroom.pipeline.submit import Submit
from darkroom.pipeline.sweep import Sweep
from tests.fakes.aws_account import INPUT, OUTPUT, TABLE
from tests.faults.memory_step_functions import ARN
from tests.faults.port_proxies import Faults, Proxy
from tests.faults.scheduler import Scheduler
from tests.faults.world_shapes import Shape

PROVIDER = "topaz"


@dataclass
class Stack:
    """What is deployed. `cloud` has the bare ports; `door` makes a provider for a container."""

    scheduler: Scheduler
    shape: Shape
    cloud: Mapping[str, Any]
    door: Callable[[], Any]
    faults: Faults
    limits: Limits
    ports: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        under = {name: Proxy(port, self.scheduler, name, self.faults) for name, port in self.cloud.items()}
        table: Any = (under["dynamo"], TABLE, self.scheduler.sleep)
        self.ports = {
            **under,
            "circuits": DynamoCircuits(*table), "backlog": DynamoSweepQueries(*table), "accounts": DynamoProviderAccounts(*table),
            "interventions": DynamoInterventions(*table), "intake": SqsIntakeQueue(under["sqs"], "queue"),
            "events": EventBridgeBus(under["bus"]), "executions": StepFunctionsExecutions(under["sfn"], ARN),
        }  # fmt: skip

    def allow(self, monthly_credits: Decimal) -> None:
        """The operator deploys another limit: functions that start from now on have it."""
        self.limits = replace(self.limits, monthly_credits={PROVIDER: monthly_credits} if monthly_credits else {})

    def submit(self, body: str, ends: datetime) -> list[str]:
        """The submit function, as its handler does it for one message."""
        parts = self._parts()
        use_case = Submit(
            sources=self.ports["sources"],
            ledger=parts.ledger,
            dispatch=parts.dispatch(),
            binding=parts.binding,
            settlement=parts.settlement,
            in_doubt=parts.doubt,
            clock=self.scheduler.clock,
            input_bucket=INPUT,
            deadline=timedelta(seconds=self.shape.deadline),
        )
        verdicts = []
        for what in messages.parse_message(body):
            verdict = use_case(what, ends)
            if isinstance(verdict, RetryLater):
                self.ports["intake"].requeue(what, verdict.seconds)
            verdicts.append(type(verdict).__name__)
        return verdicts

    def poll(self, data: Mapping[str, Any], ends: datetime) -> dict[str, object]:
        """The poll function."""
        parts = self._parts()
        return poll_state_payload(
            Poll(parts.ledger, parts.providers, self.scheduler.clock)(data["job_id"], int(data["run"]))
        )

    def finalize(self, data: Mapping[str, Any], ends: datetime) -> dict[str, object]:
        """The finalize function."""
        return poll_state_payload(self._parts().finalize()(data["job_id"], int(data["run"]), ends))

    def sweep(self, ends: datetime) -> Mapping[str, int]:
        """The sweep function."""
        parts, clock = self._parts(), self.scheduler.clock
        sources, backlog, intake = (self.ports[name] for name in ("sources", "backlog", "intake"))
        drifted = Reconcile(self.ports["accounts"], parts.providers, self.ports["alerts"], clock)
        use_case = Sweep(
            queries=backlog,
            circuits=self.ports["circuits"],
            intake=intake,
            binding=parts.binding,
            settlement=parts.settlement,
            providers=parts.providers,
            rounds={
                "LostUploads": (lost_uploads.EVERY, LostUploads(sources, backlog, intake, clock, INPUT, "", ())),
                "AbandonedUploads": (
                    lost_uploads.EVERY,
                    AbandonedMultiparts(self.ports["outputs"], backlog, clock, OUTPUT),
                ),
                "Drifted": (reconcile.EVERY, drifted),
            },
            alerts=self.ports["alerts"],
            clock=clock,
        )
        return use_case(ends)

    def operate(self) -> OperatorCommands:
        """The operator's commands."""
        parts = self._parts()
        return OperatorCommands(
            ledger=parts.ledger,
            interventions=self.ports["interventions"],
            circuits=self.ports["circuits"],
            intake=self.ports["intake"],
            binding=parts.binding,
            settlement=parts.settlement,
            finalize=parts.finalize(),
            providers=parts.providers,
            clock=self.scheduler.clock,
            input_bucket=INPUT,
            deadline=timedelta(seconds=self.shape.deadline),
        )

    def _parts(self) -> Parts:
        provider = Proxy(self.door(), self.scheduler, "provider", self.faults)
        ledger = DynamoLedger(self.ports["dynamo"], TABLE, self.limits, self.scheduler.sleep)
        return Parts(self, ledger, {PROVIDER: provider})


class Parts:
    """What the functions of one container share."""

    def __init__(self, stack: Stack, ledger: DynamoLedger, providers: Mapping[str, Any]) -> None:
        self.stack, self.ledger, self.providers = stack, ledger, providers
        ports, clock = stack.ports, stack.scheduler.clock
        self.settlement = Settlement(ledger, ports["outputs"], ports["events"], ports["alerts"], clock)
        self.binding = Binding(ledger, ports["executions"], ports["alerts"], clock)
        self.doubt = InDoubt(ledger, ports["staging"], providers, self.binding, self.settlement, clock)

    def dispatch(self) -> Dispatch:
        """The heart of submit."""
        stack, clock = self.stack, self.stack.scheduler.clock
        return Dispatch(
            sources=stack.ports["sources"],
            links=stack.ports["links"],
            staging=stack.ports["staging"],
            ledger=self.ledger,
            providers=self.providers,
            circuit_breaker=CircuitBreaker(stack.ports["circuits"], stack.ports["alerts"], clock),
            binding=self.binding,
            settlement=self.settlement,
            in_doubt=self.doubt,
            clock=clock,
            output_bucket=OUTPUT,
            quote=Quote(stack.ports["sources"], PROVIDER, (PROVIDER,), "", "", stack.limits, {}, clock),
        )

    def finalize(self) -> Finalize:
        """The use case of finalize, also an operator's."""
        stack, clock = self.stack, self.stack.scheduler.clock
        retention = {PROVIDER: timedelta(seconds=stack.shape.retention)}
        sources, outputs, staging = (stack.ports[name] for name in ("sources", "outputs", "staging"))
        delivery = Delivery(sources, outputs, staging, self.ledger, self.settlement, clock, retention)
        return Finalize(self.ledger, self.providers, delivery, self.settlement, clock)
