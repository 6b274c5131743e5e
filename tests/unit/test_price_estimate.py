"""Tests the question that is asked before a paid API is used. It shows pictures, credits, dollars, and what the month's
budget leaves.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from PIL import Image

from darkroom_local.folder.uploads import Item
from darkroom_local.run.price_estimate import budget_left, estimate

TOPAZ = ("topaz",)


@pytest.fixture
def photo(tmp_path: Path) -> Item:
    Image.new("RGB", (800, 600)).save(tmp_path / "photo.jpg")
    return Item(tmp_path / "photo.jpg", "photo.jpg", {"scale": "2"})


def test_the_question_names_pictures_credits_and_dollars(photo: Item) -> None:
    asked = str(estimate([photo, photo], {"CreditPriceUsd": "topaz=0.25"}, TOPAZ))
    assert asked == "2 pictures to the real Topaz API, paid with your credits: about 2 credits, 0.50 USD"


def test_one_credit_is_told_as_one(photo: Item) -> None:
    assert "about 1 credit, 0.12 USD" in str(estimate([photo], {}, TOPAZ))


def test_a_file_that_is_no_picture_has_no_known_price(photo: Item) -> None:
    photo.path.write_bytes(b"words")
    assert "and 1 without a known price" in str(estimate([photo], {}, TOPAZ))


def test_what_the_budget_leaves_counts_earlier_runs() -> None:
    rows = {("BUDGET#topaz", f"{datetime.now(UTC):%Y-%m}"): {"committed": {"N": "10"}}}
    assert budget_left(rows, {"MonthlyCreditLimit": "12"}, "topaz") == (
        "This month's budget leaves 2 of 12 topaz credits."
    )
    assert budget_left(rows, {"MonthlyCreditLimit": "12"}, "topaz", Decimal(3)) == (
        "This month's budget leaves 2 of 12 topaz credits. What does not fit is refused, unpaid."
    )
    assert budget_left(rows, {}, "topaz") == ""
