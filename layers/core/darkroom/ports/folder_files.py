"""The port for the `darkroom.toml` files of the input bucket."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class FolderText:
    """The content of a file, with the time at which it was written. `body` is cut a little above the size that a valid file may
    have."""

    body: bytes
    last_modified: datetime


class FolderFiles(Protocol):
    """Reads `darkroom.toml` files. Answers may be as old as a minute, but never older than the caller asks for."""

    def read(self, bucket: str, key: str, as_of: datetime) -> FolderText | None:
        """Return the file as it was at `as_of` or later, None if there is none. Raises SourceDenied, SourceUnreadable."""
