"""Tests `darkroom local run` when its processes are killed. The same command again delivers every picture and pays for none
twice.

The API key looks real, but a simulator stands in for the vendor, and its journal shows what was paid.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e import short_grace
from tests.e2e.deployed_application import simulators
from tests.e2e.forked_commands import Command, Commands
from tests.e2e.local_operator import Operator, until

PICTURES = 6
SPEED = 4.0
KILLED = pytest.mark.skipif(not Path("/proc").exists(), reason="the test looks for processes in /proc")


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return short_grace.runtime_in(tmp_path_factory.mktemp("runtime"))


@pytest.fixture
def operator(commands: Commands, tmp_path: Path, runtime: Path) -> Iterator[Operator]:
    (tmp_path / "in").mkdir()
    with simulators("topaz", speed=SPEED) as made:
        yield Operator(commands, tmp_path / "in", tmp_path / "out", made["topaz"], runtime)


def killed_while_it_submits(operator: Operator, victim: str, *options: str) -> Command:
    """Start a run, and kill a part of it when two pictures are paid."""
    operator.add(PICTURES)
    process = operator.starts(*options)
    until(lambda: operator.paid >= 2)
    operator.kills(victim)
    return process


def is_all_home_and_paid_once(operator: Operator, paid_by_others: int = 0) -> bool:
    paid = operator.paid - paid_by_others
    settled = sum(Decimal(row["credits"] or 0) for row in operator.rows())
    completed = Counter(row["status"] for row in operator.rows())["COMPLETED"]
    home = operator.home == {f"{number}.jpg" for number in range(PICTURES)}
    return home and paid == settled == operator.spent == completed == PICTURES


def nothing_runs(operator: Operator) -> bool:
    return operator.processes == {"emulator": [], "worker": []}


@pytest.mark.slow
@KILLED
def test_after_a_kill_the_same_command_pays_for_nothing_twice_and_takes_no_job_of_another_account(
    operator: Operator,
) -> None:
    """The emulator is killed first, and then the command of another account. The first account has then paid for the same
    pictures just before, and its jobs stand in the same list of the vendor."""
    other = replace(operator, out=operator.out.with_name("other"))
    print(*killed_while_it_submits(operator, "emulator").ends(120))
    assert operator.runs() == 0
    assert is_all_home_and_paid_once(operator)
    until(lambda: nothing_runs(operator))  # a killed process ends a little later

    theirs = {job["process_id"] for job in operator.vendor.submits}
    operator.vendor.faults.add("delay", on="submit", times=2, seconds=30)  # two answers do not come before the kill
    process = other.starts()
    until(lambda: other.paid >= PICTURES + 2)
    process.send_signal(signal.SIGKILL)
    process.ends(120)
    assert other.runs() == 0
    assert is_all_home_and_paid_once(other, paid_by_others=PICTURES)
    assert not theirs & {row["process_id"] for row in other.rows()}
    until(lambda: nothing_runs(other))


@pytest.mark.slow
@KILLED
def test_the_command_goes_on_when_its_workers_are_killed_and_a_monthly_limit_holds_over_two_runs(
    operator: Operator,
) -> None:
    """The second run may pay for two pictures, and has more than it submits at the same time."""
    limit = ("--parameter", f"MonthlyCreditLimit={PICTURES + 2}")
    process = killed_while_it_submits(operator, "worker", *limit)
    print(*process.ends(300))  # their leases would last six minutes
    assert process.returncode == 0
    assert is_all_home_and_paid_once(operator)

    operator.add(7, "more")
    assert operator.runs(*limit) == 1
    assert operator.paid == operator.spent == PICTURES + 2
    assert Counter(row["error"] for row in operator.rows()) == {"": PICTURES + 2, "BudgetExceeded": 5}
