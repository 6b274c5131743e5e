"""Finds the files below a folder, and what it could not look into, so that nothing is passed over silently."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Walk:
    """What lies below a folder, each list sorted. Folders themselves, sockets and the like are in none of them."""

    files: Sequence[Path]  # also links to files
    unreadable: Sequence[Path]  # folders and files that the operator's user may not look at
    links: Sequence[Path]  # links to folders, which are not followed, and links that lead nowhere


def walk(folder: Path) -> Walk:
    """Return what lies below a folder. An error is no reason to stop: what cannot be looked at is in `unreadable`."""
    files, unreadable, links = list[Path](), list[Path](), list[Path]()
    for place, folders, names in os.walk(folder, onerror=lambda error: unreadable.append(Path(error.filename))):
        links += [path for path in map(Path(place).joinpath, folders) if path.is_symlink()]
        for path in map(Path(place).joinpath, names):
            try:
                if path.is_file():
                    files.append(path)
                elif path.is_symlink():
                    links.append(path)
            except OSError:
                unreadable.append(path)
    return Walk(sorted(files), sorted(unreadable), sorted(links))


def is_hidden(path: Path, folder: Path) -> bool:
    """Return whether the name of the path, or of a folder above it and below `folder`, begins with a dot."""
    return any(part.startswith(".") for part in path.relative_to(folder).parts)
