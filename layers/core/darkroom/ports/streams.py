"""Bytes that pass between a bucket and a provider."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import IO, Protocol

StageResult = Callable[[str, Iterator[bytes]], None]  # `keep(process_id, pieces)`: stages a result, whole or not at all


@dataclass(frozen=True)
class ImageStream:
    """An image to send: `open` starts a fresh stream at the first byte each time, which yields exactly `size_bytes`;
    `link` mints a presigned GET that carries the job's handle. It is used at once and stored nowhere."""

    open: Callable[[], IO[bytes]]
    link: Callable[[], str]
    size_bytes: int
    content_type: str
    filename_suffix: str  # e.g. `.jpeg`


class Reader(Protocol):
    """Bytes that arrive."""

    def readinto(self, buffer: memoryview) -> int:
        """Puts the next bytes into the buffer and answers how many, 0 at the end. Raises ResultNotReady, OSError."""


class ResultLink(Protocol):
    """One freshly minted download of a result. Its text form shows no link."""

    size_bytes: int
    has_parts: bool  # whether parts can be read apart, several at a time

    def part(self, offset: int, length: int) -> AbstractContextManager[Reader]:
        """That part, by a request of its own; for any number of threads. Raises ResultNotReady."""

    def read(self, offset: int, length: int) -> bytes:
        """A ranged read. Raises ResultNotReady when the link or the connection fails."""

    def stream(self) -> Iterator[bytes]:
        """All bytes, in pieces of at most 256 KiB. Raises ResultNotReady unless exactly `size_bytes` came."""
