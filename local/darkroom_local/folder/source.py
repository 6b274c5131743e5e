"""A folder of this machine in the place of the input bucket, for commands that only look: it needs no AWS and no other package.

It fulfils `ports.InputBucket`, as far as a quote needs it, and `ports.FolderFiles`. A key is a file's path below the folder.
Files have no tags and no metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from darkroom import folder_files
from darkroom.errors import SourceGone
from darkroom.model import SourceObject, Upload
from darkroom.ports import FolderText
from darkroom_local.folder import earlier_results
from darkroom_local.folder.walk import is_hidden, walk


@dataclass(frozen=True)
class FolderSource:
    """The files below `root`, and those that lie elsewhere: key → path. Every method that reads may raise OSError."""

    root: Path
    elsewhere: Mapping[str, Path] = field(default_factory=dict)

    def files(self) -> Iterator[str]:
        """Yield the keys of all files, sorted. Hidden files and folders, and results of local runs, are passed over."""
        found = walk(self.root).files
        for path in sorted(set(found) - earlier_results.among(found, self.root)):
            if not is_hidden(path, self.root):
                yield path.relative_to(self.root).as_posix()

    def find(self, upload: Upload) -> SourceObject:
        """Return the file as an object. Raises SourceGone."""
        try:
            stat = self._path(upload.key).stat()
        except FileNotFoundError:
            raise SourceGone(f"{upload.key} is no longer there") from None
        changed = datetime.fromtimestamp(stat.st_mtime, UTC)
        return SourceObject(upload.bucket, upload.key, None, "", stat.st_size, changed)

    def identify(self, upload: Upload) -> SourceObject:
        """Return the same as `find`."""
        return self.find(upload)

    def tags(self, source: SourceObject) -> dict[str, str]:
        """Return no tags: files have none."""
        return {}

    def is_deleted(self, source: SourceObject) -> bool:
        """Whether the file is gone."""
        return not self._path(source.key).exists()

    def reader(self, source: SourceObject) -> Callable[[int, int], bytes]:
        """Return `read(offset, length)`."""

        def read(offset: int, length: int) -> bytes:
            with self._path(source.key).open("rb") as file:
                file.seek(offset)
                return file.read(length)

        return read

    def open(self, source: SourceObject) -> IO[bytes]:
        """Return a stream of the file."""
        return self._path(source.key).open("rb")

    def page(self, bucket: str, prefix: str, cursor: str | None) -> tuple[list[SourceObject], str | None]:
        """Return all files whose keys begin with the prefix, as one page."""
        return [self.find(Upload(bucket, key)) for key in self.files() if key.startswith(prefix)], None

    def read(self, bucket: str, key: str, as_of: datetime) -> FolderText | None:
        """Return the `darkroom.toml` of that key, None if there is none."""
        path = self._path(key)
        if not path.is_file():
            return None
        with path.open("rb") as file:
            body = file.read(folder_files.MAX_BYTES + 1)
        return FolderText(body, datetime.fromtimestamp(path.stat().st_mtime, UTC))

    def _path(self, key: str) -> Path:
        return self.elsewhere.get(key) or self.root.joinpath(*key.split("/"))
