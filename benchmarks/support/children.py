"""Work measured in child processes of its own: wall, CPU, and the most memory over what it took before the work began.

A child runs `module.WORK[name](*arguments)`, which answers the work as a function; what that call itself takes (imports,
clients) is not counted. Rounds are interleaved, since a machine's speed wanders.
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
    """One run. `says` is what the work answered."""

    wall_seconds: float
    cpu_seconds: float
    extra_mib: float
    says: Any = None


@dataclass(frozen=True)
class Task:
    """What a child is to do: a prepared function of a module, its arguments, and its environment's additions."""

    module: str
    name: str
    arguments: tuple[Any, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()


def sample(task: Task) -> Sample:
    """One run, in a process of its own. Raises SystemExit with what the child said when it fails."""
    paths = os.pathsep.join([str(ROOT), *(str(ROOT / name) for name in ("layers/core", "local"))])
    environment = {**os.environ, "PYTHONPATH": paths, **dict(task.environment)}
    command = [sys.executable, "-m", __name__, task.module, task.name, json.dumps(task.arguments)]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{task.module} {task.name} failed:\n{done.stderr}")
    return Sample(**json.loads(done.stdout.splitlines()[-1]))


def interleaved(tasks: Mapping[str, Task], rounds: int) -> dict[str, list[Sample]]:
    """Each task once a round, in an order that turns; a first round warms caches and does not count."""
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
    """The median of one figure."""
    return statistics.median(map(what, samples))


def ratio(samples: Sequence[Sample], base: Sequence[Sample], what: Callable[[Sample], float]) -> float:
    """The median of the rounds' own ratios: both of a round met the same weather."""
    return statistics.median(what(one) / what(other) for one, other in zip(samples, base, strict=True))


def wall(one: Sample) -> float:
    """Seconds that passed."""
    return one.wall_seconds


def cpu(one: Sample) -> float:
    """Seconds of processor time, user and system."""
    return one.cpu_seconds


def extra(one: Sample) -> float:
    """MiB of memory at the peak, over the beginning."""
    return one.extra_mib


def main(module: str, name: str, arguments: str) -> None:
    """In the child: prepares, works, prints the sample."""
    work = importlib.import_module(module).WORK[name](*json.loads(arguments))
    before = _resident_mib("VmRSS")
    _forget_peak()
    used, began = _cpu_seconds(), time.monotonic()
    says = work()
    ended = time.monotonic()
    taken = Sample(ended - began, _cpu_seconds() - used, round(_resident_mib("VmHWM") - before, 2), says)
    print(json.dumps(asdict(taken)))


def _cpu_seconds() -> float:
    """Of this process and of what it started and awaited."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _resident_mib(field: str) -> float:
    """From the kernel's own book of this process; 0 where there is none (only Linux keeps it)."""
    status = Path("/proc/self/status")
    return int(status.read_text().split(f"{field}:")[1].split()[0]) / 1024 if status.exists() else 0.0


def _forget_peak() -> None:
    """Lets VmHWM begin anew (Linux: proc(5), clear_refs)."""
    if Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")


if __name__ == "__main__":
    main(*sys.argv[1:])
