"""A watched folder: a picture is taken once it has stopped growing, once for each content."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from darkroom_local.folder.hot_folder import SETTLE_SECONDS, arrivals, patient
from darkroom_local.folder.uploads import Item, items_in


@dataclass
class Watched:
    """A folder, and a clock that moves with each step."""

    folder: Path
    now: float = 0.0
    steps: Iterator[list[Item]] | None = None

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def after(self, seconds: float) -> list[str]:
        """Return the keys that arrive when so many seconds have gone by."""
        self.now += seconds
        self.steps = self.steps or arrivals(lambda: items_in(self.folder, {}), lambda: self.now)
        return [item.key for item in next(self.steps)]


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_a_file_that_grows_is_not_taken_before_it_stops(watched: Watched) -> None:
    for length in range(1, 5):
        watched.write("a.jpg", "x" * length)
        assert watched.after(SETTLE_SECONDS + 1) == []
    assert watched.after(SETTLE_SECONDS) == ["a.jpg"]


def test_a_file_is_taken_once_and_again_when_it_changes(watched: Watched) -> None:
    watched.write("a.jpg", "x")
    assert [watched.after(SETTLE_SECONDS) for _ in range(4)] == [[], ["a.jpg"], [], []]
    watched.write("a.jpg", "other")
    assert [watched.after(SETTLE_SECONDS) for _ in range(3)] == [[], ["a.jpg"], []]


def test_files_that_come_later_are_taken_and_one_that_goes_is_none(watched: Watched) -> None:
    assert watched.after(SETTLE_SECONDS) == []
    watched.write("a.jpg", "x")
    watched.write("b.jpg", "x")
    assert watched.after(SETTLE_SECONDS) == []
    (watched.folder / "a.jpg").unlink()
    assert watched.after(SETTLE_SECONDS) == ["b.jpg"]


def test_the_folder_is_not_read_all_the_time(watched: Watched) -> None:
    reads = []
    steps = arrivals(lambda: reads.append(1) or [], lambda: watched.now)  # type: ignore[func-returns-value]
    for _ in range(100):
        watched.now += 0.25
        next(steps)
    assert len(reads) == 25


def test_a_wrong_folder_file_holds_pictures_back_until_it_is_mended(watched: Watched) -> None:
    said: list[str] = []
    find = patient(lambda: items_in(watched.folder, {}), said.append)
    watched.write("a.jpg", "x")
    watched.write("darkroom.toml", "sclae = 2")
    assert find() == find() == []
    (text,) = said
    assert "darkroom.toml: sclae='2' is not known; did you mean scale" in text
    watched.write("darkroom.toml", "scale = 2")
    assert [item.key for item in find()] == ["a.jpg"]
