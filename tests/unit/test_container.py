"""The container in a process that is not a function: which environment it reads, how it makes clients, whom it
alerts.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from tests.integration.handler_support import forget_wiring
from tests.unit.template_support import FUNCTIONS, RESOURCES, TEMPLATE

from darkroom import aws, container, pipeline
from darkroom import providers as vendors
from darkroom.aws.alerts import LoggedAlerts, MetricAlerts
from darkroom.configuration import BadConfiguration
from darkroom.model import Alarm

ENVIRONMENT = {
    "LEDGER_TABLE": "their-ledger", "INPUT_BUCKET": "their-in", "OUTPUT_BUCKET": "their-out", "API_KEYS_SECRET_ARN": "arn:s",
    "STATE_MACHINE_ARN": "arn:m", "INTAKE_QUEUE_URL": "https://queue.test/q", "TOPAZ_BASE_URL": "https://api.example.test/v1",
    "JOB_DEADLINE_HOURS": "6", "ALLOWED_PROVIDERS": "topaz", "LINK_ROLE_ARN": "arn:r",
    **{f"{name.upper()}_BASE_URL": f"https://{name}.example.test/v1" for name in container.ADAPTERS if name != "topaz"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """Every test starts cold, like a function's process, and leaves the process cold."""
    before = replace(container._run)
    forget_wiring()
    yield
    for name, value in vars(before).items():
        setattr(container._run, name, value)
    forget_wiring()


class Clients:
    """Makes an object for a service, and records for which."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def __call__(self, service: str) -> Any:
        self.made.append(service)
        return SimpleNamespace(made_for=service)


def test_a_function_reads_its_own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_TABLE", "my-ledger")
    assert container._setting().text("LEDGER_TABLE") == "my-ledger"
    assert container._run.environment is os.environ


def test_another_process_reads_the_environment_it_names_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_TABLE", "my-ledger")
    monkeypatch.setenv("TAG_PREFIX", "mine-")
    container.use(ENVIRONMENT, Clients(), interactive=True)
    assert container.interventions().table.name == "their-ledger"
    assert container._setting().text("TAG_PREFIX", "") == ""
    container.use({}, interactive=True)
    with pytest.raises(BadConfiguration, match="LEDGER_TABLE"):
        container._setting().text("LEDGER_TABLE")


def test_the_operators_use_cases_are_made_of_that_environment_and_those_clients() -> None:
    clients = Clients()
    container.use(ENVIRONMENT, clients, interactive=True)
    operate = container.operate()
    assert (operate.input_bucket, operate.deadline) == ("their-in", timedelta(hours=6))
    assert operate is container.operate()
    assert clients.made == []
    parts = (
        container.intake(),
        container.interventions().table,
        container._ledger().table,
        container._sources(),
        container._staging(),
    )
    assert [part.client.made_for for part in parts] == ["sqs", "dynamodb", "dynamodb", "s3", "s3"]
    assert clients.made == ["sqs", "dynamodb", "s3"]  # one client for each service, made when it is first used


def test_an_adapter_is_made_when_its_provider_is_first_named_and_once() -> None:
    container.use(ENVIRONMENT, Clients(), interactive=True)
    providers = container._providers()
    assert list(providers) == list(container.ADAPTERS)
    assert ("topaz" in providers, "nobody" in providers) == (True, False)
    assert container._http.cache_info().currsize == 0
    assert {name: providers[name].name for name in providers} == {name: name for name in container.ADAPTERS}
    assert providers["topaz"] is providers["topaz"]
    with pytest.raises(KeyError):
        providers["nobody"]
    container._http().close()


@pytest.mark.parametrize("package", [aws, pipeline, vendors], ids=lambda package: package.__name__)
def test_a_package_names_its_modules_and_nothing_else(package: ModuleType) -> None:
    for name in package.__all__:
        assert getattr(package, name).__name__ == f"{package.__name__}.{name}"
    assert not hasattr(package, "nothing")


def test_without_clients_of_its_own_a_process_keeps_the_way_they_were_made() -> None:
    clients = Clients()
    container.use(ENVIRONMENT, clients)
    container.use({**ENVIRONMENT, "LEDGER_TABLE": "another"})
    assert container.interventions().table.name == "another"
    assert container.interventions().table.client.made_for == "dynamodb"


def test_by_hand_calls_are_printed_and_else_they_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    assert isinstance(container._attention(), MetricAlerts)
    container.use(ENVIRONMENT, Clients(), interactive=True)
    alerts = container._attention()
    assert isinstance(alerts, LoggedAlerts)
    with caplog.at_level(logging.WARNING):
        alerts.call(Alarm.ORPHAN, "look at it", process_id="p-1")
    assert "OrphanedProcess: look at it" in caplog.text
    assert "p-1" in caplog.text


def test_no_text_form_shows_the_environment() -> None:
    container.use({"NAME": "their-secret"}, Clients())
    assert "their-secret" not in repr(container._run) + repr(container._setting())


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_is_made_of_what_the_template_gives_it(function: str) -> None:
    """This covers the parts that are only made when they are used. The operator's commands run like Submit."""
    given = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"] | variables(function)
    values = {name: ENVIRONMENT.get(name, "") for name in given}
    container.use(values, Clients())
    assert getattr(container, function.lower())()
    assert all(provider.name == name for name, provider in container._providers().items())
    if function == "Submit":
        assert container.operate()
        assert container.reconciliation()
    container._http().close()


@pytest.mark.parametrize("function", ["submit", "finalize", "sweep", "operate"])
def test_no_function_runs_with_one_bucket_for_uploads_and_results(function: str) -> None:
    container.use({**ENVIRONMENT, "OUTPUT_BUCKET": ENVIRONMENT["INPUT_BUCKET"]}, Clients())
    with pytest.raises(BadConfiguration, match="InputBucketName and OutputBucketName"):
        getattr(container, function)()


def test_a_limit_of_a_misspelt_provider_stops_submit() -> None:
    container.use({**ENVIRONMENT, "MONTHLY_CREDIT_LIMIT": "topas=500"}, Clients())
    with pytest.raises(BadConfiguration, match="'topas' is no provider"):
        container.submit()


def variables(function: str) -> dict[str, Any]:
    environment = RESOURCES[function]["Properties"].get("Environment", {})
    named: dict[str, Any] = environment.get("Variables", {})
    return named
