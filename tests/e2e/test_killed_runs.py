"""Tests `darkroom local run` when its processes are killed. The same command again delivers every picture and pays for none
twice.

The API key looks real, but a simulator stands in for the vendor, and its journal shows what was paid.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.deployed_application import simulators
from tests.e2e.local_operator import Operator, until

PICTURES = 6
SPEED = 2.0


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    (tmp_path / "in").mkdir()
    with simulators("topaz", speed=SPEED) as made:
        yield Operator(tmp_path / "in", tmp_path / "out", made["topaz"])


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").exists(), reason="the test looks for processes in /proc")
@pytest.mark.parametrize("victim", ["command", "emulator", "worker"])
def test_after_a_kill_the_same_command_pays_for_nothing_twice(operator: Operator, victim: str) -> None:
    operator.add(PICTURES)
    first = operator.starts()
    until(lambda: operator.paid >= 2)
    for pid in [first.pid] if victim == "command" else operator.processes[victim]:
        os.kill(pid, signal.SIGKILL)
    if victim == "worker":
        time.sleep(1)
        first.kill()
    print(*first.communicate(timeout=120))

    began = time.monotonic()
    assert operator.runs() == 0
    assert time.monotonic() - began < 300
    assert operator.paid == PICTURES
    assert operator.home == {f"{number}.jpg" for number in range(PICTURES)}
    assert Counter(row["status"] for row in operator.rows())["COMPLETED"] == PICTURES
    assert sum(Decimal(row["credits"] or 0) for row in operator.rows()) == operator.spent
    assert operator.processes == {"emulator": [], "worker": []}


@pytest.mark.slow
def test_a_monthly_limit_holds_over_two_runs(operator: Operator) -> None:
    limit = ("--parameter", "MonthlyCreditLimit=12")
    operator.add(10)
    assert operator.runs(*limit) == 0
    operator.add(10, "more")
    assert operator.runs(*limit) == 1
    assert operator.paid == 12
    assert Counter(row["error"] for row in operator.rows()) == {"": 12, "BudgetExceeded": 8}
