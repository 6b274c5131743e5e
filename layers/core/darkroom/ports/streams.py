"""Streams that carry images and results between a bucket and a provider."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, Protocol

StageResult = Callable[[str, Iterator[bytes]], None]  # called with (process_id, chunks); stages all bytes or nothing


@dataclass(frozen=True)
class ImageStream:
    """An image to send. Each call of `open` returns a new stream of exactly `size_bytes`. Each call of `link` returns a new
    presigned URL that contains the job's handle. The caller uses the URL at once and stores it nowhere."""

    open: Callable[[], IO[bytes]]
    link: Callable[[], str]
    size_bytes: int
    content_type: str
    filename_suffix: str  # e.g. `.jpeg`


class Reader(Protocol):
    """A source of bytes."""

    def readinto(self, buffer: memoryview) -> int:
        """Read the next bytes into `buffer` and return their number, or 0 at the end. Raises ResultNotReady, OSError."""


class ResultLink(Protocol):
    """One open download of a result. Its text form shows no link."""

    size_bytes: int
    has_parts: bool  # true if `part` works; then several threads may use it at a time

    def part(self, offset: int, length: int) -> AbstractContextManager[Reader]:
        """Open `length` bytes from `offset` by a separate request. Any number of threads may call this. Raises
        ResultNotReady."""

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`. Raises ResultNotReady if the link or the connection fails."""

    def stream(self) -> Iterator[bytes]:
        """Yield all bytes in chunks of at most 256 KiB. Raises ResultNotReady unless exactly `size_bytes` came."""
