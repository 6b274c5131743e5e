"""`darkroom local run --watch`: pictures that come during the run are enhanced too, until Ctrl-C."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.e2e.deployed_application import simulators
from tests.e2e.forked_commands import Commands
from tests.e2e.local_operator import Operator, until


@pytest.mark.slow
def test_a_picture_that_comes_later_is_brought_home_and_ctrl_c_is_a_good_end(
    commands: Commands, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    with simulators("topaz", speed=20.0) as made:
        operator = Operator(commands, tmp_path / "in", tmp_path / "out", made["topaz"])
        watching = operator.starts("--watch")
        until(lambda: operator.processes["emulator"])
        operator.add(1)
        until(lambda: len(operator.home) == 1)
        operator.add(1, "later-")
        until(lambda: len(operator.home) == 2)
        watching.send_signal(signal.SIGINT)
        said = watching.ends()
        assert watching.returncode == 0, said
        assert operator.paid == operator.spent == 2
