"""Fixtures that set up an AWS account with versioned buckets, and the application that runs in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.fakes.application import ApplicationUnderTest
from tests.fakes.aws_account import Cloud, cloud


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "emulated(*services): the test needs moto's services, see `tests.fakes.aws_account.cloud`"
    )


@pytest.fixture
def account(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    marker = request.node.get_closest_marker("emulated")
    with cloud(emulated=marker.args if marker is not None else ()) as made:
        yield made


@pytest.fixture
def application(account: Cloud) -> ApplicationUnderTest:
    return ApplicationUnderTest(account)
