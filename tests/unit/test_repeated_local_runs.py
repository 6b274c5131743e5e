"""Tests that a repeated `darkroom local run` loses nothing that an earlier one paid for, and says what it will cost."""

from __future__ import annotations

import signal

from tests.unit.local_account_support import Runs, runs

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
