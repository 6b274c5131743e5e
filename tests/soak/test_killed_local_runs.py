"""Tests many local runs of one folder whose processes are killed at random moments, sometimes twice in a row."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from tests.e2e.deployed_application import simulators
from tests.e2e.forked_commands import Command, commands_started
from tests.e2e.local_operator import Operator

RUNS = int(os.environ.get("DARKROOM_SOAK_RUNS", "20"))
PICTURES = 20
SPEED = 2.0
SEED = int(os.environ.get("DARKROOM_SOAK_SEED", "14"))
LATEST_SECONDS = 12  # of a kill: a run of 20 pictures takes about so long
LONGEST_SECONDS = 300  # that the command after a kill may take


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    (tmp_path / "in").mkdir()
    with commands_started() as commands, simulators("topaz", speed=SPEED) as made:
        yield Operator(commands, tmp_path / "in", tmp_path / "out", made["topaz"])


def kill(operator: Operator, process: Command, chance: random.Random) -> None:
    """Interrupt or kill a randomly chosen process of the run. Then wait until the command has ended."""
    what = chance.choice(["SIGINT", "SIGTERM", "twice SIGINT", "command", "emulator", "worker", "full disk"])
    match what:
        case "SIGINT" | "SIGTERM":
            process.send_signal(signal.Signals[what])
        case "twice SIGINT":
            process.send_signal(signal.SIGINT)
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
        case "command":
            process.send_signal(signal.SIGKILL)
        case "full disk":
            operator.fills_the_disk()
        case _:
            operator.kills(what)
            if what == "worker" and chance.random() < 0.5:  # else the command goes on by itself
                time.sleep(chance.random())
                process.send_signal(signal.SIGKILL)
    process.ends(LONGEST_SECONDS)
    print(f"{what}: exit code {process.returncode}, {operator.paid} paid, {len(operator.home)} home")


@pytest.mark.timeout(4 * 3600)
@pytest.mark.skipif(not Path("/proc").exists(), reason="the test looks for processes in /proc")
def test_whatever_is_killed_each_picture_is_paid_once_and_comes_home(operator: Operator) -> None:
    chance = random.Random(SEED)
    for run in range(RUNS):
        operator.add(PICTURES, f"{run}-")
        for _ in range(chance.choice([1, 1, 2])):
            process = operator.starts()
            time.sleep(chance.uniform(0.5, LATEST_SECONDS))
            kill(operator, process, chance)
        began = time.monotonic()
        assert operator.runs() == 0
        print(f"run {run}: {time.monotonic() - began:.0f} s after the kill")
        assert time.monotonic() - began < LONGEST_SECONDS
        wanted = PICTURES * (run + 1)
        assert (operator.paid, len(operator.home)) == (wanted, wanted)
        assert sum(Decimal(row["credits"] or 0) for row in operator.rows()) == operator.spent == wanted
        assert operator.processes == {"emulator": [], "worker": []}
