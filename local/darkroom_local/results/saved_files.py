"""Notes which results Darkroom saved in a folder, so that a newer result may replace an older one and nothing else.

The notes are a hidden file of the folder, a line of JSON for each result. Notes that are lost or broken only protect more files.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from darkroom_local.folder.earlier_results import NOTES


@dataclass
class SavedFiles:
    """The files that were saved in `folder`. Each is known by its path in it, its size, its time and a digest of its bytes."""

    folder: Path
    _base: Path = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._base = self.folder.resolve()

    def add(self, target: Path, file: Path) -> None:
        """Note that `file` becomes `target`. Repeat safe. Raises OSError."""
        stat = file.stat()
        facts = (self._name(target), stat.st_size, stat.st_mtime_ns)
        digest = _digest(file)
        if self._digests.get(facts) == digest:
            return
        line = json.dumps([*facts, digest])
        with (self.folder / NOTES).open("a", encoding="utf-8") as notes:
            notes.write(f"\n{line}\n")  # on a line of its own, also after one that was cut
        self._digests[facts] = digest
        self._by_name.setdefault(facts[0], set()).add(digest)

    def looks_saved(self, target: Path) -> bool:
        """Return whether the file has the size and the time of a file that was saved there. Raises OSError."""
        return self._facts(target) in self._digests

    def is_saved(self, target: Path) -> bool:
        """Return whether the file is, byte for byte, one that was saved there. Raises OSError."""
        digest = self._digests.get(self._facts(target))
        return digest is not None and digest == _digest(target)

    def looks_edited(self, target: Path) -> bool:
        """Return whether the notes know files that were saved there, and this is none of them. It is read only if it has not the
        size and the time of one. Raises OSError."""
        return self._name(target) in self._by_name and not self.looks_saved(target) and self.is_edited(target)

    def is_edited(self, target: Path) -> bool:
        """Return whether the notes know files that were saved there, and this is none of them, byte for byte. Raises OSError."""
        digests = self._by_name.get(self._name(target))
        return digests is not None and _digest(target) not in digests

    def _facts(self, target: Path) -> tuple[str, int, int]:
        stat = target.stat()
        return self._name(target), stat.st_size, stat.st_mtime_ns

    def _name(self, target: Path) -> str:
        return target.relative_to(self._base).as_posix()

    @cached_property
    def _by_name(self) -> dict[str, set[str]]:
        """The digests of all files that were saved at a path."""
        found: dict[str, set[str]] = {}
        for (name, _, _), digest in self._digests.items():
            found.setdefault(name, set()).add(digest)
        return found

    @cached_property
    def _digests(self) -> dict[tuple[str, int, int], str]:
        """The digests that the notes hold, by path, size in bytes, and time in nanoseconds."""
        try:
            lines = (self.folder / NOTES).read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return {}
        return {(name, size, time): digest for name, size, time, digest in filter(None, map(_parsed, lines))}


def _parsed(line: str) -> tuple[str, int, int, str] | None:
    try:
        name, size, time, digest = json.loads(line)
        return str(name), int(size), int(time), str(digest)
    except (ValueError, TypeError):
        return None


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
