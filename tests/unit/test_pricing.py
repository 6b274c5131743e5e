"""Tests prices against the vendor's published tables, and where rounding up begins."""

from __future__ import annotations

from decimal import Decimal

from tests.rows import each_row

from darkroom import catalog, pricing

MEGAPIXELS = (1, 4, 8, 16, 24, 32, 40, 50, 64, 100)
AT_24_A_CREDIT = (1, 1, 1, 1, 1, 2, 2, 3, 3, 5)  # from the Lens Blur 2 page, developer.topazlabs.com, 2026-11
AT_4_A_CREDIT = (1, 1, 2, 4, 6, 8, 10, 13, 16, 25)  # from the Redefine page, developer.topazlabs.com, 2026-11


@each_row(("megapixels", "credits"), [*zip(MEGAPIXELS, AT_24_A_CREDIT, strict=True)])
def test_a_precise_model_costs_what_the_vendors_table_says(megapixels: int, credits: int) -> None:
    rate = catalog.load("topaz").models["Lens Blur V2"].mp_per_credit
    assert pricing.credits(megapixels * 1_000_000, rate) == credits


@each_row(("megapixels", "credits"), [*zip(MEGAPIXELS, AT_4_A_CREDIT, strict=True)])
def test_a_generative_model_costs_what_the_vendors_table_says(megapixels: int, credits: int) -> None:
    rate = catalog.load("topaz").models["Redefine"].mp_per_credit
    assert pricing.credits(megapixels * 1_000_000, rate) == credits


@each_row(("pixels", "credits"), [(1, 1), (24_000_000, 1), (24_000_001, 2), (48_000_000, 2)])
def test_one_pixel_over_a_whole_credit_costs_one_more(pixels: int, credits: int) -> None:
    assert pricing.credits(pixels, Decimal(24)) == credits


@each_row("model", catalog.load("topaz").models.values(), ids=lambda model: model.name)
def test_every_models_price_at_its_limit_is_the_limit_over_its_rate(model: catalog.Model) -> None:
    assert model.mp_per_credit is not None
    price = pricing.credits(int(model.max_output_mp) * 1_000_000, model.mp_per_credit)
    expected = {
        (24, 1024): 43, (24, 512): 22, (24, 256): 11, (20, 256): 13, (8, 256): 32, (4, 384): 96, (4, 256): 64, (4, 128): 32,
        (2, 256): 128,
    }  # fmt: skip
    assert price == expected[int(model.mp_per_credit), int(model.max_output_mp)]


@each_row(("pixels", "credits"), [(1, "0.08"), (4_000_000, "0.08"), (4_000_001, "0.16"), (9_000_000, "0.24")])
def test_a_step_may_cost_another_price_than_one(pixels: int, credits: str) -> None:
    assert pricing.credits(pixels, Decimal(4), Decimal("0.08")) == Decimal(credits)


@each_row("pixels", [1, 4_000_000, 500_000_000])
def test_a_price_without_steps_is_the_same_for_any_size(pixels: int) -> None:
    assert pricing.credits(pixels, None, Decimal("0.5")) == Decimal("0.5")


def test_without_steps_and_price_only_the_vendor_knows() -> None:
    assert pricing.credits(1, None) is None
