"""A port with state, to try the scheduler on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Store:
    """A port with state: what was done, and things that can still do something."""

    name: str = "store"
    done: list[str] = field(default_factory=list)

    def write(self, what: str) -> str:
        """Does something."""
        self.done.append(what)
        return f"wrote {what}"

    def reader(self, base: int) -> Callable[[int], int]:
        """A function that reads."""
        return lambda offset: self.done.append("read") or base + offset

    @contextmanager
    def opened(self) -> Iterator[Store]:
        """A part of it that is open for a while."""
        self.done.append("open")
        try:
            yield self
        finally:
            self.done.append("closed")

    def pieces(self) -> Iterator[bytes]:
        """Two pieces, each read when it is asked for."""
        for piece in (b"a", b"b"):
            self.done.append("piece")
            yield piece
