"""Marks with which a test names the capabilities that it needs, and decorators for tests of many rows.

conftest.py runs a test once for each provider that has the capabilities. All rows of a provider are one test. Each row starts
with a provider of its own.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pytest
from tests import rows
from tests.contract.providers_under_test.base import ProviderUnderTest

Check = Callable[..., None]
small_pictures = pytest.mark.small_pictures


def needs(*capabilities: str) -> pytest.MarkDecorator:
    """Run the test only for providers that have all of these capabilities."""
    return pytest.mark.needs(*capabilities)


@contextlib.contextmanager
def fresh_provider(fixtures: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Open the provider of the test anew, with a simulator that has no fault and an empty journal."""
    under_test: ProviderUnderTest = fixtures["under_test"]
    made = under_test.anew()
    try:
        yield {**fixtures, "under_test": made}
    finally:
        made.close()


@contextlib.contextmanager
def same_provider(fixtures: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the row the provider of the test, with the processes of the rows before it, but without their faults."""
    under_test: ProviderUnderTest = fixtures["under_test"]
    try:
        yield fixtures
    finally:
        under_test.clear_faults()


RENEWED = ("under_test",)
each_row = functools.partial(rows.each_row, fresh=fresh_provider, renewed=RENEWED)


def rows_of_provider(
    names: Sequence[str],
    table: Callable[[ProviderUnderTest], Iterable[Sequence[Any]]],
    *,
    fresh: rows.Fresh = fresh_provider,
) -> Callable[[Check], Check]:
    """Run the check for each row that `table` returns for the provider. The check takes the values of a row as arguments."""

    def decorate(check: Check) -> Check:
        @functools.wraps(check)
        def test(under_test: ProviderUnderTest, **others: Any) -> None:
            __tracebackhide__ = True
            each_row(names, table(under_test), fresh=fresh)(check)(under_test=under_test, **others)

        return rows.without_arguments(test, check, names, RENEWED)

    return decorate


def per_provider(argument: str, table: str, *, fresh: rows.Fresh = fresh_provider) -> Callable[[Check], Check]:
    """Run the check for each entry of the provider's attribute `table`. The check's parameter `argument` is the entry."""
    decorate = rows_of_provider(
        [argument], lambda under_test: [(entry,) for entry in getattr(under_test, table)], fresh=fresh
    )
    return lambda check: pytest.mark.per_provider(table)(decorate(check))
