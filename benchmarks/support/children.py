"""Measures work in child processes: wall time, CPU time, and by how much the memory grew at its peak.

A child calls `module.WORK[name](*arguments)`, which imports modules, makes clients and returns a function. Only that
function is measured. All tasks run once in each round, because the speed of a machine changes over time.
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
    """The figures of one run. `says` is the value that the measured function returned."""

    wall_seconds: float
    cpu_seconds: float
    extra_mib: float
    says: Any = None


@dataclass(frozen=True)
class Task:
    """A task for a child process: a module, a name in the module's `WORK`, arguments, and more environment variables."""

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
    """Run each task once in each round, in rotating order. A first round warms the caches and is not counted."""
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
    """Return the median of one figure of the samples. `what` takes the figure from a sample."""
    return statistics.median(map(what, samples))


def ratio(samples: Sequence[Sample], base: Sequence[Sample], what: Callable[[Sample], float]) -> float:
    """Return the median of all rounds' ratios of one figure. Within a round, the load of the machine is about the same."""
    return statistics.median(what(one) / what(other) for one, other in zip(samples, base, strict=True))


def wall(one: Sample) -> float:
    """Return the wall time in seconds."""
    return one.wall_seconds


def cpu(one: Sample) -> float:
    """Return the CPU time in seconds, user and system."""
    return one.cpu_seconds


def extra(one: Sample) -> float:
    """Return by how many MiB the memory grew from the beginning to its peak."""
    return one.extra_mib


def main(module: str, name: str, arguments: str) -> None:
    """Prepare and run the work in this child process, and print the sample as JSON."""
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
    """Return a memory figure of this process in MiB. It comes from /proc, which only Linux has; else return 0."""
    status = Path("/proc/self/status")
    return int(status.read_text().split(f"{field}:")[1].split()[0]) / 1024 if status.exists() else 0.0


def _forget_peak() -> None:
    """Reset the peak of the memory, VmHWM, in the kernel (see clear_refs in proc(5)). Does nothing if this is not Linux."""
    if Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")


if __name__ == "__main__":
    main(*sys.argv[1:])
