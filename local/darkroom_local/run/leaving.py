"""Lets a run be stopped. After the first Ctrl-C or SIGTERM it sends no more and waits for open jobs; the second one ends it.
SIGHUP, which comes when the terminal is closed, ends it at once as the second one does."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_STREAMS = (0, 1, 2)  # standard input, output and error


class HungUp(KeyboardInterrupt):
    """The terminal was closed."""


@dataclass
class Leaving:
    """Holds the signal that asked a run to leave; 0 if there was none. Calling the object returns whether there was one, and
    raises KeyboardInterrupt if a second one came."""

    signal_number: int = 0
    is_urgent: bool = False

    def __call__(self) -> bool:
        if self.is_urgent:  # Python drops an exception of the handler that is raised while a finalizer runs
            raise self._interrupt()
        return bool(self.signal_number)

    @property
    def exit_code(self) -> int:
        """The exit code that shells use for a command that was ended by the signal."""
        return 128 + self.signal_number

    def heard(self, number: int, _: object) -> None:
        """Note the first signal. Raises KeyboardInterrupt at the second signal, and HungUp at SIGHUP."""
        if number == signal.SIGHUP:
            give_up_terminal()
        self.is_urgent = bool(self.signal_number) or number == signal.SIGHUP
        if number == signal.SIGHUP or not self.signal_number:
            self.signal_number = number
        if self.is_urgent:
            raise self._interrupt()

    def _interrupt(self) -> KeyboardInterrupt:
        return HungUp() if self.signal_number == signal.SIGHUP else KeyboardInterrupt()


@contextlib.contextmanager
def heeded() -> Iterator[Leaving]:
    """Handle the signals while a block runs. The block must run in the main thread."""
    leaving = Leaving()
    with handled(leaving.heard, _SIGNALS):
        yield leaving


@contextlib.contextmanager
def handled(handler: Callable[[int, object], object], numbers: Iterable[int]) -> Iterator[None]:
    """Let the handler get these signals while a block runs. A SIGHUP that is ignored stays so: whoever started the command by
    nohup wants it to go on."""
    is_kept = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    taken = [number for number in numbers if number != signal.SIGHUP or not is_kept]
    before = {number: signal.signal(number, handler) for number in taken}
    try:
        yield
    finally:
        for number, handler_before in before.items():
            signal.signal(number, handler_before)


def give_up_terminal() -> None:
    """Let standard streams that are a terminal lead nowhere, because a closed one refuses every write. Ignore further SIGHUPs:
    the shell and the system may each send one."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in _STREAMS:
        with contextlib.suppress(OSError):  # somebody has closed the stream
            if stat.S_ISCHR(os.fstat(stream).st_mode):  # a terminal that is closed no longer says that it is one
                os.dup2(nowhere, stream)
    os.close(nowhere)
