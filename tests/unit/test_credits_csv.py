"""Tests what credits.csv in a folder of results says about earlier runs, and which files a run leaves out. Nothing is
uploaded.
"""

from __future__ import annotations

import contextlib
import csv
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rows import each_row
from typer.testing import CliRunner

from darkroom.model import JobStatus
from darkroom_cli.main import app
from darkroom_local.folder.uploads import Item, UnusableSetting, carriers, prefixes_of, source_of
from darkroom_local.results.downloads import Outcome
from darkroom_local.results.job_views import JobView
from darkroom_local.run import credits_csv, screening
from darkroom_local.run.credits_csv import CREDITS_FILE, Done, adding

REAL = "a-real-key"
TOPAZ = {"topaz"}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def photo(tmp_path: Path) -> Item:
    path = tmp_path / "in" / "photo.jpg"
    path.parent.mkdir()
    path.write_bytes(b"picture")
    return Item(path, "photo.jpg", {"scale": "2"}, {"DefaultSettings": "denoise=0.2", "MonthlyBudgetUsd": "5"})


def completed(item: Item, out: Path, result: str = "photo.jpg", real: set[str] = TOPAZ) -> None:
    """Write a result into the folder and its row into credits.csv, as a run does."""
    out.mkdir(exist_ok=True)
    (out / result).write_bytes(b"better")
    job = JobView("1", JobStatus.COMPLETED, "topaz", "Standard V2")
    with adding(out, real) as rows:
        rows.add(Outcome(item, job, None, out.resolve() / result, source=source_of(item.path.stat())))


def test_a_file_that_is_done_is_not_done_again(photo: Item, out: Path) -> None:
    assert not Done(out).has(photo)
    completed(photo, out)
    assert Done(out).has(photo)
    assert screening.screen([photo], out, TOPAZ).done_before == [photo]
    assert screening.screen([photo], out, TOPAZ, again=True).to_do == [photo]


def test_a_result_in_another_format_counts(photo: Item, out: Path) -> None:
    completed(photo, out, "photo.png")
    assert Done(out).has(photo)


@pytest.mark.parametrize(
    "key", ["=1+1.jpg", "ünï 写真.jpg", "-a.jpg", 'a",b.jpg', "'c.jpg", "'90s.jpg", "'=a.jpg", "''-a.jpg"]
)
def test_a_name_that_a_spreadsheet_would_read_as_a_formula_is_recognised(photo: Item, out: Path, key: str) -> None:
    odd = replace(photo, key=key)
    completed(odd, out, key)
    assert Done(out).has(odd)
    assert not Done(out).has(replace(photo, key=f"other-{key}"))
    assert not Done(out).has(replace(photo, key=f"'{key}"))
    assert credits_csv.named_results(out) == {key}


@given(st.text(alphabet="'=+-@ ab,\"é\u200d\x1b\n", min_size=1))
def test_a_cell_is_no_formula_and_gives_back_the_name_that_was_written(name: str) -> None:
    assert not credits_csv.cell(name).startswith(("=", "+", "-", "@"))
    assert credits_csv.name_in(credits_csv.cell(name)) == name


def test_a_row_that_an_older_version_wrote_is_understood() -> None:
    assert [credits_csv.name_in(cell) for cell in ("'=1+1.jpg", "'c.jpg", "c.jpg")] == ["=1+1.jpg", "'c.jpg", "c.jpg"]


def test_a_file_that_changed_is_done_again(photo: Item, out: Path) -> None:
    completed(photo, out)
    assert not Done(out).has(replace(photo, settings={"scale": "4"}))
    assert not Done(out).has(replace(photo, parameters={"DefaultSettings": "denoise=0.5"}))
    assert Done(out).has(replace(photo, settings={"Scale": "2"}, parameters={"DefaultSettings": "denoise=0.2"}))
    os.utime(photo.path, (1, 1))
    assert not Done(out).has(photo)


def test_a_file_whose_result_is_gone_is_done_again(photo: Item, out: Path) -> None:
    completed(photo, out)
    (out / "photo.jpg").unlink()
    assert not Done(out).has(photo)


def test_a_result_that_another_files_replaced_is_not_this_files(photo: Item, out: Path) -> None:
    completed(photo, out, "photo.png")
    completed(replace(photo, key="photo.png"), out, "photo.png")
    assert not Done(out).has(photo)


def test_a_simulated_result_does_not_stand_for_a_real_one_but_the_other_way_round(photo: Item, out: Path) -> None:
    completed(photo, out, real=set())
    assert (Done(out).has(photo), Done(out).has(photo, TOPAZ)) == (True, False)
    completed(photo, out, real=TOPAZ)
    assert (Done(out).has(photo), Done(out).has(photo, TOPAZ)) == (True, True)


def test_a_failure_says_nothing_of_the_next_run(photo: Item, out: Path) -> None:
    with adding(out) as rows:
        rows.add(Outcome(photo, JobView("1", JobStatus.FAILED), None, source=source_of(photo.path.stat())))
    assert not Done(out).has(photo)


def test_a_row_that_was_cut_off_harms_no_other(photo: Item, out: Path) -> None:
    completed(photo, out)
    with (out / CREDITS_FILE).open("a") as file:
        file.write("other.jpg,2,COMPL\0")
    completed(replace(photo, key="new.jpg"), out, "new.jpg")
    assert Done(out).has(photo)
    assert Done(out).has(replace(photo, key="new.jpg"))


def test_an_older_versions_file_is_kept_beside(photo: Item, out: Path) -> None:
    out.mkdir()
    (out / CREDITS_FILE).write_text("file,job_id\nphoto.jpg,1\n")
    completed(photo, out)
    assert (out / "credits.1.csv").read_text() == "file,job_id\nphoto.jpg,1\n"
    assert Done(out).has(photo)


def test_a_row_says_when_and_under_which_label_and_what_was_reserved_and_settled(photo: Item, out: Path) -> None:
    labelled = replace(photo, settings={"label": "spring"})
    job = JobView("1", JobStatus.COMPLETED, provider="topaz", credits_reserved=Decimal(2), credits=Decimal(1))
    with adding(out) as rows:
        rows.add(Outcome(labelled, replace(job, status=JobStatus.PROCESSING, credits=None), None))
        rows.add(Outcome(labelled, job, None))
    with adding(out) as rows:
        rows.add(Outcome(labelled, job, None))
    with (out / CREDITS_FILE).open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [(row["label"], row["credits_reserved"], row["credits"]) for row in table] == [
        ("spring", "2", ""), ("spring", "2", "1"), ("spring", "2", ""),
    ]  # fmt: skip
    assert all(datetime.fromisoformat(row["date"]).tzinfo for row in table)


def test_a_folder_that_cannot_be_written_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(credits_csv.Unwritable, match=CREDITS_FILE), adding(tmp_path / "file" / "out"):
        pass


@pytest.mark.parametrize(
    ("key", "why"), [("b\\c.jpg", "no plain path"), ("_failed/a.jpg", "Darkroom writes"), ("in the way/a.jpg", "in the way"),
                     (f"{'x' * 300}.jpg", "name"), ("d/" * 600 + "a.jpg", "1024 bytes")],
)  # fmt: skip
def test_a_file_whose_result_has_no_place_is_left_out_alone(photo: Item, out: Path, key: str, why: str) -> None:
    out.mkdir()
    (out / "in the way").touch()
    files = screening.screen([replace(photo, key=key), photo], out, TOPAZ)
    assert files.to_do == [photo]
    assert [(o.word, o.item.key, o.is_failure) for o in files.unusable] == [("NOT SENT", key, True)]
    assert why in files.unusable[0].message
    assert files.unusable[0].cure


def test_a_file_that_cannot_be_read_or_is_empty_is_left_out_alone(photo: Item, out: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    gone, empty = Item(tmp_path / "gone.jpg", "gone.jpg"), Item(tmp_path / "empty.jpg", "empty.jpg")
    files = screening.screen([gone, photo, empty], out, TOPAZ)
    assert files.to_do == [photo]
    assert ["read" in files.unusable[0].message, "empty" in files.unusable[1].message] == [True, True]


def test_results_that_lie_in_the_folder_are_not_taken_for_pictures(photo: Item) -> None:
    folder = photo.path.parent
    completed(photo, folder / "out")
    assert [i.key for i in screening.pictures(folder, folder / "out", {}, {})] == ["photo.jpg"]
    photo.path.unlink()
    with pytest.raises(UnusableSetting, match="no picture"):
        screening.pictures(folder, folder / "out", {}, {})


@each_row(
    ("parameters", "name"),
    [({}, "app-prompt"), ({"MetadataSettings": "prefixed"}, "app-prompt"), ({"MetadataSettings": "on"}, "prompt")],
)
def test_tags_and_metadata_carry_the_prefixes_that_the_stack_reads(parameters: dict[str, str], name: str) -> None:
    prefixes = prefixes_of({"TagPrefix": "app:", **parameters})
    tags, metadata = carriers({"scale": "2", "prompt": "“a”"}, *prefixes)
    assert (tags, set(metadata)) == ({"app:scale": "2"}, {name})


def test_a_stack_that_reads_no_metadata_takes_only_what_tags_can_carry() -> None:
    prefixes = prefixes_of({"MetadataSettings": "off"})
    assert carriers({"scale": "2"}, *prefixes) == ({"scale": "2"}, {})
    with pytest.raises(UnusableSetting, match="MetadataSettings"):
        carriers({"prompt": "“a”"}, *prefixes)


def test_only_what_may_go_to_a_real_provider_is_paid(photo: Item) -> None:
    assert screening.is_paid(photo, TOPAZ)
    assert screening.is_paid(replace(photo, settings={"Provider": "Topaz"}), TOPAZ)
    assert not screening.is_paid(replace(photo, settings={"provider": "uwear"}), TOPAZ)
    assert not screening.is_paid(photo, set())


@contextlib.contextmanager
def no_stack(**_: object) -> Iterator[None]:
    pytest.fail("a stack was started")
    yield


@pytest.fixture
def asked(photo: Item, out: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the arguments of a `local run` command. A real API key is set, and no stack can be started."""
    monkeypatch.setenv("TOPAZ_API_KEY", REAL)
    monkeypatch.setattr("darkroom_local.stack.local_stack.local_stack", no_stack)
    return ["local", "run", str(photo.path.parent), "--out", str(out), "--set", "scale=2"]


def test_without_a_terminal_nothing_is_paid_unasked(asked: list[str], out: Path) -> None:
    answer = CliRunner().invoke(app, asked)
    assert answer.exit_code == 1
    assert "1 picture to the real Topaz API, paid with your credits" in answer.output
    assert "--yes" in answer.output
    assert not out.exists()


def test_an_operator_who_does_not_agree_pays_nothing(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darkroom_cli.local.run._is_terminal", lambda: True)
    answer = CliRunner().invoke(app, asked, input="n\n")
    assert answer.exit_code == 1
    assert "Nothing was sent" in answer.output


def test_when_all_is_done_no_stack_is_started_and_nothing_is_asked(asked: list[str], photo: Item, out: Path) -> None:
    completed(replace(photo, parameters={}), out)
    answer = CliRunner().invoke(app, asked)
    assert answer.exit_code == 0
    assert answer.output.splitlines()[1:] == ["1 skipped: done before"]


def test_when_no_file_can_be_sent_no_stack_is_started(asked: list[str], photo: Item, out: Path) -> None:
    photo.path.write_bytes(b"")
    answer = CliRunner().invoke(app, asked)
    assert answer.exit_code == 1
    assert "NOT SENT" in answer.output
    assert "photo.jpg" in (out / CREDITS_FILE).read_text()
