"""Wiring: reads the environment, makes the adapters, hands out the use cases. The only reader of the environment.

Everything is made on first use and once per container, so that a cold start pays only for what its function needs.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

from darkroom import catalog
from darkroom.aws.ledger import DynamoLedger, utc_now
from darkroom.aws.outputs import S3Outputs
from darkroom.aws.secrets import ApiKeys
from darkroom.aws.sources import S3Sources
from darkroom.aws.workflow import EventBridgeEvents, SqsIntake, StepFunctionsWorkflow
from darkroom.model import Limits
from darkroom.pipeline.binding import Binding
from darkroom.pipeline.closing import Closing
from darkroom.pipeline.doubt import Doubt
from darkroom.pipeline.finalize import Finalize
from darkroom.pipeline.poll import Poll
from darkroom.pipeline.submit import Submit
from darkroom.ports import Provider
from darkroom.providers import http
from darkroom.providers.results import Downloads
from darkroom.providers.topaz import Topaz

if TYPE_CHECKING:
    import httpx

# Libraries that print whole URLs or headers below WARNING: httpx logs every request's URL at INFO.
TALKATIVE = ("httpx", "httpcore", "urllib3", "botocore", "boto3", "s3transfer")
AWS_CONFIG = Config(retries={"mode": "standard", "max_attempts": 4}, connect_timeout=5, read_timeout=60)


class BadConfiguration(RuntimeError):
    """A stack parameter is malformed: the operator corrects it and deploys again. Queued uploads are kept meanwhile."""


def quiet_loggers() -> None:
    """Keeps links and keys out of the logs whatever the root logger's level is."""
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


@cache
def submit() -> Submit:
    """The use case of the submit function."""
    quiet_loggers()
    binding = Binding(_ledger(), _workflow(), utc_now)
    return Submit(
        sources=_sources(),
        ledger=_ledger(),
        providers=_providers(),
        binding=binding,
        closing=_closing(),
        doubt=Doubt(_ledger(), _providers(), binding, utc_now),
        clock=utc_now,
        input_bucket=_env("INPUT_BUCKET"),
        output_bucket=_env("OUTPUT_BUCKET"),
        default_provider=_env("PROVIDER", "topaz"),
        allowed_providers=_allowed(),
        stack_defaults=_env("DEFAULT_SETTINGS", ""),
        tag_prefix=_env("TAG_PREFIX", ""),
        limits=_limits(),
        deadline=timedelta(hours=float(_number("JOB_DEADLINE_HOURS", _env("JOB_DEADLINE_HOURS", "24")))),
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
    return Finalize(_sources(), _outputs(), _ledger(), _providers(), _closing(), utc_now, retention)


@cache
def intake() -> SqsIntake:
    """The queue to which submit hands back what is too early."""
    return SqsIntake(_client("sqs"), _env("INTAKE_QUEUE_URL"))


@cache
def _client(service: str) -> Any:
    return boto3.client(service, config=AWS_CONFIG)  # type: ignore[call-overload]


@cache
def _ledger() -> DynamoLedger:
    return DynamoLedger(_client("dynamodb"), _env("LEDGER_TABLE"), _limits())


@cache
def _sources() -> S3Sources:
    return S3Sources(_client("s3"))


@cache
def _outputs() -> S3Outputs:
    return S3Outputs(_client("s3"), _env("OUTPUT_BUCKET"))


@cache
def _closing() -> Closing:
    return Closing(_ledger(), _outputs(), EventBridgeEvents(_client("events")), utc_now)


@cache
def _workflow() -> StepFunctionsWorkflow:
    return StepFunctionsWorkflow(_client("stepfunctions"), _env("STATE_MACHINE_ARN"))


@cache
def _keys() -> ApiKeys:
    return ApiKeys(_client("secretsmanager"), _env("API_KEYS_SECRET_ARN"))


@cache
def _http() -> httpx.Client:
    return http.new_client()


def _downloads(base_url: str) -> Downloads:
    return Downloads(_http(), local=http.is_loopback(base_url))


# One line a provider: its adapter, given its base URL.
ADAPTERS: Mapping[str, Callable[[str], Provider]] = {
    "topaz": lambda base_url: Topaz(base_url, _keys(), _http(), _downloads(base_url)),
}


@cache
def _providers() -> Mapping[str, Provider]:
    return {name: make(_env(f"{name.upper()}_BASE_URL").rstrip("/")) for name, make in ADAPTERS.items()}


def _allowed() -> tuple[str, ...]:
    named = [name.strip() for name in _env("ALLOWED_PROVIDERS", "").split(",")]
    return tuple(name for name in named if name in ADAPTERS) or tuple(ADAPTERS)


@cache
def _limits() -> Limits:
    provider = _env("PROVIDER", "topaz")
    return Limits(
        monthly_credits=per_provider("MonthlyCreditLimit", _env("MONTHLY_CREDIT_LIMIT", "0"), provider),
        monthly_usd=_number("MonthlyBudgetUsd", _env("MONTHLY_BUDGET_USD", "0")),
        credits_per_job=per_provider("MaxCreditsPerJob", _env("MAX_CREDITS_PER_JOB", "0"), provider),
        credit_price_usd=per_provider("CreditPriceUsd", _env("CREDIT_PRICE_USD", ""), provider),
    )


def per_provider(parameter: str, text: str, default_provider: str) -> dict[str, Decimal]:
    """`500` (for the default provider) or `topaz=500,aimlapi=20000000`; zeros are left out: they mean no limit."""
    amounts: dict[str, Decimal] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, amount = part.rpartition("=")
        amounts[name.strip().lower() if equals else default_provider] = _number(parameter, amount)
    return {name: amount for name, amount in amounts.items() if amount}


def _number(parameter: str, text: str) -> Decimal:
    try:
        number = Decimal(text.strip() or "0")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise BadConfiguration(f"{parameter}: {text!r} is not a number of 0 or more; correct it and deploy again")
    return number


def _env(name: str, default: str | None = None) -> str:
    value = os.environ.get(name, default)
    if value is None:
        raise BadConfiguration(f"the function has no environment variable {name}; deploy the template again")
    return value
