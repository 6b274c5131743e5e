"""Tests that no file below a folder is passed over silently: what cannot be read, and links that are not followed, are named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from darkroom_cli.batch.picked_files import pick
from darkroom_local.folder import left_out
from darkroom_local.folder.source import FolderSource
from darkroom_local.folder.uploads import PICTURE_SUFFIXES, items_in
from darkroom_local.folder.walk import walk

JPEG = b"\xff\xd8\xff"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with links, a folder `closed` that may not be listed, and a file `denied.jpg` that may not be looked at."""
    made = tmp_path / "photos"
    for name in ("a.jpg", "trip/b.jpg", "closed/c.jpg", ".hidden/d.jpg", "denied.jpg"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(JPEG)
    (made / "to a file.jpg").symlink_to(made / "a.jpg")
    (made / "to a folder").symlink_to(made / "trip")
    (made / "to nothing.jpg").symlink_to(made / "gone.jpg")
    (made / "too long.jpg").symlink_to("x" * 300)
    (made / ".hidden" / "link").symlink_to(made / "trip")
    os.mkfifo(made / "pipe.jpg")
    _deny(monkeypatch, made)
    return made


def _deny(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Refuse as the system does for a user who is not root."""
    scan, look = os.scandir, Path.stat

    def scandir(path: Any) -> Any:
        if str(path) == str(folder / "closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    def stat(path: Path, **options: Any) -> os.stat_result:
        if path.name == "denied.jpg":
            raise PermissionError(13, "Permission denied", str(path))
        return look(path, **options)

    monkeypatch.setattr(os, "scandir", scandir)
    monkeypatch.setattr(Path, "stat", stat)


def test_everything_below_a_folder_is_in_one_of_the_lists(folder: Path) -> None:
    found = walk(folder)
    assert [path.relative_to(folder).as_posix() for path in found.files] == [
        ".hidden/d.jpg", "a.jpg", "to a file.jpg", "trip/b.jpg",
    ]  # fmt: skip
    assert [path.name for path in found.unreadable] == ["closed", "denied.jpg", "too long.jpg"]
    assert [path.name for path in found.links] == ["link", "to a folder", "to nothing.jpg"]


def test_each_command_takes_the_same_files_and_names_the_others(folder: Path) -> None:
    taken = ["a.jpg", "to a file.jpg", "trip/b.jpg"]
    items = items_in(folder, {})
    picked = pick([folder])
    assert (
        [item.key for item in items]
        == taken
        == list(FolderSource(folder).files())
        == [file.key for file in picked.files]
    )
    reached = [line for line in left_out.lines(folder, None, items, PICTURE_SUFFIXES) if "hidden" not in line]
    assert reached == list(picked.left_out) == [
        "left out: 3 unreadable: closed, denied.jpg, too long.jpg. Your user may not read them.",
        "left out: 2 linked: to a folder, to nothing.jpg. Links to folders are not followed. Name the linked folder itself, or "
        "copy it.",
    ]  # fmt: skip
