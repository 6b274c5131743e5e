"""Tests models that only the vendor can price. They are planned without a price, and then priced by the vendor's
estimate or refused.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.fakes.calendar import TODAY
from tests.rows import each_row

from darkroom import catalog, planning, setting_layers
from darkroom.catalog import Catalog
from darkroom.errors import ImageTooLarge, PriceAboveLimit
from darkroom.model import ImageFacts, ImageFormat, Limits, Plan

TOPAZ = catalog.load("topaz")
PHOTO = ImageFacts(ImageFormat.JPEG, 1200, 800)
NO_LIMITS = Limits({}, Decimal(0), {}, {})


def per_job(credits: str, provider: str = "topaz") -> Limits:
    return Limits({}, Decimal(0), {provider: Decimal(credits)}, {})


def without_prices() -> Catalog:
    """Return the catalog without any price."""
    return replace(TOPAZ, models={name: replace(m, mp_per_credit=None) for name, m in TOPAZ.models.items()})


@pytest.fixture(autouse=True)
def unpriced(monkeypatch: pytest.MonkeyPatch) -> None:
    book = without_prices()
    monkeypatch.setattr(catalog, "load", lambda provider: book)


def planned(limits: Limits = NO_LIMITS, facts: ImageFacts = PHOTO, **tags: str) -> Plan:
    resolved = setting_layers.resolve(
        [setting_layers.tag_layer(tags)], default_provider="topaz", allowed_providers=["topaz"]
    )
    return planning.plan(resolved, facts, 1000, limits, TODAY)


def test_a_model_without_a_rate_is_planned_without_a_price() -> None:
    plan = planned(max_credits="5")
    assert (plan.credits, plan.max_credits, plan.credit_price_usd) == (None, 5, Decimal("0.12"))


def test_a_plan_without_a_price_cannot_be_reserved_or_reckoned_in_dollars() -> None:
    plan = planned()
    for amount in ("price", "cost_usd"):
        with pytest.raises(ValueError, match="not priced"):
            getattr(plan, amount)


def test_pricing_changes_nothing_but_the_price() -> None:
    plan = planned(model="Redefine", label="x")
    priced = planning.with_price(plan, Decimal("2.5"), NO_LIMITS)
    assert priced == replace(plan, credits=Decimal("2.5"))
    assert (priced.price, priced.cost_usd) == (Decimal("2.5"), Decimal("0.30"))


@each_row(
    ("tags", "limits"),
    [
        ({}, NO_LIMITS), ({"max_credits": "5"}, NO_LIMITS), ({}, per_job("5")), ({}, per_job("0")),
        ({}, per_job("1", "oxen")), ({"max_credits": "5"}, per_job("6")), ({"max_credits": "9"}, per_job("5")),
    ],
)  # fmt: skip
def test_an_estimate_of_exactly_the_limit_is_paid(tags: dict[str, str], limits: Limits) -> None:
    assert planning.with_price(planned(limits, **tags), Decimal(5), limits).price == 5


@each_row("credits", ["5.001", "6", "1000000"])
@each_row(
    ("tags", "limits", "name", "bound"),
    [
        ({"max_credits": "5"}, NO_LIMITS, "max_credits", "5"), ({}, per_job("5"), "MaxCreditsPerJob", "5"),
        ({"max_credits": "4.9"}, per_job("5"), "max_credits", "4.9"),
        ({"max_credits": "9"}, per_job("5"), "MaxCreditsPerJob", "5"), ({"max_credits": "0"}, NO_LIMITS, "max_credits", "0"),
    ],
)  # fmt: skip
def test_an_estimate_above_a_limit_is_refused_with_both_numbers(
    tags: dict[str, str], limits: Limits, name: str, bound: str, credits: str
) -> None:
    plan = planned(limits, **tags)  # no limit refuses a plan that has no price yet
    with pytest.raises(PriceAboveLimit, match=rf"costs {credits} credits .* {name} allows {bound}$"):
        planning.with_price(plan, Decimal(credits), limits)


def test_sizes_are_refused_before_anybody_is_asked_for_a_price() -> None:
    with pytest.raises(ImageTooLarge):
        planned(facts=ImageFacts(ImageFormat.JPEG, 40_000, 40_000))
