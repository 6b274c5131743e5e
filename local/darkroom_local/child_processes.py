"""Child processes that leave nothing behind: each heads a process group of its own, and is ended with all of it.

It knows nothing of what the children are. It must not pass the environment on: callers say what a child sees.
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

_GRACE_SECONDS = 3.0
_LOOK_SECONDS = 0.02
_TAIL_BYTES = 4000


class ChildFailed(Exception):
    """A child ended, or was not ready in time; carries the end of its log."""


@dataclass(frozen=True)
class Child:
    """A running child, its log, and how to tell it from a later process with the same id."""

    process: subprocess.Popen[bytes]
    log: Path
    name: str

    @property
    def pid(self) -> int:
        """Its process id, which is its group's too."""
        return self.process.pid

    def log_text(self) -> str:
        """What it has written so far, standard output and error together."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_for(self, ready: Callable[[], bool], seconds: float) -> None:
        """Returns once `ready` is true. Raises ChildFailed when the child ends first or time runs out."""
        until = time.monotonic() + seconds
        while not ready():
            code = self.process.poll()
            if code is not None or time.monotonic() > until:
                why = "was not ready in time" if code is None else f"ended with code {code}"
                raise ChildFailed(f"The {self.name} {why}. The end of its log:\n{self.log_text()[-_TAIL_BYTES:]}")
            time.sleep(_LOOK_SECONDS)


def start(name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Child:
    """Starts a child in `folder`, with its log there. It does not hear the terminal's Ctrl-C: its parent ends it."""
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
    """Ends the child and its group when the block is left, however it is left."""
    with ending_all() as one:
        one[child.name] = child
        yield child


@contextlib.contextmanager
def ending_all() -> Iterator[dict[str, Child]]:
    """Ends, side by side, the children that the block put into the mapping, however it is left."""
    started: dict[str, Child] = {}
    try:
        yield started
    finally:
        end_groups({child.pid: functools.partial(_is_over, child) for child in started.values()})
        for child in started.values():
            child.process.wait()


def end_groups(ended: Mapping[int, Callable[[], bool]]) -> None:
    """Asks the groups to end, waits up to three seconds for their heads, then kills what is left of them. Repeat safe.

    `ended` says of each group's id whether its head has ended.
    """
    for pid in ended:
        _signal_group(pid, signal.SIGTERM)
    until = time.monotonic() + _GRACE_SECONDS
    while not all(is_over() for is_over in ended.values()) and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
    for pid in ended:
        _signal_group(pid, signal.SIGKILL)


def is_running(pid: int, marker: str) -> bool:
    """Whether `pid` is alive and its command line has `marker`: a later process with the same id is not ours to end."""
    command_file = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self/cmdline").exists():
        with contextlib.suppress(OSError):
            return marker in command_file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return False
    answer = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return marker in answer.stdout


def _is_over(child: Child) -> bool:
    return child.process.poll() is not None


def _signal_group(pid: int, signal_number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal_number)
