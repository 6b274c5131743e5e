"""Says which pictures have the same bytes. Each of them is paid for, so people learn it before they pay."""

from __future__ import annotations

import contextlib
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

GROUPS_SHOWN, KEYS_SHOWN = 5, 3  # the JSON of `darkroom plan` has all


def lines(groups: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield lines about groups of keys with the same bytes: the first groups with some of their keys, then the sum."""
    for keys in groups[:GROUPS_SHOWN]:
        more = f" and {len(keys) - KEYS_SHOWN:,} more" if len(keys) > KEYS_SHOWN else ""
        yield f"the same bytes, paid for each: {', '.join(keys[:KEYS_SHOWN])}{more}"
    if len(groups) > GROUPS_SHOWN:
        others = sum(len(keys) - 1 for keys in groups)
        yield f"… and {len(groups) - GROUPS_SHOWN:,} more groups; in all, {others:,} pictures are copies of others"


def of_files(paths: Mapping[str, Path]) -> list[list[str]]:
    """Return the groups of keys (key → file) whose files have the same bytes. Only files of equal size are read. A file that
    cannot be read is in no group."""
    by_size, by_content = defaultdict[int, list[str]](list), defaultdict[tuple[int, bytes], list[str]](list)
    for key, path in paths.items():
        with contextlib.suppress(OSError):
            by_size[path.stat().st_size].append(key)
    for size, keys in by_size.items():
        for key in keys if len(keys) > 1 else ():
            with contextlib.suppress(OSError), paths[key].open("rb") as file:
                by_content[size, hashlib.file_digest(file, "sha256").digest()].append(key)
    return [keys for keys in by_content.values() if len(keys) > 1]
