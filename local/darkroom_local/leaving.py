"""Leaving a run: the first Ctrl-C or SIGTERM asks it to send no more and to wait for what is under way; the second ends it."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from dataclasses import dataclass

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class Leaving:
    """Whether a run was asked to leave, and by which signal."""

    signal_number: int = 0

    def __call__(self) -> bool:
        return bool(self.signal_number)

    @property
    def exit_code(self) -> int:
        """What a shell expects of a command that ended by the signal."""
        return 128 + self.signal_number

    def heard(self, number: int, _: object) -> None:
        """Notes the first signal. Raises KeyboardInterrupt at the second."""
        if self.signal_number:
            raise KeyboardInterrupt
        self.signal_number = number


@contextlib.contextmanager
def heeded() -> Iterator[Leaving]:
    """Listens to both signals for the length of a block, which belongs to the main thread."""
    leaving = Leaving()
    before = {number: signal.signal(number, leaving.heard) for number in _SIGNALS}
    try:
        yield leaving
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
