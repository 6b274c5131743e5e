"""Fixtures that set up an AWS account with versioned buckets, and the application that runs in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.fakes.application import ApplicationUnderTest
from tests.fakes.aws_account import Cloud, cloud


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "emulated: the test needs moto's ledger table instead of the one in memory")


@pytest.fixture
def account(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    with cloud(emulated=request.node.get_closest_marker("emulated") is not None) as made:
        yield made


@pytest.fixture
def application(account: Cloud) -> ApplicationUnderTest:
    return ApplicationUnderTest(account)
