"""Tests that each file of a folder is either sent or counted as left out, by its content. No file of the operator is
overwritten.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from darkroom_cli.batch.picked_files import pick
from darkroom_cli.html_report import make_page
from darkroom_cli.local import run as local_run
from darkroom_cli.main import app
from darkroom_local.folder.left_out import lines
from darkroom_local.folder.source import FolderSource
from darkroom_local.folder.uploads import items_in, picture_suffixes
from darkroom_local.run import screening


def test_what_is_left_out_is_counted_by_its_content_and_says_why(tmp_path: Path) -> None:
    files = {
        "a.jpg": b"\xff\xd8\xff", "b": b"\xff\xd8\xff\xe0", "c.jpeg.bak": b"\x89PNG\r\n\x1a\n", ".d.jpg": b"\xff\xd8\xff",
        "phone.HEIC": b"\0\0\0\x18ftypheic", "web": b"RIFF\0\0\0\0WEBP", "notes.txt": b"words", "empty": b"",
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "credits.csv").touch()
    said = lines(tmp_path, tmp_path / "out", items_in(tmp_path, {}), picture_suffixes({}, {}))
    assert [line.partition(".")[0] for line in said] == [
        "left out: 1 JPEG: b", "left out: 1 PNG: c", "left out: 1 HEIC: phone", "left out: 1 WebP: web",
        "left out: 1 hidden: ", "left out: 1 empty: empty", "left out: 1 no picture: notes",
    ]  # fmt: skip
    assert "Convert the files first." in said[2]
    assert said[3].endswith("Use --set provider=oxen, or convert the files first.")
    assert said[0].endswith("endings: .jfif .jpe .jpeg .jpg .png .tif .tiff.")


@pytest.mark.parametrize(
    ("settings", "parameters"),
    [({"Provider": "Oxen"}, {}), ({}, {"Provider": "oxen"}), ({}, {"DefaultSettings": "provider=oxen"})],
)  # fmt: skip
def test_the_formats_of_the_runs_provider_are_taken(
    tmp_path: Path, settings: dict[str, str], parameters: dict[str, str]
) -> None:
    for name, content in {"a.webp": b"RIFF\0\0\0\0WEBP", "b.GIF": b"GIF89a", "c.tif": b"II*\0", "d": b"GIF89a"}.items():
        (tmp_path / name).write_bytes(content)
    items = items_in(tmp_path, settings, parameters)
    assert [item.key for item in items] == ["a.webp", "b.GIF"]
    said = lines(tmp_path, tmp_path / "out", items, picture_suffixes(settings, parameters))
    assert said == [
        "left out: 1 TIFF: c.tif. Use --set provider=aimlapi or topaz or uwear, or convert the files first.",
        "left out: 1 GIF: d. Give the name one of these endings: .gif .jfif .jpe .jpeg .jpg .png .webp.",
    ]


@pytest.mark.parametrize("mark", [".darkroom/lock", ".darkroom-results.jsonl"])  # of `local run`, and of `enhance`
def test_results_of_earlier_runs_are_no_pictures_of_the_folder_above_them(tmp_path: Path, mark: str) -> None:
    for name in ("a.jpg", "trip/small/a.jpg", "trip/small/deep/b.jpg", f"trip/small/{mark}", "trip/c.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"\xff\xd8\xff")
    items = items_in(tmp_path, {})
    assert [item.key for item in items] == ["a.jpg", "trip/c.jpg"] == list(FolderSource(tmp_path).files())
    assert lines(tmp_path, tmp_path / "out", items, picture_suffixes({}, {})) == [
        f"left out: 3 of earlier runs: trip/small/{mark}, trip/small/a.jpg, trip/small/deep/b.jpg. The folders hold "
        "results. To enhance results, name their folder itself."
    ]
    picked = pick([tmp_path])
    assert ([file.key for file in picked.files], picked.results) == (["a.jpg", "trip/c.jpg"], 2)
    assert [item.key for item in items_in(tmp_path / "trip" / "small", {})] == ["a.jpg", "deep/b.jpg"]


def test_webp_and_gif_are_left_out_where_the_provider_does_not_take_them(tmp_path: Path) -> None:
    (tmp_path / "a.webp").write_bytes(b"RIFF\0\0\0\0WEBP")
    assert items_in(tmp_path, {}) == items_in(tmp_path, {"provider": "uwear"}) == []


def test_a_file_that_no_row_names_keeps_its_picture_from_being_sent(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for path in (tmp_path / "a.jpg", tmp_path / "b.jpg", tmp_path / "out" / "a.png"):
        path.write_bytes(b"mine")
    items = items_in(tmp_path, {})[:2]
    files = screening.screen(items, tmp_path / "out", ())
    assert [item.key for item in files.to_do] == ["b.jpg"]
    assert "in the way" in files.unusable[0].message


@pytest.mark.parametrize("picture", [b"", b"whole"])
def test_a_run_says_that_it_starts_providers_only_if_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, picture: bytes
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.jpg").write_bytes(picture)
    # The stack and the page are stand-ins: the test is about what the command says before.
    monkeypatch.delenv("TOPAZ_API_KEY", raising=False)
    monkeypatch.setattr(local_run, "run_over", lambda _, files, *__: files.unusable)
    monkeypatch.setattr(make_page, "of_run", lambda *_, **__: None)
    said = CliRunner().invoke(app, ["local", "run", str(tmp_path / "in"), "--out", str(tmp_path / "out")]).output
    assert "Looking at" in said
    assert ("Starting simulated providers" in said) == bool(picture)
