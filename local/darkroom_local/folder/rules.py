"""The `darkroom.toml` files of a folder of pictures: which ones count for a picture, and what they make of it.

It reads files of the operator's machine. A wrong one ends the command before anything starts, because submit would refuse all
pictures below it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from darkroom import folder_files
from darkroom.catalog import providers
from darkroom.errors import InvalidSetting
from darkroom.folder_files import FolderFile
from darkroom_local.folder.source import FolderSource

Files = tuple[tuple[str, bytes], ...]  # keys and contents, the nearest folder first


class WrongFile(ValueError):
    """A `darkroom.toml` is wrong, or cannot be read. The message says where, and what is allowed."""


@dataclass(frozen=True)
class FolderRules:
    """The files below a folder of pictures. Each is read once."""

    folder: Path
    _read: dict[str, bytes | None] = field(default_factory=dict, repr=False)

    def of(self, key: str) -> Files:
        """Return the files that count for the picture of that key. Raises WrongFile."""
        places = folder_files.keys_for(key)
        files = tuple((place, body) for place in places if (body := self._body(place)) is not None)
        parsed(files)
        return files

    def _body(self, place: str) -> bytes | None:
        if place not in self._read:
            self._read[place] = _body_of(FolderSource(self.folder), place)
        return self._read[place]


def _body_of(source: FolderSource, place: str) -> bytes | None:
    """Return the content of the file, None if there is none. Raises WrongFile if it cannot be read."""
    try:
        text = source.read("", place, datetime.now(UTC))
    except FileNotFoundError:  # it was removed just now
        return None
    except OSError as error:
        raise WrongFile(f"{place}: it cannot be read ({error.strerror}); make it readable, or move it away") from None
    return None if text is None else text.body


def parsed(files: Files) -> list[FolderFile]:
    """Return the files as submit reads them. Raises WrongFile."""
    try:
        return [folder_files.parse(place, body, providers()) for place, body in files]
    except InvalidSetting as fault:
        raise WrongFile(str(fault)) from None


def providers_named(files: Files, key: str) -> set[str]:
    """Return the providers that the files name for a picture, in settings or in presets. Raises WrongFile."""
    if not files:
        return set()
    read = parsed(files)
    named = [layer.values for file in read for layer in file.layers(key)]
    named += [settings for file in read for settings in file.presets.values()]
    return {value.lower() for values in named for name, value in values.items() if name.lower() == "provider"}


def presets_below(folder: Path) -> dict[str, Mapping[str, str]]:
    """Return the presets of all files below a folder, name → settings. Raises WrongFile."""
    source = FolderSource(folder)
    places = [key for key in source.files() if folder_files.is_folder_file(key)]
    texts = tuple((place, body) for place in places if (body := _body_of(source, place)) is not None)
    return folder_files.presets_of(parsed(texts))
