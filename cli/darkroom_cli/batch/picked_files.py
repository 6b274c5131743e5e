"""The files that `darkroom enhance` is given: which ones they are, and the key that each gets in the input bucket.

A file gets its name as its key, and the files of a folder get their paths below it. So a file has one key, whatever folder the
command is run in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from darkroom import folder_files
from darkroom_local.folder import earlier_results, left_out
from darkroom_local.folder.uploads import PICTURE_SUFFIXES, why_unusable
from darkroom_local.folder.walk import Walk, is_hidden, walk


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
    left_out: Sequence[str] = ()  # a line for each kind of file of folders that is no picture by its name, and why
    folder_files: Sequence[Path] = ()  # `darkroom.toml` files, which are not uploaded
    unusable: Sequence[
        tuple[PickedFile, str]
    ] = ()  # files of folders whose keys no upload may have, each with the reason
    results: int = 0  # files of folders that lie in the folder of results, or in one of a local run


def pick(paths: Sequence[Path], below: str = "", suffixes: Sequence[str] = (), out: Path | None = None) -> Picked:
    """Return the files that `paths` name, files or folders. `below` is put before each key, and `suffixes` are the stack's
    InputSuffixes. `out` is the folder of results: where it lies in a folder, the files in it are left out, or a repeated command
    would pay for results. Raises UnusableFiles for a path that does not exist, a file that is named and whose key no upload may
    have, and two files with one key."""
    found: dict[str, Path] = {}
    results, settings, unusable = 0, list[Path](), list[tuple[PickedFile, str]]()
    no_pictures, other_endings = list[tuple[str, Path]](), 0
    walks = {path: walk(path) for path in paths if path.is_dir()}
    inside, earlier = _inside(out, paths), _earlier(walks)
    for path, name, is_named in _all(paths, walks):
        if path in earlier or (inside and not is_named and path.parent.resolve().is_relative_to(inside)):
            results += 1
        elif folder_files.is_folder_file(name):
            settings.append(path)
        elif not is_named and path.suffix.lower() not in PICTURE_SUFFIXES:
            no_pictures.append((name, path))
        elif not is_named and not name.endswith(tuple(suffixes) or ""):
            other_endings += 1
        elif why := why_unusable(below + name, suffixes):
            if is_named:
                raise UnusableFiles(f"{str(path)!r}: {why}")
            unusable.append((PickedFile(path, below + name), why))
        else:
            _add(found, below + name, path)
    lines = [*left_out.lines_of(no_pictures, walks, PICTURE_SUFFIXES), *_other_endings(other_endings, suffixes)]
    if not found and not unusable:
        why = ": all of them are in --out or in another folder of results" if results else ""
        told = "".join(f"; {line}" for line in lines)
        raise UnusableFiles(f"there is no picture to upload in the files and folders that were given{why}{told}")
    return Picked([PickedFile(found[key], key) for key in sorted(found)], lines, settings, unusable, results)


def _other_endings(count: int, suffixes: Sequence[str]) -> list[str]:
    """Return the line about pictures that the stack does not take for their names, if there are any."""
    whose = "1 file whose name ends" if count == 1 else f"{count} files whose names end"
    return [f"left out: {whose} in none of the stack's InputSuffixes: {' '.join(suffixes)}"] if count else []


def _inside(out: Path | None, paths: Sequence[Path]) -> Path | None:
    """Return the folder of results if it is one of the folders of `paths`, or lies in one; otherwise None."""
    base = out.resolve() if out else None
    return base if base and any(path.is_dir() and base.is_relative_to(path.resolve()) for path in paths) else None


def _earlier(walks: Mapping[Path, Walk]) -> set[Path]:
    """Return the results of local runs in the folders."""
    return {file for folder, found in walks.items() for file in earlier_results.among(found.files, folder)}


def _all(paths: Sequence[Path], walks: Mapping[Path, Walk]) -> Iterator[tuple[Path, str, bool]]:
    """Yield each file, its name for the key, and whether it was named itself. Hidden files of folders are passed over."""
    for path in paths:
        if path in walks:
            for file in walks[path].files:
                if not is_hidden(file, path):
                    yield file, file.relative_to(path).as_posix(), False
        elif path.is_file():
            yield path, path.name, True
        else:
            raise UnusableFiles(f"{str(path)!r} is neither a file nor a folder")


def _add(found: dict[str, Path], key: str, path: Path) -> None:
    if key in found and found[key].resolve() != path.resolve():
        raise UnusableFiles(
            f"{str(found[key])!r} and {str(path)!r} would both be uploaded as {key!r}: send one of them with --to FOLDER/"
        )
    found[key] = path
