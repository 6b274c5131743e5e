"""Tests that Darkroom finds what a vendor has changed since its catalog was written: new or removed models, higher prices and
narrower bounds. The check uses real sockets and costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from tests.contract.providers_under_test import PROVIDERS_UNDER_TEST
from tests.contract.providers_under_test.base import KEY
from tests.contract.providers_under_test.simulated import SimulatedProvider
from tests.contract.shared_servers import Site
from tests.fakes.calendar import TODAY
from tests.unit.cli_support import run

from darkroom import catalog, drift
from darkroom.drift import Kinds
from darkroom_cli.catalogs import checks


@pytest.fixture
def vendors(site: Site) -> Iterator[Any]:
    """Yield a function that returns a provider. Its keyword arguments are settings of the vendor's simulator."""
    made: list[SimulatedProvider] = []

    def make(name: str, **settings: Any) -> SimulatedProvider:
        kind = PROVIDERS_UNDER_TEST[name]
        assert issubclass(kind, SimulatedProvider)
        made.append(kind(site, **settings))
        return made[-1]

    yield make
    for each in made:
        each.close()


def drifts(vendor: SimulatedProvider) -> list[tuple[Kinds, str]]:
    book = catalog.load(vendor.vendor)
    return [(each.kind, each.model) for each in checks.found(book, vendor.provider, TODAY)]


@pytest.mark.parametrize("name", checks.ASKED)
def test_a_vendor_as_its_pages_say_has_not_drifted_and_nothing_is_paid(name: str, vendors: Any) -> None:
    vendor = vendors(name)
    assert drifts(vendor) == []
    assert vendor.paid() == 0


def test_topaz_is_asked_for_many_estimates_at_once(vendors: Any) -> None:
    vendor = vendors("topaz")
    drifts(vendor)
    questions = list(drift.questions(catalog.load("topaz"), TODAY))
    assert {question.model.name for question in questions} == set(catalog.load("topaz").models)
    assert len(vendor.requests("estimate")) == -(-len(questions) // checks.AT_ONCE)


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("topaz", {"missing_models": ("Wonder 4",)}, [(Kinds.GONE, "Wonder 4")]),
        ("topaz", {"mp_per_credit": {"Standard V2": 12}}, [(Kinds.DEARER, "Standard V2")]),
        ("topaz", {"output_limit_mp": {"Redefine": 64}}, [(Kinds.NARROWER, "Redefine")]),
        ("oxen", {"missing_models": ("topazlabs-bloom-image",)}, [(Kinds.GONE, "topazlabs-bloom-image")]),
        (
            "oxen",
            {"narrowed_choices": {"upscale_factor": ("2x",)}},
            [(Kinds.NARROWER, "topazlabs-image-upscale")],
        ),
        (
            "aimlapi",
            {"missing_models": ("topaz-labs/sharpen-gen",), "more_models": ("topaz-labs/wonder",)},
            [(Kinds.GONE, "topaz-labs/sharpen-gen"), (Kinds.NEW, "topaz-labs/wonder")],
        ),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_changed_is_found(
    name: str, settings: dict[str, Any], expected: list[tuple[Kinds, str]], vendors: Any
) -> None:
    assert drifts(vendors(name, **settings)) == expected


def test_a_bound_that_the_vendor_refuses_is_narrower() -> None:
    book = catalog.load("topaz")
    question = next(each for each in drift.questions(book, TODAY) if each.what == "creativity=9")
    found = drift.verdict(book, question, None)
    assert found is not None
    assert (found.kind, found.what) == (Kinds.NARROWER, "the vendor refuses creativity=9")


def test_a_schema_that_became_narrower_is_found_bound_by_bound() -> None:
    book = catalog.load("oxen")
    model = book.models["topazlabs-bloom-image"]
    schema = {"creativity": {"minimum": 2, "maximum": 8}, "texture": {"minimum": 1, "maximum": 5}}
    assert [each.what for each in drift.schema(book, model, schema)] == [
        "prompt is no longer taken",
        "creativity now begins at 2",
        "creativity now ends at 8",
    ]


@pytest.mark.parametrize(
    ("today", "models"),
    [(TODAY, set()), (date(2026, 12, 9), {"Denoise Normal", "Denoise Strong", "Denoise Extreme"})],
)
def test_a_model_past_its_date_is_found(today: date, models: set[str]) -> None:
    assert {each.model for each in drift.past_dates(catalog.load("topaz"), today)} == models


def test_the_command_asks_whose_key_it_has_and_ends_with_1_on_drift(
    vendors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor = vendors("topaz", mp_per_credit={"CGI": 6})
    monkeypatch.setenv("TOPAZ_API_KEY", KEY)
    monkeypatch.setenv("TOPAZ_BASE_URL", vendor.simulator.base_url)
    answer = run("models", "topaz", "--check")
    assert answer.exit_code == 1
    assert "topaz: CGI: dearer: " in answer.stdout
    assert KEY not in answer.output


def test_the_command_says_whom_it_did_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OXEN_API_KEY", raising=False)
    answer = run("models", "oxen", "--check")  # none of its models has a retirement date
    assert (answer.exit_code, answer.stdout.splitlines()[-1]) == (0, "no drift")
    assert "set OXEN_API_KEY to ask the vendor" in answer.stdout


def test_a_vendor_that_cannot_be_asked_is_no_success(vendors: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    vendor = vendors("oxen")
    monkeypatch.setenv("OXEN_API_KEY", "another-key")
    monkeypatch.setenv("OXEN_BASE_URL", vendor.simulator.base_url)
    answer = run("models", "oxen", "--check")
    assert answer.exit_code == 1
    assert "could not be asked" in answer.stdout


def test_a_dearer_rate_shows_in_the_price(vendors: Any) -> None:
    vendor = vendors("topaz", mp_per_credit={"Standard V2": 12})
    (found,) = checks.found(catalog.load("topaz"), vendor.provider, TODAY)
    assert Decimal(found.what.split("costs ")[1].split()[0]) == 8
    assert found.what.endswith("in the catalog 4")
