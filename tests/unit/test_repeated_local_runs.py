"""Tests that a repeated `darkroom local run` loses nothing that an earlier one paid for, and says what it will cost."""

from __future__ import annotations

import csv
import os
import shutil
import signal
from pathlib import Path

import pytest
from tests.unit.local_account_support import Runs, runs

from darkroom.model import JobStatus
from darkroom_local.folder.uploads import Item
from darkroom_local.results.downloads import Outcome
from darkroom_local.results.job_views import JobView
from darkroom_local.run import closing_report
from darkroom_local.run.credits_csv import CREDITS_FILE, ended_jobs

__all__ = ["runs"]


def test_a_run_that_ends_before_it_sends_keeps_the_paid_results_that_wait(runs: Runs) -> None:
    result = runs.waits(runs.item())
    runs.signal_number = signal.SIGINT
    said = runs.command()
    assert result.read_bytes() == b"paid"
    assert "1 submitted by an earlier run, and not brought home yet. Run the same command again" in said
    assert "not sent, and not paid" not in said


def test_a_run_of_nothing_but_an_unusable_file_keeps_the_paid_results_that_wait(runs: Runs) -> None:
    result = runs.waits(runs.item())
    runs.item().path.write_bytes(b"")
    runs.command()
    assert result.read_bytes() == b"paid"


def test_a_run_of_another_folder_keeps_the_paid_results_that_wait(runs: Runs) -> None:
    result = runs.waits(runs.item())
    other = runs.picture("b.jpg", folder=runs.folder.with_name("other")).parent
    runs.command(folder=other)
    assert result.read_bytes() == b"paid"


def test_a_run_forgets_the_kept_results_once_all_are_in_the_folder(runs: Runs) -> None:
    runs.done(runs.item())
    left = runs.kept / "left"
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_bytes(b"")
    runs.picture("b.jpg")
    runs.command()
    assert not left.exists()


def test_the_result_of_another_folders_file_is_not_replaced_and_nothing_is_paid(runs: Runs) -> None:
    runs.done(runs.item())
    other = runs.picture(colour="blue", folder=runs.folder.with_name("other")).parent
    said = runs.command(folder=other)
    assert not runs.sent
    assert f"is the result of '{runs.item().path}', which would be replaced" in said
    assert "Give another --out" in said
    assert "1 skipped: done before" in runs.command()


def test_a_file_whose_result_was_moved_away_makes_room_for_another_folders(runs: Runs) -> None:
    runs.done(runs.item()).unlink()
    other = runs.picture(colour="blue", folder=runs.folder.with_name("other")).parent
    runs.command(folder=other)
    assert [item.path for item in runs.sent] == [other / "a.jpg"]


def test_an_original_that_was_edited_is_no_other_folders_file(runs: Runs) -> None:
    runs.done(runs.item())
    runs.picture(colour="blue")
    runs.command()
    assert [item.key for item in runs.sent] == ["a.jpg"]


@pytest.mark.parametrize("keeps_times", [True, False])
def test_a_folder_that_was_moved_or_copied_is_done_and_may_have_other_settings(runs: Runs, keeps_times: bool) -> None:
    runs.done(runs.item())
    moved = runs.folder.with_name("moved")
    shutil.copytree(runs.folder, moved)
    if not keeps_times:
        os.utime(moved / "a.jpg", (1, 1))
    assert "1 skipped: done before" in runs.command(folder=moved)
    runs.command("--set", "scale=4", folder=moved)
    assert [item.path for item in runs.sent] == [moved / "a.jpg"]


def test_a_row_of_an_older_version_names_no_folder_and_keeps_no_other_folder_out(runs: Runs) -> None:
    runs.done(runs.item())
    with (runs.out / CREDITS_FILE).open(newline="") as file:
        rows = list(csv.reader(file))
    with (runs.out / CREDITS_FILE).open("w", newline="") as file:
        csv.writer(file).writerows(row[:-2] for row in rows)
    assert "1 skipped: done before" in runs.command()
    other = runs.picture(colour="blue", folder=runs.folder.with_name("other")).parent
    runs.command(folder=other)
    assert [item.path for item in runs.sent] == [other / "a.jpg"]


def test_a_file_of_which_only_the_time_changed_is_done_before(runs: Runs) -> None:
    runs.done(runs.item())
    os.utime(runs.item().path, (1, 1))
    assert "1 skipped: done before" in runs.command()
    runs.picture(colour="blue")
    os.utime(runs.item().path, (2, 2))
    assert "1 skipped" not in runs.command()


def test_a_job_that_again_left_open_is_continued_without_again(runs: Runs) -> None:
    runs.picture("b.jpg")
    runs.done(runs.item("a.jpg"))
    runs.done(runs.item("b.jpg"))
    runs.job(runs.item("b.jpg"), JobStatus.PROCESSING)
    said = runs.command()
    assert [item.key for item in runs.sent] == ["b.jpg"]
    assert "1 skipped: done before" in said
    assert "An earlier run submitted 1 of them, which are not paid again." in said
    assert "PAID AGAIN" not in said


def test_a_paid_result_that_waits_is_brought_although_an_older_one_is_there(runs: Runs) -> None:
    runs.done(runs.item())
    runs.waits(runs.item())
    runs.command()
    assert [item.key for item in runs.sent] == ["a.jpg"]


def test_an_open_job_with_other_settings_does_not_undo_what_is_done(runs: Runs) -> None:
    runs.done(runs.item())
    runs.job(runs.item(scale="4"), JobStatus.PROCESSING)
    assert "1 skipped: done before" in runs.command()
    assert not runs.sent


def test_a_result_that_could_not_be_saved_is_not_looked_for_once_again_has_made_another(runs: Runs) -> None:
    runs.row(runs.item(), runs.job(runs.item(), JobStatus.COMPLETED))
    runs.command()
    assert [item.key for item in runs.sent] == ["a.jpg"]
    with_again = ended_jobs(runs.out, again=True)
    runs.done(runs.item(), ended=with_again)
    assert "1 skipped: done before" in runs.command()


@pytest.mark.parametrize("change", ["--again", "settings", "content", "result"])
def test_the_question_says_what_is_paid_again(runs: Runs, change: str) -> None:
    runs.picture("b.jpg")
    result = runs.done(runs.item())
    options = {"--again": ["--again"], "settings": ["--set", "scale=4"]}.get(change, [])
    if change == "content":
        runs.picture(colour="blue")
    if change == "result":
        result.rename(result.with_name("moved.jpg"))
    said = runs.command(*options)
    assert [item.key for item in runs.sent] == ["a.jpg", "b.jpg"]
    assert "An earlier run paid for 1 of them, and they are PAID AGAIN" in said
    assert "not paid again" not in said


def test_a_result_that_was_saved_before_its_row_is_not_in_the_way(runs: Runs) -> None:
    runs.waits(runs.item())
    (runs.out / "a.jpg").write_bytes(b"paid")
    runs.command()
    assert [item.key for item in runs.sent] == ["a.jpg"]


def test_a_file_in_the_way_of_a_paid_picture_is_told_before_it_is_paid_again(runs: Runs) -> None:
    runs.done(runs.item())
    (runs.out / "a.png").write_bytes(b"mine")
    said = runs.command("--set", "output_format=png")
    assert not runs.sent
    assert "a.png' is in the way" in said


def test_a_stopped_run_with_again_names_the_command_that_pays_nothing_twice(runs: Runs) -> None:
    runs.done(runs.item())
    runs.signal_number = signal.SIGINT
    said = runs.command("--again")
    assert "1 not sent, and not paid. Run the same command without --again" in said
    assert "the same command again" not in said
    assert "--again" not in runs.commands[-1]
    assert "--yes" in runs.commands[-1]


@pytest.mark.parametrize("again", [True, False])
def test_a_run_that_is_ended_names_the_command_that_pays_nothing_twice(tmp_path: Path, again: bool) -> None:
    item = Item(tmp_path / "a.jpg", "a.jpg")
    open_job = Outcome(item, JobView("1", JobStatus.PROCESSING, "topaz", process_id="p"), None)
    said = closing_report.left_behind([], [open_job], tmp_path, again)
    assert ("Run the same command without --again to get their results" in said) == again
    assert ("Run the same command again to get their results" in said) != again
    assert (
        "Run the same command again for the rest. It pays for nothing again that the provider's list shows." in said
    ) != again


@pytest.mark.parametrize("change", [["--again"], ["--set", "scale=4"], []])
def test_a_result_that_was_edited_is_told_before_its_picture_is_paid_again(runs: Runs, change: list[str]) -> None:
    result = runs.done(runs.item())
    result.write_bytes(b"retouched")
    assert "1 skipped: done before" in runs.command()
    if not change:
        runs.picture(colour="blue")
    said = runs.command(*change)
    assert not runs.sent
    assert f"'{runs.out / 'a.jpg'}' is in the way: it was changed since Darkroom saved it" in said
    result.rename(result.with_name("retouched.jpg"))
    runs.command(*change)
    assert [item.key for item in runs.sent] == ["a.jpg"]


def test_a_result_of_which_only_the_time_changed_is_not_taken_for_an_edited_one(runs: Runs) -> None:
    os.utime(runs.done(runs.item()), (1, 1))
    runs.command("--again")
    assert [item.key for item in runs.sent] == ["a.jpg"]


def test_a_result_of_an_older_version_has_no_note_and_is_replaced(runs: Runs) -> None:
    runs.done(runs.item(), is_noted=False).write_bytes(b"whatever")
    runs.command("--again")
    assert [item.key for item in runs.sent] == ["a.jpg"]


def test_an_edited_result_in_another_format_is_not_in_the_way(runs: Runs) -> None:
    runs.done(runs.item()).write_bytes(b"retouched")
    runs.command("--set", "output_format=png")
    assert [item.key for item in runs.sent] == ["a.jpg"]


def test_a_picture_that_is_done_is_done_whatever_lies_beside_its_result(runs: Runs) -> None:
    runs.done(runs.item())
    (runs.out / "a.png").write_bytes(b"mine")
    assert "1 skipped: done before" in runs.command()
