"""Runs `make demo` or `make test` again and again beside busy loops, in one checkout or in several at once.

Usage: python -m tests.smoke.steadiness [--runs 10] [--loops 4] [--targets test] [CHECKOUT ...]. Each busy loop is a process that
never waits, so that the tests get a small share of the machine. The script prints one line for each run of each checkout. It
stops after the first round in which a run fails, prints the end of its output, and exits with 1. It leaves nothing running.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOG = Path(".build/steadiness.log")  # in each checkout, the output of its last run
SHOWN_LINES = 60
LOOK_SECONDS = 0.5


@dataclass
class Run:
    """One run of make in one checkout."""

    checkout: Path
    process: subprocess.Popen[bytes]
    log: Path
    began: float
    seconds: float = 0.0

    def lines(self) -> list[str]:
        return self.log.read_text(errors="replace").splitlines()


@contextlib.contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """Keep that many processes busy until the block ends."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def round_of(checkouts: Sequence[Path], targets: Sequence[str]) -> list[Run]:
    """Run make in all checkouts at once. Return the runs when all of them have ended."""
    runs = []
    for checkout in checkouts:
        log = checkout / LOG
        log.parent.mkdir(exist_ok=True)
        with log.open("wb") as output:
            process = subprocess.Popen(["make", *targets], cwd=checkout, stdout=output, stderr=subprocess.STDOUT)
        runs.append(Run(checkout, process, log, time.monotonic()))
    try:
        while open_runs := [run for run in runs if not run.seconds]:
            for run in open_runs:
                if run.process.poll() is not None:
                    run.seconds = time.monotonic() - run.began
            time.sleep(LOOK_SECONDS)
    finally:
        for run in runs:
            run.process.terminate()  # this does nothing to a process that has ended
    return runs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", nargs="*", type=Path, default=[ROOT], metavar="CHECKOUT")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--loops", type=int, default=4)
    parser.add_argument("--targets", default="test", help="what make makes, as in 'demo test'")
    chosen = parser.parse_args()
    with busy_loops(chosen.loops):
        for number in range(1, chosen.runs + 1):
            runs = round_of(chosen.checkouts, chosen.targets.split())
            for run in runs:
                state = "failed" if run.process.returncode else "passed"
                last = (run.lines() or [""])[-1]
                print(f"{number} {run.checkout.name}: {state} in {run.seconds:.0f} s  {last}", flush=True)
            if failed := [run for run in runs if run.process.returncode]:
                print(*failed[0].lines()[-SHOWN_LINES:], sep="\n")
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
