"""The `darkroom.toml` files of a bucket, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from darkroom.ports import FolderText


@dataclass(frozen=True)
class MemoryFolderFiles:
    """Fulfils `ports.FolderFiles` with the texts of `files`, by key."""

    files: Mapping[str, str] = field(default_factory=dict)

    def read(self, bucket: str, key: str, as_of: datetime) -> FolderText | None:
        """Return the file of that key, as if it was written at `as_of`."""
        text = self.files.get(key)
        return None if text is None else FolderText(text.encode(), as_of)
