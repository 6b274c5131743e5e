"""Makes the use cases of one process, each with the adapters that it needs. No other module reads the environment.

Each module is imported where its part is made, so that a cold start loads only what its function needs. The file is longer than
300 lines because each use case adds a property to it, and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from darkroom.adapters import Adapters
from darkroom.configuration import Configuration
from darkroom.providers.registry import ADAPTERS, CALLBACK_READERS

if TYPE_CHECKING:
    from darkroom.pipeline.abandoned_multiparts import AbandonedMultiparts
    from darkroom.pipeline.account_reconciliation import Reconcile
    from darkroom.pipeline.callback import TakeCallback
    from darkroom.pipeline.dispatch import Dispatch
    from darkroom.pipeline.finalize import Finalize
    from darkroom.pipeline.folder_settings import FolderFileCheck, FolderSettings
    from darkroom.pipeline.in_doubt_lookup import InDoubt
    from darkroom.pipeline.operator_commands import OperatorCommands
    from darkroom.pipeline.poll import Poll
    from darkroom.pipeline.process_binding import Binding
    from darkroom.pipeline.quote import Quote
    from darkroom.pipeline.retiring_models import RetiringModels
    from darkroom.pipeline.settlement import Settlement
    from darkroom.pipeline.spelling_probe import Probe
    from darkroom.pipeline.storage_check import CheckStorage
    from darkroom.pipeline.storage_gate import StorageGate
    from darkroom.pipeline.submit import Submit
    from darkroom.pipeline.submit_retries import Retries
    from darkroom.pipeline.sweep import Sweep

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Container:
    """Holds the use cases of one process. Each use case is made once, when it is first used.

    A property raises BadConfiguration if an environment variable that it needs is missing or malformed.

    `clients` makes the client of an AWS service, and `credentials` returns the credentials of these clients. By default, both
    come from one botocore session. If `interactive` is true, a person runs the process, so alerts are logged and not counted.
    `replaced` maps names of properties of `Adapters` to objects that are used in their place. Raises TypeError for an unknown
    name.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        clients: Callable[[str], Any] | None = None,
        credentials: Callable[[], Any] | None = None,
        interactive: bool = False,
        replaced: Mapping[str, Any] = NOTHING,
    ) -> None:
        self.configuration = Configuration(environment)
        self.adapters = Adapters(
            self.configuration, clients=clients, credentials=credentials, interactive=interactive, replaced=replaced
        )

    @cached_property
    def submit(self) -> Submit:
        """The use case of the submit function."""
        from darkroom.pipeline.submit import Submit

        return Submit(
            sources=self.adapters.sources,
            ledger=self.adapters.ledger,
            dispatch=self.dispatch,
            binding=self.binding,
            settlement=self.settlement,
            in_doubt=self.in_doubt,
            retries=self.retries,
            clock=self.adapters.clock,
            input_bucket=self.configuration.text("INPUT_BUCKET"),
            deadline=self.configuration.deadline,
            check_folder_file=self.check_folder_file,
            suffixes=self.configuration.suffixes,
        )

    @cached_property
    def check_folder_file(self) -> FolderFileCheck:
        """What checks a `darkroom.toml` that was uploaded."""
        from darkroom.pipeline.folder_settings import FolderFileCheck

        return FolderFileCheck(
            sources=self.adapters.sources,
            folders=self.folders,
            outputs=self.adapters.outputs,
            default_provider=self.configuration.provider,
            prefix=self.configuration.prefix,
        )

    @cached_property
    def folders(self) -> FolderSettings:
        """What reads the `darkroom.toml` files that count for an upload."""
        from darkroom.pipeline.folder_settings import FolderSettings

        allowed, default = self.configuration.allowed_providers(ADAPTERS), self.configuration.provider
        ordered = sorted(allowed, key=lambda name: name != default)  # messages speak of the default provider first
        return FolderSettings(files=self.adapters.folder_files, allowed_providers=ordered)

    @cached_property
    def poll(self) -> Poll:
        """The use case of the poll function."""
        from darkroom.pipeline.poll import Poll

        return Poll(ledger=self.adapters.ledger, providers=self.adapters.providers, clock=self.adapters.clock)

    @cached_property
    def finalize(self) -> Finalize:
        """The use case of the finalize function."""
        from darkroom.pipeline.delivery import Delivery
        from darkroom.pipeline.finalize import Finalize
        from darkroom.pipeline.picture_metadata import PictureMetadata

        delivery = Delivery(
            sources=self.adapters.sources,
            outputs=self.adapters.outputs,
            staging=self.adapters.staging,
            ledger=self.adapters.ledger,
            settlement=self.settlement,
            picture_metadata=PictureMetadata(sources=self.adapters.sources),
            clock=self.adapters.clock,
            retention=self.adapters.retention,
        )
        return Finalize(
            ledger=self.adapters.ledger,
            providers=self.adapters.providers,
            delivery=delivery,
            settlement=self.settlement,
            clock=self.adapters.clock,
        )

    @cached_property
    def callback(self) -> TakeCallback:
        """The use case of the callback function."""
        from darkroom.pipeline.callback import TakeCallback

        return TakeCallback(
            keys=self.adapters.callback_keys,
            readers=self.adapters.callback_readers,
            ledger=self.adapters.callback_ledger,
            task_tokens=self.adapters.task_tokens,
            intake=self.adapters.intake,
            clock=self.adapters.clock,
        )

    @cached_property
    def check_storage(self) -> CheckStorage:
        """The check of the output bucket, which finalize makes."""
        from darkroom.pipeline.storage_check import CheckStorage

        return CheckStorage(
            proof=self.adapters.storage_proof,
            checks=self.adapters.storage_checks,
            alerts=self.adapters.alerts,
            clock=self.adapters.clock,
        )

    @cached_property
    def storage_gate(self) -> StorageGate:
        """What lets a job pass only while its result can be stored."""
        from darkroom.pipeline.storage_gate import StorageGate

        return StorageGate(
            checks=self.adapters.storage_checks,
            checker=self.adapters.storage_checker,
            alerts=self.adapters.alerts,
            clock=self.adapters.clock,
        )

    @cached_property
    def sweep(self) -> Sweep:
        """The use case of the sweep function."""
        from darkroom.pipeline import abandoned_multiparts, account_reconciliation, lost_uploads, retiring_models
        from darkroom.pipeline.sweep import Round, Sweep

        adapters, configuration, abandoned = self.adapters, self.configuration, self.abandoned_multiparts
        lost = lost_uploads.LostUploads(
            sources=adapters.sources,
            queries=adapters.sweep_queries,
            intake=adapters.intake,
            alerts=adapters.alerts,
            clock=adapters.clock,
            bucket=configuration.text("INPUT_BUCKET"),
            prefix=configuration.prefix,
            suffixes=configuration.suffixes,
        )
        return Sweep(
            ownership=adapters.ledger_ownership,
            queries=adapters.sweep_queries,
            circuits=adapters.circuits,
            storage_checks=adapters.storage_checks,
            intake=adapters.intake,
            binding=self.binding,
            settlement=self.settlement,
            providers=adapters.providers,
            rounds={
                "LostUploads": Round(lost_uploads.EVERY, lost, lost.bucket),
                "AbandonedUploads": Round(abandoned_multiparts.EVERY, lambda until: abandoned()),
                "RetiringModels": Round(retiring_models.EVERY, lambda until: self.retiring_models()),
                "Drifted": Round(account_reconciliation.EVERY, lambda until: self.reconciliation()),
            },
            alerts=adapters.alerts,
            clock=adapters.clock,
        )

    @cached_property
    def abandoned_multiparts(self) -> AbandonedMultiparts:
        """The clean-up of unfinished multipart uploads, for the sweep."""
        from darkroom.pipeline.abandoned_multiparts import AbandonedMultiparts

        return AbandonedMultiparts(
            outputs=self.adapters.outputs,
            queries=self.adapters.sweep_queries,
            clock=self.adapters.clock,
            bucket=self.configuration.output_bucket,
        )

    @cached_property
    def retiring_models(self) -> RetiringModels:
        """Counts the jobs on models that retire soon. The sweep uses it."""
        from darkroom.pipeline.retiring_models import RetiringModels

        return RetiringModels(
            queries=self.adapters.sweep_queries, alerts=self.adapters.alerts, clock=self.adapters.clock
        )

    @cached_property
    def reconciliation(self) -> Reconcile:
        """Compares the ledger with the providers' accounts. The sweep and an operator's command use it."""
        from darkroom.pipeline.account_reconciliation import Reconcile

        return Reconcile(
            accounts=self.adapters.provider_accounts,
            providers=self.adapters.providers,
            alerts=self.adapters.alerts,
            clock=self.adapters.clock,
        )

    @cached_property
    def operate(self) -> OperatorCommands:
        """The operator's commands. They need the environment variables of the submit function."""
        from darkroom.pipeline.operator_commands import OperatorCommands

        return OperatorCommands(
            ledger=self.adapters.ledger,
            operator_ledger=self.adapters.operator_ledger,
            job_queries=self.adapters.job_queries,
            circuits=self.adapters.circuits,
            intake=self.adapters.intake,
            staging=self.adapters.staging,
            binding=self.binding,
            settlement=self.settlement,
            finalize=self.finalize,
            providers=self.adapters.providers,
            clock=self.adapters.clock,
            input_bucket=self.configuration.text("INPUT_BUCKET"),
            deadline=self.configuration.deadline,
        )

    @cached_property
    def dispatch(self) -> Dispatch:
        """Sends a claimed job to its provider: it quotes, reserves, submits and binds."""
        from darkroom.pipeline.callback_request import CallbackRequest
        from darkroom.pipeline.circuit_breaker import CircuitBreaker
        from darkroom.pipeline.dispatch import Dispatch
        from darkroom.pipeline.wrong_defaults import HoldForDefaults

        return Dispatch(
            sources=self.adapters.sources,
            links=self.adapters.links,
            staging=self.adapters.staging,
            ledger=self.adapters.ledger,
            providers=self.adapters.providers,
            circuit_breaker=CircuitBreaker(
                circuits=self.adapters.circuits, alerts=self.adapters.alerts, clock=self.adapters.clock
            ),
            binding=self.binding,
            settlement=self.settlement,
            in_doubt=self.in_doubt,
            retries=self.retries,
            hold=HoldForDefaults(ledger=self.adapters.ledger, alerts=self.adapters.alerts, clock=self.adapters.clock),
            clock=self.adapters.clock,
            outputs=self.adapters.outputs,
            storage_gate=self.storage_gate,
            quote=self.quote,
            callback_request=CallbackRequest(
                url=self.configuration.text("CALLBACK_URL", ""),
                keys=self.adapters.callback_keys,
                providers=CALLBACK_READERS.keys(),
            ),
        )

    @cached_property
    def quote(self) -> Quote:
        """Works out an upload's settings, plan and price, without spending anything."""
        from darkroom.pipeline.quote import Quote

        return Quote(
            sources=self.adapters.sources,
            folders=self.folders,
            default_provider=self.configuration.provider,
            allowed_providers=self.folders.allowed_providers,
            stack_defaults=self.configuration.text("DEFAULT_SETTINGS", ""),
            tag_prefix=self.configuration.tag_prefix,
            metadata_prefix=self.configuration.metadata_prefix,
            limits=self.adapters.limits,
            spellings=self.configuration.spellings(ADAPTERS),
            clock=self.adapters.clock,
        )

    @cached_property
    def probe(self) -> Probe:
        """Finds out whether a provider honours setting names in snake_case or camelCase. An operator's command uses it. It needs
        the environment variables of the submit function."""
        from darkroom.pipeline.spelling_probe import NoFolderFiles, Probe, TellingQuote

        told = {field.name: getattr(self.quote, field.name) for field in fields(self.quote)}
        told["folders"] = replace(self.folders, files=NoFolderFiles())
        return Probe(
            sources=self.adapters.sources,
            ledger=self.adapters.ledger,
            dispatch=replace(self.dispatch, quote=TellingQuote(**told)),
            clock=self.adapters.clock,
            deadline=self.configuration.deadline,
        )

    @cached_property
    def binding(self) -> Binding:
        """Writes an accepted process id to its job and starts the job's execution."""
        from darkroom.pipeline.process_binding import Binding

        return Binding(
            ledger=self.adapters.ledger,
            executions=self.adapters.executions,
            alerts=self.adapters.alerts,
            clock=self.adapters.clock,
        )

    @cached_property
    def settlement(self) -> Settlement:
        """Ends jobs: it settles the credits, writes the report and publishes the event."""
        from darkroom.pipeline.settlement import Settlement

        return Settlement(
            ledger=self.adapters.ledger,
            outputs=self.adapters.outputs,
            events=self.adapters.events,
            alerts=self.adapters.alerts,
            clock=self.adapters.clock,
        )

    @cached_property
    def retries(self) -> Retries:
        """Decides when a job is tried again, and writes that time to the ledger."""
        from darkroom.pipeline.submit_retries import Retries

        return Retries(self.adapters.ledger, self.settlement, self.adapters.clock)

    @cached_property
    def in_doubt(self) -> InDoubt:
        """Finds out whether the provider accepted a submit whose answer was lost."""
        from darkroom.pipeline.in_doubt_lookup import InDoubt
        from darkroom.pipeline.kept_input_lookup import KeptInputLookup

        return InDoubt(
            ledger=self.adapters.ledger,
            staging=self.adapters.staging,
            providers=self.adapters.providers,
            binding=self.binding,
            settlement=self.settlement,
            find_by_image=KeptInputLookup(
                sources=self.adapters.sources, ledger=self.adapters.ledger, clock=self.adapters.clock
            ),
            clock=self.adapters.clock,
        )


def of_this_process() -> Container:
    """Return a container for this process's environment. The environment is read when a part is made."""
    return Container(os.environ)
