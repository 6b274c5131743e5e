"""Tests which files of DIR `darkroom enhance --out DIR` replaces: its own results as it saved them, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.application import ApplicationUnderTest
from tests.integration.enhance_support import enhanced, folder_of_photos, versions, working
from tests.unit.cli_support import deployed

from darkroom_cli.stack import batch_reader
from darkroom_local.results.saved_files import NOTES


@pytest.fixture
def application(monkeypatch: pytest.MonkeyPatch) -> Iterator[ApplicationUnderTest]:
    with deployed(emulates_s3=True) as stack:
        monkeypatch.setattr(batch_reader, "pause", working(stack.application))
        yield stack.application


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return folder_of_photos(tmp_path / "photos", 1) / "0.jpg"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def later(application: ApplicationUnderTest, photo: Path, out: Path) -> Path:
    """The result of a first command, whose picture a second one without --out has sent again with other settings."""
    enhanced(photo, "--set", "scale=2", "--out", out)
    enhanced(photo, "--set", "scale=4", "--watch")
    return out / "0.jpg"


def test_a_result_is_replaced_by_that_of_a_command_that_had_no_folder(
    application: ApplicationUnderTest, photo: Path, out: Path, later: Path
) -> None:
    older = later.read_bytes()
    (one,) = enhanced(photo, "--set", "scale=4", "--out", out)
    assert (one["fate"], one["result"]) == ("sent before", str(later))
    assert older != later.read_bytes() == application.cloud.body("0.jpg")
    assert versions(application) == 2


@pytest.mark.parametrize("keeps_time", [False, True])
def test_a_result_that_was_edited_is_never_replaced(photo: Path, out: Path, later: Path, *, keeps_time: bool) -> None:
    saved, edited = later.stat(), bytes(reversed(later.read_bytes()))
    later.write_bytes(edited)  # as long as before
    if keeps_time:
        os.utime(later, ns=(saved.st_atime_ns, saved.st_mtime_ns))
    (one,) = enhanced(photo, "--set", "scale=4", "--out", out, code=1)
    assert "is in the way: move it" in one["message"]
    assert later.read_bytes() == edited
    later.rename(later.with_name("mine.jpg"))
    enhanced(photo, "--set", "scale=4", "--out", out)


def test_a_result_that_is_edited_after_the_upload_is_not_replaced(
    application: ApplicationUnderTest, photo: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enhanced(photo, "--set", "scale=2", "--out", out)
    work = batch_reader.pause

    def edit(seconds: float) -> None:
        (out / "0.jpg").write_bytes(b"edited")
        work(seconds)

    monkeypatch.setattr(batch_reader, "pause", edit)
    (one,) = enhanced(photo, "--set", "scale=4", "--out", out, code=1)
    assert "is in the way: move it" in one["message"]
    assert (out / "0.jpg").read_bytes() == b"edited"


def test_an_edited_result_is_found_before_another_one_is_paid(
    application: ApplicationUnderTest, photo: Path, out: Path
) -> None:
    enhanced(photo, "--set", "scale=2", "--out", out)
    (out / "0.jpg").write_bytes(b"edited")
    (one,) = enhanced(photo, "--set", "scale=4", "--out", out, code=1)
    assert "is no result of Darkroom" in one["message"]
    assert versions(application) == 1


def test_notes_that_were_cut_or_removed_protect_the_files(photo: Path, out: Path, later: Path) -> None:
    notes = out / NOTES
    whole = notes.read_text()
    for broken in (whole[: len(whole) // 2], "[]\n\xff\n{}\n", ""):
        notes.write_bytes(broken.encode("latin-1"))
        (one,) = enhanced(photo, "--set", "scale=4", "--out", out, code=1)
        assert "is in the way: move it" in one["message"]
    notes.write_text(whole[: len(whole) // 2] + "\n" + whole)
    enhanced(photo, "--set", "scale=4", "--out", out)


def test_a_second_result_replaces_a_third(photo: Path, out: Path, later: Path) -> None:
    enhanced(photo, "--set", "scale=4", "--out", out)
    enhanced(photo, "--set", "scale=2", "--again", "--watch")
    enhanced(photo, "--set", "scale=2", "--out", out)
