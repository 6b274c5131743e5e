"""An example of a port with state, for the tests of the scheduler."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Store:
    """A port that records in `done` what was done. Some of its methods return objects that can act later."""

    name: str = "store"
    done: list[str] = field(default_factory=list)

    def write(self, what: str) -> str:
        """Record `what` as done."""
        self.done.append(what)
        return f"wrote {what}"

    def reader(self, base: int) -> Callable[[int], int]:
        """Return a function that records a read and returns `base` plus its argument."""
        return lambda offset: self.done.append("read") or base + offset

    @contextmanager
    def opened(self) -> Iterator[Store]:
        """Yield this store. Record when it is opened and when it is closed."""
        self.done.append("open")
        try:
            yield self
        finally:
            self.done.append("closed")

    def pieces(self) -> Iterator[bytes]:
        """Yield two pieces. Each is recorded when the caller asks for it."""
        for piece in (b"a", b"b"):
            self.done.append("piece")
            yield piece
