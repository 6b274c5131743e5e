"""Tests that pictures with the same bytes are named before they are paid for, and that many of them take few lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from darkroom_cli.costs.copies import lines, of_files
from darkroom_cli.main import app


def test_files_are_grouped_by_their_bytes(tmp_path: Path) -> None:
    contents = {"a": b"one", "b": b"two", "c": b"one", "d": b"longer", "e": b"two"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    paths = {name: tmp_path / name for name in [*contents, "gone"]}
    assert of_files(paths) == [["a", "c"], ["b", "e"]]


def test_a_thousand_copies_take_six_lines() -> None:
    groups = [[f"{group}-{number}.jpg" for number in range(1000)] for group in range(8)]
    said = list(lines(groups))
    assert said[0] == "the same bytes, paid for each: 0-0.jpg, 0-1.jpg, 0-2.jpg and 997 more"
    assert said[5:] == ["… and 3 more groups; in all, 7,992 pictures are copies of others"]


def test_a_local_run_names_copies_before_it_pays_the_real_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOPAZ_API_KEY", "a key")
    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    done = CliRunner().invoke(app, ["local", "run", str(tmp_path), "--out", str(tmp_path / "out")])
    assert "2 pictures to the real Topaz API" in done.stdout
    assert "the same bytes, paid for each: a.png, b.png" in done.stdout
    assert "Nothing was sent" in done.stderr
