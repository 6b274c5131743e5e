"""Tests that what a killed run left behind is ended before the next run opens the account, because it would still submit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom_local.results import accounts


@pytest.mark.parametrize("name", ["out", "renamed"])
def test_a_process_that_a_killed_run_left_is_ended_also_if_the_folder_was_renamed(tmp_path: Path, name: str) -> None:
    with accounts.opened(tmp_path / "out", (), is_real=True) as account:
        kept = account.environment
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env={**os.environ, **kept}) as left:
        try:
            (tmp_path / "out").rename(tmp_path / name)
            with accounts.opened(tmp_path / name, (), is_real=True):
                left.wait(5)
            assert left.returncode < 0
        finally:
            left.kill()


def test_a_process_of_another_folders_run_is_left_alone(tmp_path: Path) -> None:
    with accounts.opened(tmp_path / "out", (), is_real=True) as account:
        kept = account.environment
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env={**os.environ, **kept}
    ) as other:
        try:
            with accounts.opened(tmp_path / "another", (), is_real=True):
                assert other.poll() is None
        finally:
            other.kill()
