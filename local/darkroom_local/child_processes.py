"""Child processes that leave nothing behind. Each leads a process group of its own and is ended together with the group.

This module does not know what the children do, and passes nothing of the environment on: callers say what a child sees.
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
    """A child ended or was not ready in time. The message holds the end of its log."""


@dataclass(frozen=True)
class Child:
    """A running child and its log."""

    process: subprocess.Popen[bytes]
    log: Path
    name: str

    @property
    def pid(self) -> int:
        """The id of the process and of its group."""
        return self.process.pid

    def log_text(self) -> str:
        """Return what it has written so far, standard output and error together."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_for(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until `ready` is true. Raises ChildFailed if the child ends first or the time runs out."""
        until = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > until:
                raise self._failed("was not ready in time")
            time.sleep(_LOOK_SECONDS)

    def check(self) -> None:
        """Raises ChildFailed if it has ended."""
        code = self.process.poll()
        if code is not None:
            raise self._failed(f"ended {_by(code)}")

    def _failed(self, why: str) -> ChildFailed:
        log = self.log_text()[-_TAIL_BYTES:].strip()
        return ChildFailed(f"The {self.name} {why}." + (f" The end of its log:\n{log}" if log else ""))


def start(name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Child:
    """Start a child in `folder`, where its log is, too. The terminal's Ctrl-C does not reach it: the caller ends it."""
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
    """End the child and its group when the block ends, also by an exception."""
    with ending_all() as one:
        one[child.name] = child
        yield child


@contextlib.contextmanager
def ending_all() -> Iterator[dict[str, Child]]:
    """End the children that the block has put into the mapping, all at once, when the block ends, also by an exception."""
    started: dict[str, Child] = {}
    try:
        yield started
    finally:
        end_groups({child.pid: functools.partial(_is_over, child) for child in started.values()})
        for child in started.values():
            child.process.wait()


def end_groups(ended: Mapping[int, Callable[[], bool]]) -> None:
    """Send SIGTERM to the groups, wait 1.5 s at most for their leaders, then kill what is left. Repeat safe.

    `ended` maps the id of each group to a function that says whether its leader has ended.
    """
    for pid in ended:
        _signal_group(pid, signal.SIGTERM)
    until = time.monotonic() + _GRACE_SECONDS
    while not all(is_over() for is_over in ended.values()) and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
    for pid in ended:
        _signal_group(pid, signal.SIGKILL)


def is_running(pid: int, marker: str) -> bool:
    """Return whether the process runs and has `marker` in its command line. Another process may have the id by now."""
    command_file = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self/cmdline").exists():
        with contextlib.suppress(OSError):
            return marker in command_file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return False
    answer = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return marker in answer.stdout


def _by(code: int) -> str:
    """How a process ended, by its return code."""
    return f"with code {code}" if code >= 0 else f"by signal {signal.Signals(-code).name}"


def _is_over(child: Child) -> bool:
    return child.process.poll() is not None


def _signal_group(pid: int, signal_number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal_number)
