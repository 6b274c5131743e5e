"""Finds pictures whose results would be one file, because the disk of the results does not tell their names apart.

APFS and NTFS do not know upper from lower case, and APFS does not know how an accent is written. The second result could not be
saved, and would be paid in each run. Two results with exactly one key are none of this module's business: submit refuses them.
"""

from __future__ import annotations

import os
import tempfile
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from darkroom_local.folder import plans
from darkroom_local.folder.uploads import Item


def shared(items: Iterable[Item], out: Path) -> dict[str, str]:
    """Return key → the other picture's key, for each item whose result would be one file with that of an item before it. The disk
    is asked only about pairs of names that some disk takes for one."""
    found: dict[str, str] = {}
    for alike in _groups(items):
        before: list[tuple[str, str]] = []  # the key of a result, and the key of its item
        for item in alike:
            place = plans.likeliest_key(item)
            other = next((key for at, key in before if at != place and _is_shared(at, place, out)), None)
            if other is None:
                before.append((place, item.key))
            else:
                found[item.key] = other
    return found


def _groups(items: Iterable[Item]) -> list[Sequence[Item]]:
    """Return the items whose results may get names that some disk takes for one, with others of that kind. No header is read for
    any other item."""
    groups: dict[str, dict[str, Item]] = {}
    names: dict[str, set[str]] = {}  # of all formats
    for item in items:
        for name in plans.result_keys(item):
            stem = os.path.splitext(_folded(name))[0]
            groups.setdefault(stem, {}).setdefault(item.key, item)
            names.setdefault(stem, set()).add(name)
    several = [(alike, names[stem]) for stem, alike in groups.items() if len(alike) > 1]
    return [list(alike.values()) for alike, known in several if len(known) > len({_folded(name) for name in known})]


def _is_shared(one: str, other: str, out: Path) -> bool:
    return _folded(one) == _folded(other) and _is_one_file(one, other, out)


def _folded(key: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", key).casefold())


def _is_one_file(one: str, other: str, out: Path) -> bool:
    """Return whether the disk of `out` takes two keys for one file, by making the first one in a temporary folder there. Return
    False if nothing can be written, because then the run says so."""
    home = next(place for place in (out.resolve(), *out.resolve().parents) if place.is_dir())
    try:
        with tempfile.TemporaryDirectory(prefix=".darkroom-", dir=home) as folder:
            made = Path(folder, *PurePosixPath(one).parts)
            made.parent.mkdir(parents=True, exist_ok=True)
            made.touch()
            return Path(folder, *PurePosixPath(other).parts).exists()
    except OSError:
        return False
