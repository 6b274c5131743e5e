"""Lets a run be stopped. After the first Ctrl-C or SIGTERM it sends no more and waits for open jobs; the second one ends it."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from dataclasses import dataclass

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class Leaving:
    """Holds the signal that asked a run to leave; 0 if there was none. Calling the object returns whether there was one, and
    raises KeyboardInterrupt if a second one came."""

    signal_number: int = 0
    is_urgent: bool = False

    def __call__(self) -> bool:
        if self.is_urgent:  # Python drops an exception of the handler that is raised while a finalizer runs
            raise KeyboardInterrupt
        return bool(self.signal_number)

    @property
    def exit_code(self) -> int:
        """The exit code that shells use for a command that was ended by the signal."""
        return 128 + self.signal_number

    def heard(self, number: int, _: object) -> None:
        """Note the first signal. Raises KeyboardInterrupt at the second signal."""
        if self.signal_number:
            self.is_urgent = True
            raise KeyboardInterrupt
        self.signal_number = number


@contextlib.contextmanager
def heeded() -> Iterator[Leaving]:
    """Handle both signals while a block runs. The block must run in the main thread."""
    leaving = Leaving()
    before = {number: signal.signal(number, leaving.heard) for number in _SIGNALS}
    try:
        yield leaving
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
