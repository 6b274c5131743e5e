"""Puts a report's page at its place on this machine: all of it or nothing, and never in the place of somebody else's file."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from urllib.parse import quote

from darkroom_cli.html_report.page_contents import PageContents
from darkroom_cli.html_report.page_rendering import IMAGE_NAMES, MARKER, Images, write

SHOWN_BY_BROWSERS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif"})
HEAD_BYTES = 1024  # the marker is among the first bytes of a page


class NotWritable(Exception):
    """The page cannot be written. The message says why and what to do."""


def save(contents: PageContents, target: Path, *, link: bool = False) -> None:
    """Write the page, and with `link` its images into a folder beside it; pictures of this machine that browsers show are then
    linked themselves. An older page there is replaced. Raises NotWritable."""
    unfinished = target.with_name(f".{target.name}.partial")
    try:
        check(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        folder = target.with_name(f"{target.stem}_files")
        with unfinished.open("wb") as file:
            if link:
                write(contents, file, _linked(folder), partial(_own_file, target.resolve().parent))
            else:
                write(contents, file)
        os.replace(unfinished, target)
    except OSError as error:
        raise NotWritable(f"the page {str(target)!r} cannot be written: {error.strerror or error}") from None
    finally:
        unfinished.unlink(missing_ok=True)


def check(target: Path) -> None:
    """Raise NotWritable if something stands there that is no page of an earlier report."""
    if target.is_dir():
        raise NotWritable(f"{str(target)!r} is a folder. Name a file with --out")
    if target.exists():
        with target.open("rb") as file:
            if MARKER.encode() not in file.read(HEAD_BYTES):
                raise NotWritable(
                    f"{str(target)!r} is there and is no report of Darkroom. Name another file with --out"
                )


def _linked(folder: Path) -> Images:
    """Return the function that saves an image in the folder and returns its address. Images of an older page are removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in IMAGE_NAMES:
        for old in folder.glob(f"[0-9]*-{name}.webp"):
            old.unlink()

    def save_image(number: int, name: str, data: bytes) -> str:
        path = folder / f"{number}-{name}.webp"
        path.write_bytes(data)
        return f"{quote(folder.name)}/{path.name}"

    return save_image


def _own_file(folder: Path, picture: Path) -> str | None:
    """Return the address of a picture from a page in that folder, None if browsers do not show its format."""
    if picture.suffix.lower() not in SHOWN_BY_BROWSERS:
        return None
    return quote(Path(os.path.relpath(picture.resolve(), folder)).as_posix())
