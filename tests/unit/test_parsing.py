"""Tests that the readers of vendors' JSON return the right type and range, or None. They never raise Python's own exceptions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rows import each_row

from darkroom.errors import ProviderUnavailable
from darkroom.providers import parsing

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def test_an_object_is_read_as_it_is() -> None:
    assert parsing.read_object(httpx.Response(200, text='{"a": [1, null]}')) == {"a": [1, None]}


@each_row("text", ["[]", "null", "5", '"x"', "true", "", "<html>", "{", '{"a": 1} x', "[" * 100_000])
def test_what_is_no_object_is_no_answer(text: str) -> None:
    with pytest.raises(ProviderUnavailable):
        parsing.read_object(httpx.Response(200, text=text))


@each_row("value", [1, 512, 32_000])
def test_a_side_is_a_whole_number_above_0(value: int) -> None:
    assert parsing.read_pixels(value) == value


@each_row("value", [0, -1, True, False, 1.0, 512.5, "512", None, [], {}, float("nan")])
def test_no_other_value_is_a_side(value: Any) -> None:
    assert parsing.read_pixels(value) is None


@each_row(("value", "number"), [(0, "0"), (3, "3"), (0.1, "0.1"), (1.5, "1.5"), (1e-7, "1e-7")])
def test_a_number_is_kept_exactly_as_it_was_written(value: float, number: str) -> None:
    assert parsing.read_number(value) == Decimal(number)


@each_row(
    "value", [-1, -0.5, True, False, "3", "", None, [], {}, float("nan"), float("inf"), float("-inf"), 1e300, 10**40]
)
def test_no_other_value_is_a_number(value: Any) -> None:
    assert parsing.read_number(value) is None


@each_row(
    ("value", "amount"),
    [("210000", "210000"), ("210000.0", "210000"), ("0.05", "0.05"), ("0", "0"), ("0.00", "0"), ("5e-05", "0.00005"),
     ("1.05E+5", "105000"), (0.105, "0.105"), (210_000.0, "210000"), (7, "7")],
)  # fmt: skip
def test_an_amount_may_be_written_out_and_has_no_needless_zeros(value: Any, amount: str) -> None:
    assert str(parsing.read_amount(value)) == str(Decimal(amount))


@each_row(
    "value",
    ["", " ", "-1", "+1", "-0.0", "NaN", "nan", "Infinity", "inf", "1e400", "1e16", "9" * 16, "1_000", "1,5", "0x10", ".5",
     "5.", "1 ", "\u0661", "\u00b2", "$5", "0." + "1" * 31, True, None, [], {}, -1, float("nan"), float("inf")],
)  # fmt: skip
def test_no_other_value_is_an_amount(value: Any) -> None:
    assert parsing.read_amount(value) is None


@each_row("value", [1_700_000_000, 1_700_000_000.0, "1700000000"])
def test_a_moment_is_unix_seconds_in_utc(value: Any) -> None:
    assert parsing.read_unix_time(value) == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


@each_row(
    "value",
    [True, None, "", "soon", "2026-11-21T14:00:00Z", [], {}, float("nan"), float("inf"), "nan", 1e30, -1e30, 10**400,
     0, 0.0, "0", -1],
)  # fmt: skip
def test_no_other_value_is_a_moment(value: Any) -> None:
    assert parsing.read_unix_time(value) is None


@given(anything)
def test_no_json_value_breaks_a_reader(value: Any) -> None:
    side, number, moment = parsing.read_pixels(value), parsing.read_number(value), parsing.read_unix_time(value)
    amount = parsing.read_amount(value)
    assert amount is None or (amount.is_finite() and amount >= 0)
    assert side is None or side > 0
    assert number is None or (number.is_finite() and number >= 0)
    assert moment is None or moment.tzinfo is UTC


@given(anything)
def test_every_answer_is_either_read_or_unavailable(value: Any) -> None:
    response = httpx.Response(200, text=json.dumps(value))
    if isinstance(value, dict):
        assert isinstance(parsing.read_object(response), dict)
    else:
        with pytest.raises(ProviderUnavailable):
            parsing.read_object(response)
