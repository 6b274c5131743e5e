"""Finds the results of earlier commands among the files of a folder, so that no command sends and pays for them as pictures.

A folder of results holds the account of its local runs in `.darkroom`, or the notes of `enhance`. This module only looks.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

ACCOUNT = ".darkroom"  # a folder
NOTES = ".darkroom-results.jsonl"  # a file


def among(files: Iterable[Path], folder: Path) -> set[Path]:
    """Return those of the files below `folder` that lie in a folder of results below it. Where `folder` is a folder of results
    itself, its files are meant, and not returned for that."""
    found = list(files)
    places = {place for file in found for place in file.parents if folder in place.parents}
    homes = {place for place in places if (place / ACCOUNT).is_dir() or (place / NOTES).is_file()}
    return {file for file in found if not homes.isdisjoint(file.parents)}
