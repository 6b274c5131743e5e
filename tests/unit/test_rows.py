"""Tests that a test of many rows names every row that fails, and starts each from what `fresh` opens."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.rows import RowsFailed, each_row, shared_fixtures


def told(test: Any, **fixtures: object) -> list[str]:
    """Run a test that must fail. Return its message's first line, and the first line about each row."""
    with pytest.raises(RowsFailed) as caught:
        test(**fixtures)
    summary, *lines = str(caught.value).splitlines()
    return [summary, *(line for line in lines if line.startswith("["))]


def test_every_row_runs_and_every_failure_is_named_with_what_was_found() -> None:
    ran = []

    @each_row(("name", "value"), [("one", 1), ("two", 3), pytest.param("three", 4, id="a third"), ("four", 4)])
    def lengths(name: str, value: int) -> None:
        ran.append(name)
        assert len(name) == value
        with pytest.raises(KeyError):
            raise KeyError

    summary, one, third = told(lengths)
    assert ran == ["one", "two", "three", "four"]
    assert summary == "2 failures, 4 rows:"
    assert one.startswith("['one'-1] line ")
    assert one.endswith("AssertionError: assert 3 == 1")
    assert third.startswith("[a third] ")


def test_a_missing_exception_fails_its_row_only() -> None:
    @each_row("value", [0, 1], ids=["zero", "one"])
    def division(value: int) -> None:
        with pytest.raises(ZeroDivisionError):
            _ = 1 / value

    assert told(division)[1].endswith("Failed: DID NOT RAISE ZeroDivisionError")


def test_two_decorators_make_every_combination() -> None:
    @each_row("left", [1, 2])
    @each_row("right", [1, 2], ids=lambda value: f"right {value}")
    def differ(left: int, right: int) -> None:
        assert left != right

    assert [line.split("]")[0] for line in told(differ)] == ["2 failures, 2 rows:", "[1 right 1", "[2 right 2"]


def test_each_row_starts_from_what_fresh_opens() -> None:
    @contextlib.contextmanager
    def copied(fixtures: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield {"seen": [*fixtures["seen"]]}

    @each_row("row", [1, 2, 3], fresh=copied)
    def check(seen: list[int], row: int) -> None:
        seen.append(row)
        assert seen == [0, row]

    check(seen=[0])


def test_a_test_without_rows_fails() -> None:
    @each_row("row", [])
    def check(row: int) -> None:
        raise AssertionError("never runs")

    with pytest.raises(AssertionError, match="there are no rows"):
        check()


def test_a_fixture_that_all_rows_would_share_is_found(request: pytest.FixtureRequest) -> None:
    @each_row("row", [1])
    def check(row: int, tmp_path: Path, pytestconfig: pytest.Config) -> None:
        raise AssertionError("never runs")

    item = pytest.Function.from_parent(request.node.parent, name="test_of_rows", callobj=check)
    assert shared_fixtures(item) == ["tmp_path"]
    assert shared_fixtures(request.node) == []
