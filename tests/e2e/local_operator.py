"""Runs `darkroom local run` as an operator does, with a folder of pictures, but makes no page.

The API key looks real, but a simulator stands in for the vendor.
"""

from __future__ import annotations

import contextlib
import csv
import os
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from darkroom_local.emulator.ledger_journal import rows_of
from tests.e2e import short_grace
from tests.e2e.deployed_application import API_KEY, picture
from tests.e2e.forked_commands import NO_PAGE, Command, Commands


@dataclass(frozen=True)
class Operator:
    """Runs the command for a folder of pictures. `vendor` is the simulator that is paid for them. `runtime` has a short grace."""

    commands: Commands
    folder: Path
    out: Path
    vendor: Any
    runtime: Path | None = None

    def starts(self, *options: str) -> Command:
        """Start the command. The one before must have ended."""
        arguments = [
            "local", "run", str(self.folder), "--out", str(self.out), "--yes",
            "--parameter", f"TopazBaseUrl={self.vendor.base_url}", *options,
        ]  # fmt: skip
        grace = {short_grace.RUNTIME: str(self.runtime)} if self.runtime else {}
        environment = {**os.environ, **self.commands.few_roots, "TOPAZ_API_KEY": API_KEY, NO_PAGE: "1", **grace}
        return self.commands.start(arguments, environment)

    def runs(self, *options: str) -> int | None:
        """Run the command to its end, and return its exit code."""
        process = self.starts(*options)
        print(*process.ends())
        return process.returncode

    def add(self, count: int, prefix: str = "") -> None:
        for number in range(count):
            (self.folder / f"{prefix}{number}.jpg").write_bytes(picture())

    def kills(self, what: str) -> None:
        """Kill all processes of that kind."""
        for pid in self.processes[what]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def fills_the_disk(self) -> None:
        """Let the ledger's journal grow no more, as on a full disk."""
        size = self.journal.stat().st_size
        for pid in self.processes["emulator"]:
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, size))

    @property
    def journal(self) -> Path:
        return self.out / ".darkroom" / "real" / "ledger.jsonl"

    @property
    def processes(self) -> dict[str, list[int]]:
        """Return the operating system's ids of the run's processes, by kind: `emulator` and `worker`."""
        found: dict[str, list[int]] = {"emulator": [], "worker": []}
        for path in Path("/proc").iterdir():
            try:
                environment = (path / "environ").read_bytes()
                command = (path / "cmdline").read_bytes()
            except OSError:  # it has ended
                continue
            if f"DARKROOM_ACCOUNT={self.out.resolve() / '.darkroom'}".encode() in environment:
                found["emulator" if b"emulator.program" in command else "worker"].append(int(path.name))
        return found

    @property
    def paid(self) -> int:
        return len(self.vendor.submits)

    @property
    def spent(self) -> Decimal:
        """Return the credits that the ledger in the results folder has booked as spent."""
        rows = rows_of(self.journal)
        return sum((Decimal(row["spent"]["N"]) for key, row in rows.items() if key[0] == "BUDGET#topaz"), Decimal(0))

    @property
    def home(self) -> set[str]:
        return {path.name for path in self.out.glob("*.jpg")}

    def rows(self) -> list[dict[str, str]]:
        with (self.out / "credits.csv").open(newline="") as file:
            return list(csv.DictReader(file))


def until(is_so: Callable[[], Any], seconds: float = 600) -> None:
    ends = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.02)
