"""Tests the container: which environment it reads, how it makes clients, whom it alerts, and which adapters can be replaced."""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from tests.rows import each_row
from tests.unit.template_support import FUNCTIONS, RESOURCES, TEMPLATE

from darkroom import container
from darkroom.aws.metric_alerts import LoggedAlerts, MetricAlerts
from darkroom.configuration import BadConfiguration
from darkroom.container import Container
from darkroom.model import Alarm
from darkroom.providers.registry import ADAPTERS

ENVIRONMENT = {
    "LEDGER_TABLE": "their-ledger", "STACK_NAME": "theirs", "INPUT_BUCKET": "their-in", "OUTPUT_BUCKET": "their-out",
    "API_KEYS_SECRET_ARN": "arn:s",
    "STATE_MACHINE_ARN": "arn:m", "INTAKE_QUEUE_URL": "https://queue.test/q", "TOPAZ_BASE_URL": "https://api.example.test/v1",
    "JOB_DEADLINE_HOURS": "6", "ALLOWED_PROVIDERS": "topaz", "LINK_ROLE_ARN": "arn:r",
    "FINALIZE_FUNCTION": "finalize", "ACCOUNT_ID": "123456789012",
    **{f"{name.upper()}_BASE_URL": f"https://{name}.example.test/v1" for name in ADAPTERS if name != "topaz"},
}  # fmt: skip


class Clients:
    """Makes an object for each requested service, and records the service's name."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def __call__(self, service: str) -> Any:
        self.made.append(service)
        return SimpleNamespace(made_for=service)


def test_a_function_reads_its_own_environment_when_a_part_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = container.of_this_process()
    for name, value in (("LEDGER_TABLE", "my-ledger"), ("STACK_NAME", "mine"), ("INPUT_BUCKET", "my-in")):
        monkeypatch.setenv(name, value)
    assert mine.configuration.environment is os.environ
    assert mine.adapters.ledger_table.name == "my-ledger"


def test_another_process_reads_the_environment_it_names_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_TABLE", "my-ledger")
    monkeypatch.setenv("TAG_PREFIX", "mine-")
    theirs = Container(ENVIRONMENT, clients=Clients(), interactive=True)
    assert theirs.adapters.ledger_table.name == "their-ledger"
    assert theirs.quote.tag_prefix == ""
    with pytest.raises(BadConfiguration, match="LEDGER_TABLE"):
        Container({}).adapters.ledger  # noqa: B018


def test_the_operators_use_cases_are_made_of_that_environment_and_those_clients() -> None:
    clients = Clients()
    theirs = Container(ENVIRONMENT, clients=clients, interactive=True)
    operate = theirs.operate
    assert (operate.input_bucket, operate.deadline) == ("their-in", timedelta(hours=6))
    assert operate is theirs.operate
    assert clients.made == []
    adapters: Any = theirs.adapters
    parts = (adapters.intake, adapters.operator_ledger.table, adapters.ledger.table, adapters.sources, adapters.staging)
    assert [part.client.made_for for part in parts] == ["sqs", "dynamodb", "dynamodb", "s3", "s3"]
    assert clients.made == ["sqs", "dynamodb", "s3"]  # each service has one client, made when it is first used


def test_an_adapter_is_made_when_its_provider_is_first_named_and_once() -> None:
    adapters = Container(ENVIRONMENT, clients=Clients()).adapters
    providers = adapters.providers
    assert list(providers) == list(ADAPTERS)
    assert ("topaz" in providers, "nobody" in providers) == (True, False)
    assert "http" not in vars(adapters)
    assert {name: providers[name].name for name in providers} == {name: name for name in ADAPTERS}
    assert providers["topaz"] is providers["topaz"]
    with pytest.raises(KeyError):
        providers["nobody"]
    adapters.http.close()


def test_two_containers_share_nothing() -> None:
    one, other = (Container({**ENVIRONMENT, "LEDGER_TABLE": name}, clients=Clients()) for name in ("one", "other"))
    assert (one.adapters.ledger_table.name, other.adapters.ledger_table.name) == ("one", "other")
    assert one.settlement is not other.settlement


def test_an_adapter_that_is_replaced_reaches_every_use_case_that_asks_for_it() -> None:
    clock, ledger = object(), object()
    replaced = Container(ENVIRONMENT, clients=Clients(), replaced={"clock": clock, "ledger": ledger})
    for use_case in (replaced.submit, replaced.finalize, replaced.settlement, replaced.operate.binding):
        assert (use_case.clock, use_case.ledger) == (clock, ledger)


def test_a_misspelt_replacement_is_refused() -> None:
    with pytest.raises(TypeError, match="leger"):
        Container(ENVIRONMENT, replaced={"leger": object()})


def test_alerts_are_printed_in_a_command_and_counted_in_a_function(caplog: pytest.LogCaptureFixture) -> None:
    assert isinstance(Container(ENVIRONMENT).adapters.alerts, MetricAlerts)
    alerts = Container(ENVIRONMENT, interactive=True).adapters.alerts
    assert isinstance(alerts, LoggedAlerts)
    with caplog.at_level(logging.WARNING):
        alerts.call(Alarm.ORPHAN, "look at it", process_id="p-1")
    assert "OrphanedProcess: look at it" in caplog.text
    assert "p-1" in caplog.text


def test_no_text_form_shows_the_environment() -> None:
    made = Container({"NAME": "their-secret"}, clients=Clients())
    assert "their-secret" not in repr(made) + repr(made.adapters) + repr(made.configuration)


@each_row("function", FUNCTIONS)
def test_every_function_is_made_of_what_the_template_gives_it(function: str) -> None:
    """The test also makes the parts that are otherwise made only when they are used. The operator's commands use
    Submit's environment.
    """
    given = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"] | variables(function)
    values = {name: ENVIRONMENT.get(name, "") for name in given}
    made = Container(values, clients=Clients())
    assert getattr(made, function.lower())
    assert all(provider.name == name for name, provider in made.adapters.providers.items())
    if function == "Submit":
        assert made.operate
        assert made.reconciliation
    made.adapters.http.close()


@each_row("function", ["submit", "finalize", "sweep", "operate"])
def test_no_function_runs_with_one_bucket_for_uploads_and_results(function: str) -> None:
    made = Container({**ENVIRONMENT, "OUTPUT_BUCKET": ENVIRONMENT["INPUT_BUCKET"]}, clients=Clients())
    with pytest.raises(BadConfiguration, match="InputBucketName and OutputBucketName"):
        getattr(made, function)


def test_a_limit_of_a_misspelt_provider_stops_submit() -> None:
    made = Container({**ENVIRONMENT, "MONTHLY_CREDIT_LIMIT": "topas=500"}, clients=Clients())
    with pytest.raises(BadConfiguration, match="'topas' is not a provider"):
        made.submit  # noqa: B018


def variables(function: str) -> dict[str, Any]:
    environment = RESOURCES[function]["Properties"].get("Environment", {})
    named: dict[str, Any] = environment.get("Variables", {})
    return named
