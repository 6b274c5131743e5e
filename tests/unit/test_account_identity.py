"""Tests that the jobs of one results folder have other ids than those of any other, and the same ids in each of its runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkroom.model import job_id_of
from darkroom_local.folder.uploads import Item, digest_of
from darkroom_local.results import accounts
from darkroom_local.run.upload_identity import version_of


@pytest.fixture
def photo(tmp_path: Path) -> Item:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"picture")
    return Item(path, "photo.jpg", {"scale": "2"})


def version_in(out: Path, item: Item, is_real: bool = True) -> str:
    with accounts.opened(out, (), is_real=is_real) as account:
        return version_of(item, digest_of(item.path), "uploads", (), account.account_id)


def test_each_run_of_an_account_gives_a_picture_the_same_job(tmp_path: Path, photo: Item) -> None:
    assert version_in(tmp_path / "out", photo) == version_in(tmp_path / "out", photo)


def test_a_folder_that_was_moved_keeps_its_jobs(tmp_path: Path, photo: Item) -> None:
    before = version_in(tmp_path / "out", photo)
    (tmp_path / "out").rename(tmp_path / "moved")
    assert version_in(tmp_path / "moved", photo) == before


def test_another_account_gives_the_same_picture_another_job(tmp_path: Path, photo: Item) -> None:
    versions = {version_in(tmp_path / name, photo, is_real) for name in "ab" for is_real in (True, False)}
    assert len(versions) == 4


def test_an_account_that_was_removed_leaves_its_jobs_to_nobody(tmp_path: Path, photo: Item) -> None:
    before = version_in(tmp_path / "out", photo)
    (tmp_path / "out").rename(tmp_path / "removed")
    assert version_in(tmp_path / "out", photo) != before


def test_the_newest_job_that_has_not_ended_is_continued(photo: Item) -> None:
    def version(ended: set[str], known: set[str]) -> str:
        return version_of(photo, digest_of(photo.path), "uploads", ended, known=known)

    first = version(set(), set())
    one = job_id_of("uploads", photo.key, first)
    second = version({one}, set())
    two = job_id_of("uploads", photo.key, second)
    assert version(set(), {one}) == first
    assert version(set(), {one, two}) == second
    assert version({two}, {one, two}) == first
    assert version({one, two}, {one, two}) not in (first, second)


def test_an_account_that_is_older_than_ids_keeps_its_jobs(tmp_path: Path, photo: Item) -> None:
    home = tmp_path / "out" / accounts.ACCOUNT / accounts.REAL
    home.mkdir(parents=True)
    (home / "ledger.jsonl").write_text("")
    for _ in range(2):
        assert version_in(tmp_path / "out", photo) == version_of(photo, digest_of(photo.path), "uploads", ())


def test_a_run_that_dies_before_its_ledger_leaves_the_id_to_the_next(
    tmp_path: Path, photo: Item, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(accounts.ledger_journal, "prepare", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            version_in(tmp_path / "out", photo)
    noted = (tmp_path / "out" / accounts.ACCOUNT / accounts.REAL / "account-id").read_text()
    with accounts.opened(tmp_path / "out", (), is_real=True) as account:
        assert account.account_id == noted != ""
