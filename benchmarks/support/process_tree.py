"""Runs a command and measures it: what it prints and when, and the CPU seconds of all processes under it.

Linux only: a process whose parent ends before it becomes a child of this process, so that its CPU counts, too.
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
    """One run of a command. Times are seconds since its start."""

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
    """Runs a command to its end; sends it the signal once `when` is true of a line. This process must have no other children."""
    if ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError("prctl: this is not Linux")
    used, began, lines, signalled = _children_cpu_seconds(), time.monotonic(), [], None
    # A group of its own: no Ctrl-C of this terminal reaches it by another way.
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
