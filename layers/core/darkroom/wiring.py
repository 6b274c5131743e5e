"""Wiring: reads the environment, makes the adapters, hands out the use cases. The only reader of the environment.

Everything is made on first use and once per container, so that a cold start pays only for what its function needs.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.config import Config

from darkroom import catalog
from darkroom.aws.accounts import DynamoAccounts
from darkroom.aws.attention import LoggedAttention, MetricAttention
from darkroom.aws.backlog import DynamoBacklog
from darkroom.aws.circuits import DynamoCircuits
from darkroom.aws.interventions import DynamoInterventions
from darkroom.aws.ledger import DynamoLedger, utc_now
from darkroom.aws.links import S3Links
from darkroom.aws.outputs import S3Outputs
from darkroom.aws.pump import Pump
from darkroom.aws.secrets import ApiKeys
from darkroom.aws.sources import S3Sources
from darkroom.aws.staging import S3Staging
from darkroom.aws.workflow import EventBridgeEvents, SqsIntake, StepFunctionsWorkflow
from darkroom.configuration import Configuration
from darkroom.pipeline import reconcile, strays
from darkroom.pipeline.binding import Binding
from darkroom.pipeline.closing import Closing
from darkroom.pipeline.delivery import Delivery
from darkroom.pipeline.doubt import Doubt
from darkroom.pipeline.finalize import Finalize
from darkroom.pipeline.gate import Gate
from darkroom.pipeline.operate import Operate
from darkroom.pipeline.poll import Poll
from darkroom.pipeline.reconcile import Reconcile
from darkroom.pipeline.sending import Sending
from darkroom.pipeline.strays import AbandonedUploads, LostUploads
from darkroom.pipeline.submit import Submit
from darkroom.pipeline.sweep import Sweep
from darkroom.ports import Attention, Provider
from darkroom.providers import http
from darkroom.providers.registry import ADAPTERS, build

if TYPE_CHECKING:
    import ssl

    import httpx

# Libraries that print whole URLs or headers below WARNING: httpx logs every request's URL at INFO.
TALKATIVE = ("httpx", "httpcore", "urllib3", "botocore", "boto3", "s3transfer")
AWS_CONFIG = Config(retries={"mode": "standard", "max_attempts": 4}, connect_timeout=5, read_timeout=60)
Adapter = TypeVar("Adapter")


def quiet_loggers() -> None:
    """Keeps links and keys out of the logs whatever the root logger's level is."""
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def use(
    environment: Mapping[str, str], client: Callable[[str], Any] | None = None, *,
    credentials: Callable[[], Any] | None = None, by_hand: bool = False,
) -> None:  # fmt: skip
    """For a process that is no function, before anything else here: whose environment to read, how clients are made, and
    with whose credentials.

    `by_hand`: a person runs it, so calls for a person are printed instead of counted.
    """
    _run.environment, _run.client, _run.by_hand = environment, client or _run.client, by_hand
    _run.credentials = credentials or _run.credentials


@cache
def submit() -> Submit:
    """The use case of the submit function."""
    quiet_loggers()
    return Submit(
        sources=_sources(),
        ledger=_ledger(),
        sending=_sending(),
        binding=_binding(),
        closing=_closing(),
        doubt=_doubt(),
        clock=utc_now,
        input_bucket=_setting().text("INPUT_BUCKET"),
        deadline=_setting().deadline,
    )


@cache
def poll() -> Poll:
    """The use case of the poll function."""
    quiet_loggers()
    return Poll(_ledger(), _providers(), utc_now)


@cache
def finalize() -> Finalize:
    """The use case of the finalize function."""
    quiet_loggers()
    retention = {
        name: timedelta(hours=float(catalog.load(name).result_retention_hours)) for name in catalog.providers()
    }
    delivery = Delivery(_sources(), _outputs(), _staging(), _ledger(), _closing(), utc_now, retention)
    return Finalize(_ledger(), _providers(), delivery, _closing(), utc_now)


@cache
def sweep() -> Sweep:
    """The use case of the sweep function."""
    quiet_loggers()
    input_bucket, output_bucket = _setting().text("INPUT_BUCKET"), _setting().text("OUTPUT_BUCKET")
    backlog = _on_table(DynamoBacklog)
    prefix, suffixes = _setting().text("INPUT_PREFIX", ""), _setting().suffixes
    lost = LostUploads(_sources(), backlog, intake(), utc_now, input_bucket, prefix, suffixes)
    abandoned = AbandonedUploads(_outputs(), backlog, utc_now, output_bucket)
    return Sweep(
        backlog=backlog,
        circuits=_on_table(DynamoCircuits),
        intake=intake(),
        binding=_binding(),
        closing=_closing(),
        providers=_providers(),
        rounds={
            "LostUploads": (strays.EVERY, lost),
            "AbandonedUploads": (strays.EVERY, abandoned),
            "Drifted": (reconcile.EVERY, reconciliation()),
        },
        attention=_attention(),
        clock=utc_now,
    )


@cache
def reconciliation() -> Reconcile:
    """The ledger beside the providers' accounts: part of the sweep, and an operator's command."""
    return Reconcile(_on_table(DynamoAccounts), _providers(), _attention(), utc_now)


@cache
def operate() -> Operate:
    """The operator's use cases, with submit's environment."""
    quiet_loggers()
    return Operate(
        ledger=_ledger(),
        interventions=interventions(),
        circuits=_on_table(DynamoCircuits),
        intake=intake(),
        binding=_binding(),
        closing=_closing(),
        finalize=finalize(),
        providers=_providers(),
        clock=utc_now,
        input_bucket=_setting().text("INPUT_BUCKET"),
        deadline=_setting().deadline,
    )


@cache
def interventions() -> DynamoInterventions:
    """Jobs as people look for them."""
    return _on_table(DynamoInterventions)


@cache
def intake() -> SqsIntake:
    """The queue to which submit hands back what is too early."""
    return SqsIntake(_client("sqs"), _setting().text("INTAKE_QUEUE_URL"))


@dataclass
class _Run:
    """Where this process runs. A function's is the default; `use` says otherwise before anything is made."""

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    client: Callable[[str], Any] = field(default=lambda service: boto3.client(service, config=AWS_CONFIG))
    credentials: Callable[[], Any] = field(default=lambda: boto3.DEFAULT_SESSION.get_credentials())  # type: ignore[union-attr]
    by_hand: bool = False


_run = _Run()


@cache
def _client(service: str) -> Any:
    return _run.client(service)


def _on_table(adapter: Callable[[Any, str], Adapter]) -> Adapter:
    return adapter(_client("dynamodb"), _setting().text("LEDGER_TABLE"))


@cache
def _ledger() -> DynamoLedger:
    return DynamoLedger(_client("dynamodb"), _setting().text("LEDGER_TABLE"), _setting().limits)


@cache
def _sources() -> S3Sources:
    return S3Sources(_client("s3"))


@cache
def _outputs() -> S3Outputs:
    client = _client("s3")
    return S3Outputs(client, _setting().text("OUTPUT_BUCKET"), Pump(client, _run.credentials, _tls))


@cache
def _staging() -> S3Staging:
    return S3Staging(_client("s3"), _setting().text("OUTPUT_BUCKET"))


@cache
def _closing() -> Closing:
    return Closing(_ledger(), _outputs(), EventBridgeEvents(_client("events")), _attention(), utc_now)


@cache
def _binding() -> Binding:
    return Binding(_ledger(), _workflow(), _attention(), utc_now)


@cache
def _doubt() -> Doubt:
    return Doubt(_ledger(), _staging(), _providers(), _binding(), _closing(), utc_now)


@cache
def _sending() -> Sending:
    return Sending(
        sources=_sources(),
        links=S3Links(_client("sts"), _setting().text("LINK_ROLE_ARN"), utc_now),
        staging=_staging(),
        ledger=_ledger(),
        providers=_providers(),
        gate=Gate(_on_table(DynamoCircuits), _attention(), utc_now),
        binding=_binding(),
        closing=_closing(),
        doubt=_doubt(),
        clock=utc_now,
        output_bucket=_setting().text("OUTPUT_BUCKET"),
        default_provider=_setting().provider,
        allowed_providers=_setting().allowed_providers(ADAPTERS),
        stack_defaults=_setting().text("DEFAULT_SETTINGS", ""),
        tag_prefix=_setting().text("TAG_PREFIX", ""),
        limits=_setting().limits,
    )


def _attention() -> Attention:
    return LoggedAttention() if _run.by_hand else MetricAttention()


def _setting() -> Configuration:
    return Configuration(_run.environment)


@cache
def _workflow() -> StepFunctionsWorkflow:
    return StepFunctionsWorkflow(_client("stepfunctions"), _setting().text("STATE_MACHINE_ARN"))


@cache
def _keys() -> ApiKeys:
    return ApiKeys(_client("secretsmanager"), _setting().text("API_KEYS_SECRET_ARN"))


@cache
def _tls() -> ssl.SSLContext:
    """Loading the certificates takes as long as making a client: one context for all."""
    return http.tls_context()


@cache
def _http() -> httpx.Client:
    return http.new_client(_tls())


@cache
def _providers() -> Mapping[str, Provider]:
    urls = {name: _setting().text(f"{name.upper()}_BASE_URL") for name in ADAPTERS}
    return build(urls, _keys(), _http(), _tls)
