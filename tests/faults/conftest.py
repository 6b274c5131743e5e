"""Adds options that replay one schedule: `pytest tests/faults/test_schedules.py --seed 1234 --family doubts`."""

from __future__ import annotations

import pytest

from tests.faults.world_shapes import CALLED, FAMILIES, HELD, LINKED, STORED, UNREAD


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options. Without `--seed`, the first schedules of each family run."""
    parser.addoption(
        "--seed", type=int, help="run only the fault simulation's schedule with this seed, and print all its events"
    )
    parser.addoption(
        "--family",
        choices=(*FAMILIES, HELD, UNREAD, LINKED, STORED, CALLED),
        help="the family of that schedule; the seed chooses it otherwise",
    )
    parser.addoption("--larger", type=int, default=1, help="multiply that schedule's number of uploads by this")


@pytest.fixture(autouse=True)
def _silence(caplog: pytest.LogCaptureFixture) -> None:
    """Silence the log, because thousands of alarms and failures are expected here."""
    caplog.set_level("CRITICAL")
