"""Runs the application in the simulation, with its real use cases and adapters. The scheduler may interrupt every call of a
port.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from darkroom import queue_messages
from darkroom.aws.executions import poll_state_payload
from darkroom.aws.ledger_ownership import DynamoLedgerOwnership
from darkroom.aws.ledger_table import LedgerTable
from darkroom.container import Container
from darkroom.errors import StorageUnproven
from darkroom.model import LedgerOwner, Limits
from darkroom.pipeline.message_outcomes import RetryLater
from darkroom.pipeline.operator_commands import OperatorCommands
from tests.fakes.aws_account import INPUT, OUTPUT, TABLE
from tests.fakes.folder_files import MemoryFolderFiles
from tests.faults.memory_step_functions import ARN
from tests.faults.port_proxies import Faults, Proxy
from tests.faults.scheduler import Scheduler
from tests.faults.world_shapes import Shape

PROVIDER = "topaz"
# Names of the adapters that the application's `Container` makes, with simulated clients. `Stack.cloud` has the other adapters.
REAL = (
    "circuits", "storage_checks", "sweep_queries", "provider_accounts", "operator_ledger", "intake", "events", "executions",
    "callback_ledger", "callback_keys", "task_tokens",
)  # fmt: skip


@dataclass
class Stack:
    """Stands in for the deployed stack and runs its functions.

    `cloud` has the simulated ports and clients, which this class wraps in proxies. `vendor_client` returns a new client of
    the vendor for each container.
    """

    scheduler: Scheduler
    shape: Shape
    cloud: Mapping[str, Any]
    vendor_client: Callable[[], Any]
    faults: Faults
    limits: Limits
    environment: dict[str, str] = field(init=False)
    adapters: dict[str, Any] = field(init=False)  # the adapters and settings that all containers share

    def __post_init__(self) -> None:
        self.environment = {
            "INPUT_BUCKET": INPUT, "OUTPUT_BUCKET": OUTPUT, "INTAKE_QUEUE_URL": "queue", "STATE_MACHINE_ARN": ARN,
            "ALLOWED_PROVIDERS": PROVIDER, "JOB_DEADLINE_HOURS": str(self.shape.deadline / 3600),
            "CALLBACK_URL": "https://callbacks.example/" if self.shape.calls_back else "",
        }  # fmt: skip
        under = {name: Proxy(port, self.scheduler, name, self.faults) for name, port in self.cloud.items()}
        under["storage_proof"] = self.cloud["outputs"].prove  # it has a point of its own
        clients = {"sqs": under.pop("sqs"), "events": under.pop("bus"), "stepfunctions": under.pop("sfn")}
        owners = LedgerTable(self.cloud["dynamo"], TABLE)
        owner = DynamoLedgerOwnership(
            owners, LedgerOwner("darkroom", INPUT), may_claim=True, clock=self.scheduler.clock
        )
        table = LedgerTable(under.pop("dynamo"), TABLE, self.scheduler.sleep)  # type: ignore[arg-type]
        self.adapters = {
            **under, "folder_files": MemoryFolderFiles(), "ledger_table": table, "ledger_ownership": owner,
            "clock": self.scheduler.clock,
            "retention": {PROVIDER: timedelta(seconds=self.shape.retention)},
        }  # fmt: skip
        real = Container(self.environment, clients=clients.__getitem__, replaced=self.adapters).adapters
        self.adapters |= {name: getattr(real, name) for name in REAL}
        self.adapters["storage_checker"] = self._check_storage

    def allow(self, monthly_credits: Decimal) -> None:
        """Change the monthly limit, as a deployment does. It holds for functions that start from now on."""
        self.limits = replace(self.limits, monthly_credits={PROVIDER: monthly_credits} if monthly_credits else {})

    def submit(self, body: str, ends: datetime, *, is_repeated: bool = False) -> list[str]:
        """Run submit for one message as its handler does. Return the name of the outcome for each upload in the message."""
        application, verdicts = self._container(), []
        for what in queue_messages.parse_message(body):
            verdict = application.submit(what, ends, is_repeated=is_repeated)
            if isinstance(verdict, RetryLater):
                application.adapters.intake.requeue(what, verdict.seconds)
            verdicts.append(type(verdict).__name__)
        return verdicts

    def poll(self, data: Mapping[str, Any], ends: datetime) -> dict[str, object]:
        """Run the poll function with the execution's data. Return its answer to the state machine."""
        return poll_state_payload(self._container().poll(data["job_id"], int(data["run"])))

    def finalize(self, data: Mapping[str, Any], ends: datetime) -> dict[str, object]:
        """Run the finalize function with the execution's data. Return its answer to the state machine."""
        return poll_state_payload(self._container().finalize(data["job_id"], int(data["run"]), ends))

    def callback(self, method: str, path: str, body: bytes) -> int:
        """Run the callback function for one request. Return the status of its answer."""
        return self._container().callback(method, path, body).status_code

    def sweep(self, ends: datetime) -> Mapping[str, int]:
        """Run the sweep function and return its counts."""
        return self._container().sweep(ends)

    def operate(self) -> OperatorCommands:
        """Return the operator commands of a new container."""
        return self._container().operate

    def _check_storage(self) -> None:
        """Run the finalize function as submit calls it."""
        try:
            self._container().check_storage()
        except Exception as error:
            raise StorageUnproven(f"finalize failed ({type(error).__name__})") from None

    def _container(self) -> Container:
        """Return a new container for one invocation, with its own client of the vendor and the current limits."""
        client = self.vendor_client()
        if client.inputs is not None:
            client.kept_inputs = Proxy(client.kept_inputs, self.scheduler, "provider.inputs", self.faults)
        provider = Proxy(client, self.scheduler, "provider", self.faults)
        now = {"limits": self.limits, "providers": {PROVIDER: provider}}
        return Container(self.environment, replaced=self.adapters | now)
