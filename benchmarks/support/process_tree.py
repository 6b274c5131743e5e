"""Runs a command, keeps each line that it prints with its time, and measures the CPU seconds of all its processes.

It works on Linux only. There, a process whose parent has ended can become a child of this process, so that its CPU seconds
are counted too.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)


@dataclass(frozen=True)
class Trace:
    """One run of a command. Times are in seconds since its start. `lines` are the printed lines with their times."""

    code: int
    wall_seconds: float
    cpu_seconds: float
    lines: list[tuple[float, str]] = field(repr=False)
    signalled_at: float | None = None


def trace(
    command: Sequence[str],
    environment: Mapping[str, str],
    signal_number: int = signal.SIGINT,
    when: Callable[[str], bool] = lambda line: False,
) -> Trace:
    """Run a command to its end. Send it the signal once, after the first line for which `when` returns True.

    This process must have no other children. Raises OSError if this is not Linux.
    """
    if ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError("CPU seconds of all processes can be measured on Linux only: prctl failed")
    used, began, lines, signalled = _children_cpu_seconds(), time.monotonic(), [], None
    # The command gets a session of its own, so that a Ctrl-C in this terminal does not reach it.
    with subprocess.Popen(
        command,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stdout
        for line in running.stdout:
            lines.append((time.monotonic() - began, line.rstrip()))
            if signalled is None and when(line):
                signalled = lines[-1][0]
                running.send_signal(signal_number)
        code = running.wait()
    wall = time.monotonic() - began
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    return Trace(code, wall, _children_cpu_seconds() - used, lines, signalled)


def _children_cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
