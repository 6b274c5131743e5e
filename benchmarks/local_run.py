"""Measures `darkroom local run` over a folder of small pictures, compared with a script that only calls the provider.

The script sends one picture after the other, without a ledger and without retries. For `darkroom local run`, the whole
application runs on an emulator on this machine: functions, queue, state machine and tables. The provider is a simulator that
takes almost no time, so that only the rest is measured. CPU seconds are those of all processes that a run starts.

`python -m benchmarks.local_run --earlier DIR` also measures the Darkroom in another checkout, where `make install` was run. All
of them take turns.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
from tests.e2e.deployed_application import picture

from benchmarks.support.process_tree import Trace, trace
from benchmarks.support.reporting import Plot, Result, Table
from darkroom_local.simulators.topaz import TopazSimulator

NAME = "local_run"
QUESTION = (
    "How many pictures a second does the whole application process on one machine, how much CPU does it use, and how soon "
    "does a run end?"
)
SPEED = 1_000.0  # the simulated provider needs milliseconds for a small picture
COUNT, QUICK_COUNT, ROUNDS = 100, 20, 3
INTERRUPTED_AFTER = 0.4  # the share of pictures that have a result when a run is interrupted
FORM = {"model": "Standard V2", "output_format": "jpeg"}
DONE = "COMPLETED"  # this word is in the line that a run prints when a result is there
OURS, EARLIER, SCRIPT = "darkroom local run", "darkroom local run, earlier", "a script"
INTERRUPTS = {"Ctrl-C": signal.SIGINT, "SIGTERM": signal.SIGTERM}


@dataclass(frozen=True)
class Way:
    """The times of one run over all pictures, in seconds.

    `start` ends with the first result, `work` with the last result, and `end` with the last process. `cpu` is CPU time.
    """

    start: float
    work: float
    end: float
    cpu: float


def run(quick: bool = False, earlier: Path | None = None, rounds: int = ROUNDS) -> Result:
    """Measure Darkroom and the script that it is compared with in turns, then measure interrupted runs of Darkroom.

    `earlier` is a checkout of Darkroom that has its own environment in `.venv`.
    """
    count = QUICK_COUNT if quick else COUNT
    versions = {OURS: sys.executable} | ({EARLIER: f"{earlier.resolve()}/.venv/bin/python"} if earlier else {})
    ways: dict[str, list[Way]] = {name: [] for name in (*versions, SCRIPT)}
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder) / "in"
        pictures.mkdir()
        for number in range(count):
            (pictures / f"{number:03}.jpg").write_bytes(picture())
        for _ in range(1 if quick else rounds):
            for name, python in versions.items():
                ways[name].append(_local_run(python, pictures, count))
            ways[SCRIPT].append(_script(pictures, count))
        ends = {name: _broken_off(pictures, count, number) for name, number in INTERRUPTS.items()}
    return _result(count, ways, ends)


def by_script(folder: str) -> None:
    """Process the pictures without Darkroom: send each picture, ask for its status until it is done, and fetch the result."""
    with (
        TopazSimulator(api_key="key", speed=SPEED) as vendor,
        httpx.Client(base_url=vendor.base_url, headers={"X-API-Key": "key"}) as topaz,
        httpx.Client() as storage,
        tempfile.TemporaryDirectory() as out,
    ):
        for path in sorted(Path(folder).iterdir()):
            with path.open("rb") as file:
                answer = topaz.post("/enhance/async", data=FORM, files={"image": (path.name, file, "image/jpeg")})
            process = answer.raise_for_status().json()["process_id"]
            while topaz.get(f"/status/{process}").raise_for_status().json()["status"] != "Completed":
                time.sleep(0.01)
            link = topaz.get(f"/download/{process}").raise_for_status().json()["download_url"]
            (Path(out) / path.name).write_bytes(storage.get(link).raise_for_status().content)
            print(DONE, flush=True)


def _command(python: str, pictures: Path, out: str) -> list[str]:
    return [
        python, "-m", "darkroom_cli", "local", "run", str(pictures), "--out", out,
        "--speed", str(SPEED), "--parameter", "AllowedProviders=topaz",
    ]  # fmt: skip


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "TOPAZ_API_KEY"}


def _local_run(python: str, pictures: Path, count: int) -> Way:
    with tempfile.TemporaryDirectory() as out:
        return _way(trace(_command(python, pictures, out), _environment()), count)


def _script(pictures: Path, count: int) -> Way:
    command = [sys.executable, "-c", f"from benchmarks.local_run import by_script; by_script({str(pictures)!r})"]
    return _way(trace(command, _environment()), count)


def _broken_off(pictures: Path, count: int, signal_number: int) -> float:
    """Send the signal once enough results are there. Return the seconds until the command and all its processes have ended."""
    done: list[str] = []

    def enough(line: str) -> bool:
        done.extend([line] if DONE in line else [])
        return len(done) >= INTERRUPTED_AFTER * count

    with tempfile.TemporaryDirectory() as out:
        found = trace(_command(sys.executable, pictures, out), _environment(), signal_number, enough)
    assert found.signalled_at, found.lines
    return found.wall_seconds - found.signalled_at


def _way(found: Trace, count: int) -> Way:
    results = [at for at, line in found.lines if DONE in line][:count]  # an earlier version's table has the word again
    if found.code or len(results) < count:
        raise RuntimeError(
            f"{len(results)} of {count} results; code {found.code}\n" + "\n".join(t for _, t in found.lines)
        )
    return Way(results[0], results[-1] - results[0], found.wall_seconds - results[-1], found.cpu_seconds)


def _result(count: int, ways: dict[str, list[Way]], ends: dict[str, float]) -> Result:
    rows: list[list[object]] = [
        [
            name,
            statistics.median((count - 1) / way.work for way in found),
            statistics.median(way.cpu / count for way in found),
            statistics.median(way.start for way in found),
            statistics.median(way.end for way in found),
        ]
        for name, found in ways.items()
    ]
    ours, pairs = ways[OURS], list(zip(ways[OURS], ways[SCRIPT], strict=True))
    ratios = {
        "CPU a picture ÷ a script's": statistics.median(way.cpu / script.cpu for way, script in pairs),
        "time a picture ÷ a script's": statistics.median(way.work / script.work for way, script in pairs),
        "seconds to the end, all done": statistics.median(way.end for way in ours),
        **{f"seconds to the end, {name}": seconds for name, seconds in ends.items()},
    }
    columns = ["", "pictures a second", "CPU s a picture", "s to the first result", "s from the last result to the end"]
    return Result(
        NAME,
        QUESTION,
        [Table(f"{count} small pictures", columns, rows)],
        ratios,
        goals={name: 5.0 for name in ratios if name.startswith("seconds to the end")},
        notes=[
            "Both CPU figures include the simulated provider. Starting and ending count for the CPU, but not for the pictures a "
            "second.",
            f"The signals are sent when {INTERRUPTED_AFTER:.0%} of the results are there. Results that are ready by then are "
            "still fetched.",
        ],
        plot=Plot(
            "CPU of one picture", "bar", "", "seconds", {"CPU": [(str(row[0]), float(str(row[2]))) for row in rows]}
        ),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=QUESTION)
    parser.add_argument("--quick", action="store_true", help="few pictures, one round")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each of them has its turn")
    parser.add_argument(
        "--earlier", type=Path, metavar="DIR", help="another checkout of Darkroom to measure beside this one"
    )
    chosen = parser.parse_args()
    run(chosen.quick, chosen.earlier, chosen.rounds).show()
