"""The application over the simulated world: the real use cases on the real adapters, every port under the scheduler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from darkroom import events
from darkroom.aws.accounts import DynamoAccounts
from darkroom.aws.backlog import DynamoBacklog
from darkroom.aws.circuits import DynamoCircuits
from darkroom.aws.interventions import DynamoInterventions
from darkroom.aws.ledger import DynamoLedger
from darkroom.aws.workflow import EventBridgeEvents, SqsIntake, StepFunctionsWorkflow, tick_payload
from darkroom.model import Limits
from darkroom.pipeline import reconcile, strays
from darkroom.pipeline.binding import Binding
from darkroom.pipeline.closing import Closing
from darkroom.pipeline.delivery import Delivery
from darkroom.pipeline.doubt import Doubt
from darkroom.pipeline.finalize import Finalize
from darkroom.pipeline.gate import Gate
from darkroom.pipeline.operate import Operate
from darkroom.pipeline.poll import Poll
from darkroom.pipeline.preparing import Preparing
from darkroom.pipeline.reconcile import Reconcile
from darkroom.pipeline.sending import Sending
from darkroom.pipeline.strays import AbandonedUploads, LostUploads
from darkroom.pipeline.submit import Submit
from darkroom.pipeline.sweep import Sweep
from darkroom.pipeline.verdicts import Later
from tests.fakes.cloud import INPUT, OUTPUT, TABLE
from tests.faults.machine import ARN
from tests.faults.proxies import Faults, Proxy
from tests.faults.scheduler import Scheduler
from tests.faults.shapes import Shape

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
            "circuits": DynamoCircuits(*table), "backlog": DynamoBacklog(*table), "accounts": DynamoAccounts(*table),
            "interventions": DynamoInterventions(*table), "intake": SqsIntake(under["sqs"], "queue"),
            "events": EventBridgeEvents(under["bus"]), "workflow": StepFunctionsWorkflow(under["sfn"], ARN),
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
            sending=parts.sending(),
            binding=parts.binding,
            closing=parts.closing,
            doubt=parts.doubt,
            clock=self.scheduler.clock,
            input_bucket=INPUT,
            deadline=timedelta(seconds=self.shape.deadline),
        )
        verdicts = []
        for what in events.work_of(body):
            verdict = use_case(what, ends)
            if isinstance(verdict, Later):
                self.ports["intake"].again(what, verdict.seconds)
            verdicts.append(type(verdict).__name__)
        return verdicts

    def poll(self, data: Mapping[str, Any], ends: datetime) -> dict[str, object]:
        """The poll function."""
        parts = self._parts()
        return tick_payload(Poll(parts.ledger, parts.providers, self.scheduler.clock)(data["job_id"], int(data["run"])))

    def finalize(self, data: Mapping[str, Any], ends: datetime) -> dict[str, object]:
        """The finalize function."""
        return tick_payload(self._parts().finalize()(data["job_id"], int(data["run"]), ends))

    def sweep(self, ends: datetime) -> Mapping[str, int]:
        """The sweep function."""
        parts, clock = self._parts(), self.scheduler.clock
        sources, backlog, intake = (self.ports[name] for name in ("sources", "backlog", "intake"))
        drifted = Reconcile(self.ports["accounts"], parts.providers, self.ports["attention"], clock)
        use_case = Sweep(
            backlog=backlog,
            circuits=self.ports["circuits"],
            intake=intake,
            binding=parts.binding,
            closing=parts.closing,
            providers=parts.providers,
            rounds={
                "LostUploads": (strays.EVERY, LostUploads(sources, backlog, intake, clock, INPUT, "", ())),
                "AbandonedUploads": (strays.EVERY, AbandonedUploads(self.ports["outputs"], backlog, clock, OUTPUT)),
                "Drifted": (reconcile.EVERY, drifted),
            },
            attention=self.ports["attention"],
            clock=clock,
        )
        return use_case(ends)

    def operate(self) -> Operate:
        """The operator's commands."""
        parts = self._parts()
        return Operate(
            ledger=parts.ledger,
            interventions=self.ports["interventions"],
            circuits=self.ports["circuits"],
            intake=self.ports["intake"],
            binding=parts.binding,
            closing=parts.closing,
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
        self.closing = Closing(ledger, ports["outputs"], ports["events"], ports["attention"], clock)
        self.binding = Binding(ledger, ports["workflow"], ports["attention"], clock)
        self.doubt = Doubt(ledger, ports["staging"], providers, self.binding, self.closing, clock)

    def sending(self) -> Sending:
        """The heart of submit."""
        stack, clock = self.stack, self.stack.scheduler.clock
        return Sending(
            sources=stack.ports["sources"],
            links=stack.ports["links"],
            staging=stack.ports["staging"],
            ledger=self.ledger,
            providers=self.providers,
            gate=Gate(stack.ports["circuits"], stack.ports["attention"], clock),
            binding=self.binding,
            closing=self.closing,
            doubt=self.doubt,
            clock=clock,
            output_bucket=OUTPUT,
            preparing=Preparing(stack.ports["sources"], PROVIDER, (PROVIDER,), "", "", stack.limits),
        )

    def finalize(self) -> Finalize:
        """The use case of finalize, also an operator's."""
        stack, clock = self.stack, self.stack.scheduler.clock
        retention = {PROVIDER: timedelta(seconds=stack.shape.retention)}
        sources, outputs, staging = (stack.ports[name] for name in ("sources", "outputs", "staging"))
        delivery = Delivery(sources, outputs, staging, self.ledger, self.closing, clock, retention)
        return Finalize(self.ledger, self.providers, delivery, self.closing, clock)
