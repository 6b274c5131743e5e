"""Marks with which a test names the capabilities that it needs. conftest.py runs the test for the providers that have them."""

from __future__ import annotations

import pytest


def needs(*capabilities: str) -> pytest.MarkDecorator:
    """Run the test only for providers that have all of these capabilities."""
    return pytest.mark.needs(*capabilities)


def per_provider(argument: str, table: str) -> pytest.MarkDecorator:
    """Run the test once for each entry of the provider's attribute `table`. The test's parameter `argument` is the entry."""
    return pytest.mark.per_provider(argument, table)
