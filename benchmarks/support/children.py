"""Measures work in child processes: wall time, CPU time, and peak memory beyond the memory before the work began.

A child calls `module.WORK[name](*arguments)`, which returns the work as a function. Only that function is measured, not the
call before it with its imports and clients. Rounds are interleaved, because a machine's speed changes over time.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Sample:
    """The figures of one run. `says` is what the work returned."""

    wall_seconds: float
    cpu_seconds: float
    extra_mib: float
    says: Any = None


@dataclass(frozen=True)
class Task:
    """What a child runs: a module, a name in its `WORK`, arguments, and additions to the environment."""

    module: str
    name: str
    arguments: tuple[Any, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()


def sample(task: Task) -> Sample:
    """Run a task in its own process and measure it. Raises SystemExit with the child's error output if it fails."""
    paths = os.pathsep.join([str(ROOT), *(str(ROOT / name) for name in ("layers/core", "local"))])
    environment = {**os.environ, "PYTHONPATH": paths, **dict(task.environment)}
    command = [sys.executable, "-m", __name__, task.module, task.name, json.dumps(task.arguments)]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{task.module} {task.name} failed:\n{done.stderr}")
    return Sample(**json.loads(done.stdout.splitlines()[-1]))


def interleaved(tasks: Mapping[str, Task], rounds: int) -> dict[str, list[Sample]]:
    """Run each task once a round, in rotating order. A round before them warms the caches and does not count."""
    names = list(tasks)
    found: dict[str, list[Sample]] = {name: [] for name in names}
    for name in names:
        sample(tasks[name])
    for number in range(rounds):
        turn = number % len(names)
        for name in [*names[turn:], *names[:turn]]:
            found[name].append(sample(tasks[name]))
    return found


def median(samples: Sequence[Sample], what: Callable[[Sample], float]) -> float:
    """Return the median of one figure."""
    return statistics.median(map(what, samples))


def ratio(samples: Sequence[Sample], base: Sequence[Sample], what: Callable[[Sample], float]) -> float:
    """Return the median of each round's own ratio. Both runs of a round meet the same load on the machine."""
    return statistics.median(what(one) / what(other) for one, other in zip(samples, base, strict=True))


def wall(one: Sample) -> float:
    """Return the wall time in seconds."""
    return one.wall_seconds


def cpu(one: Sample) -> float:
    """Return the CPU time in seconds, user and system."""
    return one.cpu_seconds


def extra(one: Sample) -> float:
    """Return the peak memory beyond the memory at the beginning, in MiB."""
    return one.extra_mib


def main(module: str, name: str, arguments: str) -> None:
    """Prepare and run the work in the child, and print its sample."""
    work = importlib.import_module(module).WORK[name](*json.loads(arguments))
    before = _resident_mib("VmRSS")
    _forget_peak()
    used, began = _cpu_seconds(), time.monotonic()
    says = work()
    ended = time.monotonic()
    taken = Sample(ended - began, _cpu_seconds() - used, round(_resident_mib("VmHWM") - before, 2), says)
    print(json.dumps(asdict(taken)))


def _cpu_seconds() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _resident_mib(field: str) -> float:
    """Return a memory figure of this process from /proc, in MiB, or 0 where there is no /proc (only Linux has it)."""
    status = Path("/proc/self/status")
    return int(status.read_text().split(f"{field}:")[1].split()[0]) / 1024 if status.exists() else 0.0


def _forget_peak() -> None:
    """Reset the kernel's peak figure VmHWM (Linux: proc(5), clear_refs)."""
    if Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")


if __name__ == "__main__":
    main(*sys.argv[1:])
