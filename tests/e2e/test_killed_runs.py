"""`darkroom local run` whose processes are killed: the same command brings every picture home, and pays for none twice.

The key looks like a real one, but a simulator receives it, and its log says what was paid.
"""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from darkroom_local.ledger_journal import rows_of
from tests.e2e.deployed_application import API_KEY, picture, simulators

PICTURES = 6
SPEED = 2.0


@dataclass(frozen=True)
class Operator:
    """A folder of pictures, and the vendor that is paid for them."""

    folder: Path
    out: Path
    vendor: Any

    def starts(self, *options: str) -> subprocess.Popen[str]:
        command = [
            sys.executable, "-m", "darkroom_cli", "local", "run", str(self.folder), "--out", str(self.out), "--yes",
            "--parameter", f"TopazBaseUrl={self.vendor.base_url}", "--parameter", "SubmitTimeoutSeconds=60", *options,
        ]  # fmt: skip
        environment = {**os.environ, "TOPAZ_API_KEY": API_KEY}
        return subprocess.Popen(
            command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )

    def runs(self, *options: str) -> int:
        """Run the command to its end, and return its exit code."""
        process = self.starts(*options)
        said = process.communicate(timeout=300)
        print(*said)
        return process.returncode

    def add(self, count: int, prefix: str = "") -> None:
        for number in range(count):
            (self.folder / f"{prefix}{number}.jpg").write_bytes(picture())

    @property
    def processes(self) -> dict[str, list[int]]:
        """Return the processes of the run, by what they are."""
        found: dict[str, list[int]] = {"emulator": [], "worker": []}
        for path in Path("/proc").iterdir():
            try:
                environment = (path / "environ").read_bytes()
                command = (path / "cmdline").read_bytes()
            except OSError:
                continue
            if f"DARKROOM_ACCOUNT={self.out.resolve() / '.darkroom'}".encode() in environment:
                found["emulator" if b"emulator_program" in command else "worker"].append(int(path.name))
        return found

    @property
    def paid(self) -> int:
        return len(self.vendor.submits)

    @property
    def spent(self) -> Decimal:
        """Return what the account of the folder has spent this month."""
        rows = rows_of(self.out / ".darkroom" / "real" / "ledger.jsonl")
        return sum((Decimal(row["spent"]["N"]) for key, row in rows.items() if key[0] == "BUDGET#topaz"), Decimal(0))

    @property
    def home(self) -> set[str]:
        return {path.name for path in self.out.glob("*.jpg")}

    def rows(self) -> list[dict[str, str]]:
        with (self.out / "credits.csv").open(newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    (tmp_path / "in").mkdir()
    with simulators("topaz", speed=SPEED) as made:
        yield Operator(tmp_path / "in", tmp_path / "out", made["topaz"])


def until(is_so: Callable[[], Any], seconds: float = 120) -> None:
    ends = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.02)


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
