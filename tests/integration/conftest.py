"""Fixtures: an AWS account with versioned buckets, and the application in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.fakes.application import World
from tests.fakes.aws_account import Cloud, cloud


@pytest.fixture
def account() -> Iterator[Cloud]:
    with cloud() as made:
        yield made


@pytest.fixture
def world(account: Cloud) -> World:
    return World(account)
