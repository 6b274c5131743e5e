"""Wiring: reads the environment, makes the adapters, hands out the use cases. The only reader of the environment.

Everything is made on first use and once per container, so that a cold start pays only for what its function needs. Modules
of `aws`, `pipeline` and `providers` are named as attributes of these packages, which import them then.
"""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

import botocore.session
from botocore.config import Config

from darkroom import aws, pipeline, providers
from darkroom.aws.ledger import DynamoLedger, utc_now
from darkroom.configuration import Configuration
from darkroom.providers.registry import ADAPTERS, OnFirstUse, build

if TYPE_CHECKING:
    import ssl

    import httpx

    from darkroom.ports import Alerts, Provider

# Libraries that print whole URLs or headers below WARNING: httpx logs every request's URL at INFO.
CHATTY_LOGGERS = ("httpx", "httpcore", "urllib3", "botocore", "boto3", "s3transfer")
AWS_CONFIG = Config(retries={"mode": "standard", "max_attempts": 4}, connect_timeout=5, read_timeout=60)
Adapter = TypeVar("Adapter")


def quiet_loggers() -> None:
    """Keeps links and keys out of the logs whatever the root logger's level is."""
    for name in CHATTY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def use(
    environment: Mapping[str, str],
    client: Callable[[str], Any] | None = None,
    *,
    credentials: Callable[[], Any] | None = None,
    interactive: bool = False,
) -> None:
    """For a process that is no function, before anything else here: whose environment to read, how clients are made, and
    with whose credentials.

    `by_hand`: a person runs it, so calls for a person are printed instead of counted.
    """
    _run.environment, _run.client, _run.interactive = environment, client or _run.client, interactive
    _run.credentials = credentials or _run.credentials


@cache
def submit() -> pipeline.submit.Submit:
    """The use case of the submit function."""
    quiet_loggers()
    return pipeline.submit.Submit(
        sources=_sources(),
        ledger=_ledger(),
        dispatch=_sending(),
        binding=_binding(),
        settlement=_closing(),
        in_doubt=_doubt(),
        clock=utc_now,
        input_bucket=_setting().text("INPUT_BUCKET"),
        deadline=_setting().deadline,
        suffixes=_setting().suffixes,
    )


@cache
def poll() -> pipeline.poll.Poll:
    """The use case of the poll function."""
    quiet_loggers()
    return pipeline.poll.Poll(_ledger(), _providers(), utc_now)


@cache
def finalize() -> pipeline.finalize.Finalize:
    """The use case of the finalize function."""
    quiet_loggers()
    delivery = pipeline.delivery.Delivery(
        _sources(), _outputs(), _staging(), _ledger(), _closing(), utc_now, OnFirstUse(ADAPTERS, _retention)
    )
    return pipeline.finalize.Finalize(_ledger(), _providers(), delivery, _closing(), utc_now)


@cache
def sweep() -> pipeline.sweep.Sweep:
    """The use case of the sweep function."""
    quiet_loggers()
    input_bucket, output_bucket = _setting().text("INPUT_BUCKET"), _setting().output_bucket
    backlog = _on_table(aws.sweep_queries.DynamoSweepQueries)
    meant = (_setting().prefix, _setting().suffixes)
    lost = pipeline.lost_uploads.LostUploads(_sources(), backlog, intake(), utc_now, input_bucket, *meant)
    abandoned = pipeline.abandoned_multiparts.AbandonedMultiparts(_outputs(), backlog, utc_now, output_bucket)
    return pipeline.sweep.Sweep(
        queries=backlog,
        circuits=_on_table(aws.circuits.DynamoCircuits),
        intake=intake(),
        binding=_binding(),
        settlement=_closing(),
        providers=_providers(),
        rounds={
            "LostUploads": (pipeline.lost_uploads.EVERY, lost),
            "AbandonedUploads": (pipeline.lost_uploads.EVERY, abandoned),
            "RetiringModels": (
                pipeline.retiring_models.EVERY,
                pipeline.retiring_models.RetiringModels(backlog, _attention(), utc_now),
            ),
            "Drifted": (pipeline.reconcile.EVERY, reconciliation()),
        },
        alerts=_attention(),
        clock=utc_now,
    )


@cache
def reconciliation() -> pipeline.reconcile.Reconcile:
    """The ledger beside the providers' accounts: part of the sweep, and an operator's command."""
    return pipeline.reconcile.Reconcile(
        _on_table(aws.provider_accounts.DynamoProviderAccounts), _providers(), _attention(), utc_now
    )


@cache
def operate() -> pipeline.operator_commands.OperatorCommands:
    """The operator's use cases, with submit's environment."""
    quiet_loggers()
    return pipeline.operator_commands.OperatorCommands(
        ledger=_ledger(),
        interventions=interventions(),
        circuits=_on_table(aws.circuits.DynamoCircuits),
        intake=intake(),
        binding=_binding(),
        settlement=_closing(),
        finalize=finalize(),
        providers=_providers(),
        clock=utc_now,
        input_bucket=_setting().text("INPUT_BUCKET"),
        deadline=_setting().deadline,
    )


@cache
def probe() -> pipeline.probe.Probe:
    """The use case that asks a vendor how it spells settings, with submit's environment."""
    quiet_loggers()
    dispatch = replace(_sending(), quote=_quote(pipeline.probe.TellingQuote))
    return pipeline.probe.Probe(_sources(), _ledger(), dispatch, utc_now, _setting().deadline)


def echoes(provider: str) -> pipeline.probe.Echoes:
    """The provider, which must be one that repeats the settings of a process."""
    return cast("pipeline.probe.Echoes", _providers()[provider])


@cache
def interventions() -> aws.interventions.DynamoInterventions:
    """Jobs as people look for them."""
    return _on_table(aws.interventions.DynamoInterventions)


@cache
def intake() -> aws.intake_queue.SqsIntakeQueue:
    """The queue to which submit hands back what is too early."""
    return aws.intake_queue.SqsIntakeQueue(_client("sqs"), _setting().text("INTAKE_QUEUE_URL"))


@cache
def _session() -> botocore.session.Session:
    """One for all clients; boto3's own layer over it (transfers, resources) would only make them slower to make."""
    gc.freeze()  # what is imported by now lives as long as the process; the collector's walks took a third of a client
    return botocore.session.get_session()


@dataclass
class _Run:
    """Where this process runs. A function's is the default; `use` says otherwise before anything is made."""

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    client: Callable[[str], Any] = field(default=lambda service: _session().create_client(service, config=AWS_CONFIG))
    credentials: Callable[[], Any] = field(default=lambda: _session().get_credentials())
    interactive: bool = False


_run = _Run()


@dataclass(frozen=True)
class _Client:
    """The client of a service, made when it is first asked for anything: an idle sweep needs one of six."""

    service: str

    def __getattr__(self, name: str) -> Any:
        return getattr(_made(self.service), name)


@cache
def _made(service: str) -> Any:
    return _run.client(service)


def _client(service: str) -> Any:
    return _Client(service)


def _on_table(adapter: Callable[[Any, str], Adapter]) -> Adapter:
    return adapter(_client("dynamodb"), _setting().text("LEDGER_TABLE"))


@cache
def _ledger() -> DynamoLedger:
    return DynamoLedger(_client("dynamodb"), _setting().text("LEDGER_TABLE"), _setting().limits(ADAPTERS))


@cache
def _sources() -> aws.input_bucket.S3InputBucket:
    return aws.input_bucket.S3InputBucket(_client("s3"))


@cache
def _outputs() -> aws.output_bucket.S3OutputBucket:
    client = _client("s3")
    pump = aws.multipart.MultipartCopy(client, _run.credentials, _tls)
    return aws.output_bucket.S3OutputBucket(client, _setting().output_bucket, pump)


@cache
def _staging() -> aws.staged_results.S3StagedResults:
    return aws.staged_results.S3StagedResults(_client("s3"), _setting().output_bucket)


@cache
def _closing() -> pipeline.settlement.Settlement:
    bus = aws.event_bus.EventBridgeBus(_client("events"))
    return pipeline.settlement.Settlement(_ledger(), _outputs(), bus, _attention(), utc_now)


@cache
def _binding() -> pipeline.binding.Binding:
    return pipeline.binding.Binding(_ledger(), _workflow(), _attention(), utc_now)


@cache
def _doubt() -> pipeline.in_doubt.InDoubt:
    return pipeline.in_doubt.InDoubt(_ledger(), _staging(), _providers(), _binding(), _closing(), utc_now)


@cache
def _sending() -> pipeline.dispatch.Dispatch:
    return pipeline.dispatch.Dispatch(
        sources=_sources(),
        links=aws.presigned_urls.S3PresignedUrls(_client("sts"), _setting().text("LINK_ROLE_ARN"), utc_now),
        staging=_staging(),
        ledger=_ledger(),
        providers=_providers(),
        circuit_breaker=pipeline.circuit_breaker.CircuitBreaker(
            _on_table(aws.circuits.DynamoCircuits), _attention(), utc_now
        ),
        binding=_binding(),
        settlement=_closing(),
        in_doubt=_doubt(),
        clock=utc_now,
        output_bucket=_setting().output_bucket,
        quote=_quote(pipeline.quote.Quote),
    )


def _quote(kind: type[pipeline.quote.Quote]) -> pipeline.quote.Quote:
    return kind(
        sources=_sources(),
        default_provider=_setting().provider,
        allowed_providers=_setting().allowed_providers(ADAPTERS),
        stack_defaults=_setting().text("DEFAULT_SETTINGS", ""),
        tag_prefix=_setting().text("TAG_PREFIX", ""),
        limits=_setting().limits(ADAPTERS),
        spellings=_setting().spellings(ADAPTERS),
        clock=utc_now,
    )


def _attention() -> Alerts:
    return aws.alerts.LoggedAlerts() if _run.interactive else aws.alerts.MetricAlerts()


def _retention(provider: str) -> timedelta:
    from darkroom import catalog  # not at the top: neither poll nor sweep reads one

    return timedelta(hours=float(catalog.load(provider).result_retention_hours))


def _setting() -> Configuration:
    return Configuration(_run.environment)


@cache
def _workflow() -> aws.executions.StepFunctionsExecutions:
    return aws.executions.StepFunctionsExecutions(_client("stepfunctions"), _setting().text("STATE_MACHINE_ARN"))


@cache
def _keys() -> aws.api_keys.ApiKeys:
    return aws.api_keys.ApiKeys(_client("secretsmanager"), _setting().text("API_KEYS_SECRET_ARN"))


@cache
def _tls() -> ssl.SSLContext:
    """Loading the certificates takes as long as making a client: one context for all."""
    return providers.http_client.tls_context()


@cache
def _http() -> httpx.Client:
    return providers.http_client.new_client(_tls())


@cache
def _providers() -> Mapping[str, Provider]:
    """An adapter is made when a job first needs it: a run seldom meets more than one."""
    urls = {name: _setting().text(f"{name.upper()}_BASE_URL") for name in ADAPTERS}
    return OnFirstUse(urls, lambda name: build(name, urls[name], _keys(), _http(), _tls))
