"""An example of a port with state, for the tests of the scheduler."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Store:
    """A port with state: it records what was done, and returns objects that can act later."""

    name: str = "store"
    done: list[str] = field(default_factory=list)

    def write(self, what: str) -> str:
        """Record an effect."""
        self.done.append(what)
        return f"wrote {what}"

    def reader(self, base: int) -> Callable[[int], int]:
        """Return a function that reads."""
        return lambda offset: self.done.append("read") or base + offset

    @contextmanager
    def opened(self) -> Iterator[Store]:
        """Yield a part of it that is open for a while."""
        self.done.append("open")
        try:
            yield self
        finally:
            self.done.append("closed")

    def pieces(self) -> Iterator[bytes]:
        """Yield two pieces; each is read when it is asked for."""
        for piece in (b"a", b"b"):
            self.done.append("piece")
            yield piece
