"""The files of results on the operator's machine: where a key may be written, and how a file appears there whole or not at all.

Keys come from a bucket and are not trusted. No key may lead out of the folder by `..`, an absolute path or a symbolic link. This
module needs no optional package.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from darkroom.output_keys import result_keys
from darkroom_local.machine.disk_sync import sync_folder
from darkroom_local.machine.file_names import refused_characters


class UnsafeKey(Exception):
    """A result must not be written under its key, because that would lead out of the folder or replace another file."""


class InTheWay(UnsafeKey):
    """A file that is no result, or that was edited since it was saved, lies where a result must be written."""


def check_targets(out: Path, key: str) -> None:
    """Raise UnsafeKey if a result of the upload, in any format, could not be written below `out`. Raises OSError if the disk
    does not take the result's name."""
    target = safe_target(out, key)
    if not target.parent.is_dir():
        in_the_way = [above for above in target.parents if above.exists() and not above.is_dir()]
    else:
        possible = [target.with_name(PurePosixPath(other).name) for other in result_keys(key)]
        in_the_way = [path for path in possible if path.is_symlink() or path.is_dir()]
    if in_the_way:
        raise UnsafeKey(f"The result cannot be written to {str(target)!r}: {str(in_the_way[0])!r} is in the way.")


def safe_target(out: Path, key: str) -> Path:
    """Return the path below `out` that a key names. Raises UnsafeKey."""
    parts = key.split("/")
    if not all(parts) or {".", ".."} & set(parts) or "\\" in key or PurePosixPath(key).is_absolute():
        raise UnsafeKey(f"The key {key!r} is not written to disk, because it is no plain path below a folder.")
    if odd := refused_characters(key):
        raise UnsafeKey(f"The key {key!r} is not written to disk, because it has {odd}, which terminals do not show.")
    base = out.resolve()
    target = base.joinpath(*parts)
    if not target.parent.resolve().is_relative_to(base) or target.is_symlink():
        raise UnsafeKey(f"The key {key!r} is not written to disk, because a link in {str(out)!r} leads out of it.")
    return target


@contextlib.contextmanager
def written_whole(target: Path, check: Callable[[Path], None]) -> Iterator[BinaryIO]:
    """Yield a file that becomes `target` when the block ends, and is removed if the block fails. Raises OSError.

    `check` is called with the path of the whole file, before it replaces anything; its error leaves `target` as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    # A hash of the name, because the name with a suffix may be too long for the file system.
    partial = target.with_name(f".{hashlib.sha256(target.name.encode()).hexdigest()[:16]}.partial")
    partial.unlink(missing_ok=True)
    try:
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        check(partial)
        os.replace(partial, target)
        sync_folder(target.parent)
    finally:
        partial.unlink(missing_ok=True)
