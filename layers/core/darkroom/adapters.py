"""Makes the adapters of one process, one for each port, and the parts that adapters share. It must not know the use cases.

Each module is imported where its adapter is made, so that a cold start loads only what its function needs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from darkroom.aws.clients import LazyClient, Session
from darkroom.providers.registry import ADAPTERS, CALLBACK_READERS, FORGETTING, LazyMapping, build

if TYPE_CHECKING:
    import ssl

    import httpx

    from darkroom import ports
    from darkroom.aws.api_keys import ApiKeys
    from darkroom.aws.ledger_ownership import DynamoLedgerOwnership
    from darkroom.aws.ledger_table import LedgerTable
    from darkroom.configuration import Configuration
    from darkroom.model import Limits

# Libraries that log whole URLs or headers below WARNING. For example, httpx logs the URL of every request at INFO.
CHATTY_LOGGERS = ("httpx", "httpcore", "urllib3", "botocore", "boto3", "s3transfer")


def quiet_loggers() -> None:
    """Keep links and keys out of the logs, at any level of the root logger."""
    for name in CHATTY_LOGGERS:
        logger = logging.getLogger(name)
        if logger.level != logging.WARNING:  # setting a level empties the cache of every logger
            logger.setLevel(logging.WARNING)


def utc_now() -> datetime:
    """Return the current time of this machine, as aware UTC."""
    return datetime.now(UTC)


class Adapters:
    """Has one property for each adapter. An adapter is made once, when it is first used. `Container` explains the arguments."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        clients: Callable[[str], Any] | None,
        credentials: Callable[[], Any] | None,
        interactive: bool,
        replaced: Mapping[str, Any],
    ) -> None:
        session = Session()
        self.configuration = configuration
        self._clients = clients or session.client
        self._credentials = credentials or session.credentials
        self._interactive = interactive
        self._made = cache(self._make)
        if unknown := replaced.keys() - vars(Adapters).keys():
            raise TypeError(f"there is no adapter named {', '.join(sorted(unknown))}")
        vars(self).update(replaced)  # a cached_property takes its value from here

    def client(self, service: str) -> Any:
        """Return a client of the AWS service. It is made once, when it is first used, because an idle sweep uses only one of six
        clients."""
        return LazyClient(service, self._made)

    def _make(self, service: str) -> Any:
        quiet_loggers()
        return self._clients(service)

    @cached_property
    def clock(self) -> ports.Clock:
        """The clock of this machine."""
        return utc_now

    @cached_property
    def limits(self) -> Limits:
        """The stack's spending limits."""
        return self.configuration.limits(ADAPTERS)

    @cached_property
    def ledger_table(self) -> LedgerTable:
        """The ledger's DynamoDB table, which several adapters share. It refuses every request if the ledger belongs to another
        stack."""
        return replace(self.ledger_ownership.table, guard=self.ledger_ownership.require)

    @cached_property
    def ledger_ownership(self) -> DynamoLedgerOwnership:
        """The owner of the ledger."""
        from darkroom.aws.ledger_ownership import DynamoLedgerOwnership
        from darkroom.aws.ledger_table import LedgerTable

        return DynamoLedgerOwnership(
            LedgerTable(self.client("dynamodb"), self.configuration.text("LEDGER_TABLE")),
            self.configuration.stack,
            may_claim=not self.configuration.ledger_is_given,
            clock=self.clock,
        )

    @cached_property
    def ledger(self) -> ports.Ledger:
        """The adapter through which workers write the ledger."""
        from darkroom.aws.ledger import DynamoLedger

        return DynamoLedger(self.ledger_table, self.limits, self.configuration.retain_jobs, FORGETTING)

    @cached_property
    def operator_ledger(self) -> ports.OperatorLedger:
        """The adapter through which operators change the ledger."""
        from darkroom.aws.operator_ledger import DynamoOperatorLedger

        return DynamoOperatorLedger(self.ledger_table, self.configuration.retain_jobs)

    @cached_property
    def job_queries(self) -> ports.JobQueries:
        """The adapter through which people read the ledger."""
        from darkroom.aws.job_queries import DynamoJobQueries

        return DynamoJobQueries(self.ledger_table)

    @cached_property
    def sweep_queries(self) -> ports.SweepQueries:
        """The adapter through which the sweep queries the ledger."""
        from darkroom.aws.sweep_queries import DynamoSweepQueries

        return DynamoSweepQueries(self.ledger_table)

    @cached_property
    def provider_accounts(self) -> ports.ProviderAccounts:
        """The adapter for the ledger's sums and the comparisons with the providers' accounts."""
        from darkroom.aws.account_comparisons import DynamoProviderAccounts

        return DynamoProviderAccounts(self.ledger_table)

    @cached_property
    def circuits(self) -> ports.Circuits:
        """The providers' circuits."""
        from darkroom.aws.circuits import DynamoCircuits

        return DynamoCircuits(self.ledger_table)

    @cached_property
    def sources(self) -> ports.InputBucket:
        """The input bucket."""
        from darkroom.aws.input_bucket import S3InputBucket

        return S3InputBucket(self.client("s3"), for_person=self._interactive)

    @cached_property
    def folder_files(self) -> ports.FolderFiles:
        """The `darkroom.toml` files of the input bucket."""
        from darkroom.aws.folder_files import S3FolderFiles

        return S3FolderFiles(self.client("s3"), self.clock, for_person=self._interactive)

    @cached_property
    def outputs(self) -> ports.OutputBucket:
        """The output bucket."""
        from darkroom.aws.multipart_put import MultipartPut
        from darkroom.aws.output_bucket import S3OutputBucket

        client = self.client("s3")
        multipart_put = MultipartPut(client, self._credentials, lambda: self.tls_context)
        return S3OutputBucket(client, self.configuration.output_bucket, multipart_put)

    @cached_property
    def storage_checks(self) -> ports.StorageChecks:
        """What the ledger knows of the output bucket."""
        from darkroom.aws.storage_checks import DynamoStorageChecks

        return DynamoStorageChecks(self.ledger_table, self.configuration.output_bucket)

    @cached_property
    def storage_checker(self) -> ports.StorageChecker:
        """How submit has finalize check the output bucket."""
        from darkroom.aws.storage_checks import LambdaStorageChecker

        return LambdaStorageChecker(self.client("lambda"), self.configuration.text("FINALIZE_FUNCTION"))

    @cached_property
    def storage_proof(self) -> ports.StorageProof:
        """The proof that the output bucket takes results, made as finalize."""
        from darkroom.aws.storage_proof import S3StorageProof

        buckets = self.configuration.output_bucket, self.configuration.text("INPUT_BUCKET")
        return S3StorageProof(self.client("s3"), *buckets, self.configuration.text("ACCOUNT_ID"))

    @cached_property
    def staging(self) -> ports.StagedResults:
        """The staged results of synchronous calls."""
        from darkroom.aws.staged_results import S3StagedResults

        return S3StagedResults(self.client("s3"), self.configuration.output_bucket)

    @cached_property
    def links(self) -> ports.PresignedUrls:
        """The presigned URLs of uploads, for providers that fetch them."""
        from darkroom.aws.presigned_urls import S3PresignedUrls

        return S3PresignedUrls(self.client("sts"), self.configuration.text("LINK_ROLE_ARN"), self.clock)

    @cached_property
    def intake(self) -> ports.IntakeQueue:
        """The intake queue."""
        from darkroom.aws.intake_queue import SqsIntakeQueue

        return SqsIntakeQueue(self.client("sqs"), self.configuration.text("INTAKE_QUEUE_URL"))

    @cached_property
    def executions(self) -> ports.Executions:
        """The executions of the state machine."""
        from darkroom.aws.executions import StepFunctionsExecutions

        return StepFunctionsExecutions(self.client("stepfunctions"), self.configuration.text("STATE_MACHINE_ARN"))

    @cached_property
    def task_tokens(self) -> ports.TaskTokens:
        """The waits of executions for callbacks."""
        from darkroom.aws.task_tokens import StepFunctionsTaskTokens

        return StepFunctionsTaskTokens(self.client("stepfunctions"))

    @cached_property
    def callback_ledger(self) -> ports.CallbackLedger:
        """The adapter through which the function callback writes the ledger."""
        from darkroom.aws.callback_ledger import DynamoCallbackLedger

        return DynamoCallbackLedger(self.ledger_table)

    @cached_property
    def callback_keys(self) -> ports.CallbackKeys:
        """The key of callback addresses. It is read even if the ledger belongs to another stack, because nothing else may be read
        before an address has proved genuine."""
        from darkroom.aws.callback_ledger import DynamoCallbackKeys

        return DynamoCallbackKeys(self.ledger_ownership.table)

    @cached_property
    def callback_readers(self) -> Mapping[str, ports.CallbackReader]:
        """Provider → what reads the bodies of its callbacks."""
        return LazyMapping(CALLBACK_READERS, lambda name: CALLBACK_READERS[name]())

    @cached_property
    def events(self) -> ports.EventBus:
        """The event bus on which the ends of jobs are published."""
        from darkroom.aws.event_bus import EventBridgeBus

        return EventBridgeBus(self.client("events"))

    @cached_property
    def alerts(self) -> ports.Alerts:
        """The alerts. They are logged if a person runs this process, and otherwise counted as metrics."""
        from darkroom.aws.metric_alerts import LoggedAlerts, MetricAlerts

        return LoggedAlerts() if self._interactive else MetricAlerts()

    @cached_property
    def api_keys(self) -> ApiKeys:
        """The providers' API keys."""
        from darkroom.aws.api_keys import ApiKeys

        return ApiKeys(self.client("secretsmanager"), self.configuration.text("API_KEYS_SECRET_ARN"))

    @cached_property
    def tls_context(self) -> ssl.SSLContext:
        """The TLS context of all connections. They share it, because loading its certificates takes as long as making a
        client."""
        from darkroom.providers.http_client import tls_context

        return tls_context()

    @cached_property
    def http(self) -> httpx.Client:
        """The HTTP client of all providers."""
        from darkroom.providers.http_client import new_client

        quiet_loggers()
        return new_client(self.tls_context)

    @cached_property
    def providers(self) -> Mapping[str, ports.Provider]:
        """The providers by name. Each is made when it is first used, because an invocation seldom needs more than one."""
        urls = {name: self.configuration.text(f"{name.upper()}_BASE_URL") for name in ADAPTERS}
        return LazyMapping(
            urls, lambda name: build(name, urls[name], self.api_keys, self.http, lambda: self.tls_context)
        )

    @cached_property
    def retention(self) -> Mapping[str, timedelta]:
        """Provider → how long it keeps a result. A catalog is read when it is first used, because poll and sweep need none."""
        return LazyMapping(ADAPTERS, _retention)


def _retention(provider: str) -> timedelta:
    from darkroom import catalog

    return timedelta(hours=float(catalog.load(provider).result_retention_hours))
