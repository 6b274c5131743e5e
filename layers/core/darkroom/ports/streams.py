"""Streams: the images and results that pass between a bucket and a provider."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, Protocol

StageResult = Callable[[str, Iterator[bytes]], None]  # (process_id, chunks): stages all bytes of a result, or nothing


@dataclass(frozen=True)
class ImageStream:
    """An image to send. Each call of `open` returns a new stream of exactly `size_bytes`. Each call of `link` returns a new
    presigned GET that contains the job's handle; use it at once and store it nowhere."""

    open: Callable[[], IO[bytes]]
    link: Callable[[], str]
    size_bytes: int
    content_type: str
    filename_suffix: str  # e.g. `.jpeg`


class Reader(Protocol):
    """A source of bytes."""

    def readinto(self, buffer: memoryview) -> int:
        """Read the next bytes into the buffer and return their number, 0 at the end. Raises ResultNotReady, OSError."""


class ResultLink(Protocol):
    """One open download of a result. Its text form shows no link."""

    size_bytes: int
    has_parts: bool  # whether `part` works, also for several parts at a time

    def part(self, offset: int, length: int) -> AbstractContextManager[Reader]:
        """Open `length` bytes from `offset` by a request of its own. Any number of threads may call it. Raises
        ResultNotReady."""

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`. Raises ResultNotReady if the link or the connection fails."""

    def stream(self) -> Iterator[bytes]:
        """Yield all bytes in chunks of at most 256 KiB. Raises ResultNotReady unless exactly `size_bytes` came."""
