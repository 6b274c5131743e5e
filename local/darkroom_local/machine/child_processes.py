"""Starts and ends child processes that leave nothing behind. Each leads its own process group and is ended with the whole group.

This module does not know what the children do. A child gets only the environment variables that the caller passes.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_GRACE_SECONDS = 1.5
_LOOK_SECONDS = 0.02
_TAIL_BYTES = 4000


class ChildFailed(Exception):
    """A child process ended, or was not ready in time. The message contains the end of its log."""


@dataclass(frozen=True)
class Child:
    """A running child process and its log file."""

    process: subprocess.Popen[bytes]
    log: Path
    name: str

    @property
    def pid(self) -> int:
        """The id of the process, which is also the id of its group."""
        return self.process.pid

    def log_text(self) -> str:
        """Return what the child has written so far to standard output and standard error."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_for(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until `ready` returns True. Raises ChildFailed if the child ends first or the time runs out."""
        until = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > until:
                raise self._failed("was not ready in time")
            time.sleep(_LOOK_SECONDS)

    def check(self) -> None:
        """Raise ChildFailed if the child has ended."""
        code = self.process.poll()
        if code is not None:
            raise self._failed(f"ended {_by(code)}")

    def _failed(self, why: str) -> ChildFailed:
        log = self.log_text()[-_TAIL_BYTES:].strip()
        return ChildFailed(f"The {self.name} {why}." + (f" The end of its log:\n{log}" if log else ""))


def start(name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Child:
    """Start a child in `folder`. Its log is written there too. The terminal's Ctrl-C does not reach the child, so the caller must
    end it."""
    log = folder / f"{name.replace(' ', '-')}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(command),
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Child(process, log, name)


@contextlib.contextmanager
def ending(child: Child) -> Iterator[Child]:
    """End the child and its group when the block ends, also after an exception."""
    with ending_all() as one:
        one[child.name] = child
        yield child


@contextlib.contextmanager
def ending_all() -> Iterator[dict[str, Child]]:
    """Yield a mapping for children. When the block ends, also after an exception, end all children in the mapping at once."""
    started: dict[str, Child] = {}
    try:
        yield started
    finally:
        end_groups({child.pid: functools.partial(_is_over, child) for child in started.values()})
        for child in started.values():
            child.process.wait()


def end_groups(ended: Mapping[int, Callable[[], bool]]) -> None:
    """Send SIGTERM to process groups, wait up to 1.5 s for their leaders, then kill all that are left. Repeat safe.

    `ended` maps the id of each group to a function that returns True if the group's leader has ended.
    """
    for pid in ended:
        _signal_group(pid, signal.SIGTERM)
    until = time.monotonic() + _GRACE_SECONDS
    while not all(is_over() for is_over in ended.values()) and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
    for pid in ended:
        _signal_group(pid, signal.SIGKILL)


def is_running(pid: int, marker: str) -> bool:
    """Return whether a process with that id runs and has `marker` in its command line. By now, the id may belong to another
    process."""
    command_file = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self/cmdline").exists():
        with contextlib.suppress(OSError):
            return marker in command_file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return False
    answer = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return marker in answer.stdout


def _by(code: int) -> str:
    """Return how a process ended, from its return code."""
    return f"with code {code}" if code >= 0 else f"by signal {signal.Signals(-code).name}"


def _is_over(child: Child) -> bool:
    return child.process.poll() is not None


def _signal_group(pid: int, signal_number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal_number)
