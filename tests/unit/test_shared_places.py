"""Tests which pictures are refused because the disk would take their results for one file. A picture is refused before it is
paid."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from PIL import Image
from tests.unit.test_credits_csv import completed

from darkroom.model import JobStatus
from darkroom_local.emulator.ledger_journal import JournalJob
from darkroom_local.folder.uploads import Item
from darkroom_local.run import screening, shared_places
from darkroom_local.run.earlier_jobs import EarlierJobs

COMPOSED, DECOMPOSED = "caf\u00e9.jpg", "cafe\u0301.jpg"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def forgetful_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk of the results behave as APFS does: it knows neither case nor how an accent is written."""

    def folded(key: str) -> str:
        return unicodedata.normalize("NFC", key).casefold()

    monkeypatch.setattr(shared_places, "_is_one_file", lambda one, other, out: folded(one) == folded(other))


def items(folder: Path, *keys: str, **settings: str) -> list[Item]:
    """Return pictures with these keys. Each is a file of another name, so that any disk holds them all."""
    made = []
    for number, key in enumerate(keys):
        path = folder / f"{number}{Path(key).suffix}"
        Image.new("RGB", (8, 8)).save(path, "PNG" if path.suffix.lower() == ".png" else "JPEG")
        made.append(Item(path, key, settings))
    return made


def kept(folder: Path, found: list[Item], **more: object) -> tuple[list[str], list[str]]:
    """Return the keys that are sent or done, and those that are refused."""
    files = screening.screen(found, folder / "out", (), **more)  # type: ignore[arg-type]
    assert all("Rename one" in outcome.cure for outcome in files.unusable)
    return [i.key for i in (*files.done_before, *files.to_do)], [o.item.key for o in files.unusable]


@pytest.mark.usefixtures("forgetful_disk")
@pytest.mark.parametrize(
    "keys", [("A.jpg", "a.jpg"), (COMPOSED, DECOMPOSED), ("A/b.jpg", "a/b.jpg"), ("a.JPG", "a.jpg")]
)
def test_the_second_of_two_pictures_whose_results_are_one_file_is_refused(folder: Path, keys: tuple[str, str]) -> None:
    (refused,) = screening.screen(items(folder, *keys), folder / "out", ()).unusable
    assert refused.item.key == keys[1]
    assert repr(keys[0]) in refused.message
    assert kept(folder, items(folder, *keys)) == ([keys[0]], [keys[1]])


@pytest.mark.usefixtures("forgetful_disk")
def test_the_format_of_the_results_decides(folder: Path) -> None:
    pair = ("A.png", "a.jpg")
    assert kept(folder, items(folder, *pair)) == (list(pair), [])
    assert kept(folder, items(folder, *pair, output_format="png")) == (["A.png"], ["a.jpg"])


@pytest.mark.usefixtures("forgetful_disk")
def test_a_picture_that_is_done_or_paid_is_not_the_one_that_is_refused(folder: Path) -> None:
    pair = items(folder, "A.jpg", "a.jpg")
    paid = EarlierJobs({"a.jpg": [JournalJob("1", JobStatus.COMPLETED, "uploads", "a.jpg", "v")]})
    assert kept(folder, pair, jobs=paid) == (["a.jpg"], ["A.jpg"])
    completed(pair[1], folder / "out", "a.jpg")
    assert kept(folder, pair) == (["a.jpg"], ["A.jpg"])


@pytest.mark.usefixtures("forgetful_disk")
def test_a_picture_that_arrives_later_is_refused_and_an_edited_one_is_not(folder: Path) -> None:
    first, second = items(folder, "A.jpg", "a.jpg")
    assert kept(folder, [second], earlier=[first]) == ([], ["a.jpg"])
    assert kept(folder, [first], earlier=[first]) == (["A.jpg"], [])


def test_a_disk_that_tells_the_names_apart_takes_both(folder: Path) -> None:
    (folder / "Probe").touch()
    if (folder / "probe").exists():
        pytest.skip("this disk does not know upper from lower case")
    pair = items(folder, "A.jpg", "a.jpg")
    before = set(folder.iterdir())
    assert kept(folder, pair) == (["A.jpg", "a.jpg"], [])
    assert set(folder.iterdir()) == before


def test_one_name_is_one_file_on_every_disk(folder: Path) -> None:
    assert shared_places._is_one_file("a/b.jpg", "a/b.jpg", folder / "out" / "deeper")
    assert not shared_places._is_one_file("a/b.jpg", "c/b.jpg", folder / "out")
