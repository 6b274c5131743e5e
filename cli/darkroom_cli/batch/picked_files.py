"""The files that `darkroom enhance` is given: which ones they are, and the key that each gets in the input bucket.

A file gets its name as its key, and the files of a folder get their paths below it. So a file has one key, whatever folder the
command is run in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from darkroom import folder_files, output_keys

PICTURES = frozenset(suffix for suffixes in output_keys.SUFFIXES.values() for suffix in suffixes)


class UnusableFiles(ValueError):
    """The files cannot be uploaded as they were given. The message says which one, and what to do."""


@dataclass(frozen=True)
class PickedFile:
    """A file of this machine with the key of its upload."""

    path: Path
    key: str


@dataclass(frozen=True)
class Picked:
    """The files, sorted by key, and what a folder has beside them."""

    files: Sequence[PickedFile]
    left_out: int = 0  # files of folders whose names are no pictures', or end in none of the stack's InputSuffixes
    folder_files: Sequence[Path] = ()  # `darkroom.toml` files, which are not uploaded


def pick(paths: Sequence[Path], below: str = "", suffixes: Sequence[str] = ()) -> Picked:
    """Return the files that `paths` name, files or folders. `below` is put before each key, and `suffixes` are the stack's
    InputSuffixes. Raises UnusableFiles for a path that does not exist, a key that no upload may have, and two files with one
    key."""
    found: dict[str, Path] = {}
    left_out, settings = 0, list[Path]()
    for path, name, is_named in _all(paths):
        if folder_files.is_folder_file(name):
            settings.append(path)
        elif not is_named and not (path.suffix.lower() in PICTURES and name.endswith(tuple(suffixes) or "")):
            left_out += 1
        else:
            _add(found, below + name, path, suffixes)
    if not found:
        raise UnusableFiles("there is no picture to upload in the files and folders that were given")
    return Picked([PickedFile(found[key], key) for key in sorted(found)], left_out, settings)


def _all(paths: Sequence[Path]) -> Iterator[tuple[Path, str, bool]]:
    """Yield each file, its name for the key, and whether it was named itself. Hidden files of folders are passed over."""
    for path in paths:
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                name = file.relative_to(path)
                if file.is_file() and not any(part.startswith(".") for part in name.parts):
                    yield file, name.as_posix(), False
        elif path.is_file():
            yield path, path.name, True
        else:
            raise UnusableFiles(f"{str(path)!r} is neither a file nor a folder")


def _add(found: dict[str, Path], key: str, path: Path, suffixes: Sequence[str]) -> None:
    if key in found and found[key].resolve() != path.resolve():
        raise UnusableFiles(
            f"{str(found[key])!r} and {str(path)!r} would both be uploaded as {key!r}: send one of them with --to FOLDER/"
        )
    if not output_keys.is_upload(key, suffixes=suffixes):
        allowed = f"; the stack takes only {', '.join(suffixes)} (InputSuffixes)" if suffixes else ""
        raise UnusableFiles(f"{str(path)!r}: Darkroom takes no upload with the key {key!r}{allowed}")
    if len(key.encode()) > output_keys.S3_KEY_LIMIT_BYTES or not key.isprintable():
        raise UnusableFiles(f"{str(path)!r}: S3 takes keys of up to 1,024 bytes without control characters; rename it")
    found[key] = path
