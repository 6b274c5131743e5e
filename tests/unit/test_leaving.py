"""Tests that a second signal ends a run even if the exception of its handler was dropped."""

from __future__ import annotations

import os
import signal

import pytest

from darkroom_local.run import leaving


def test_a_second_signal_is_raised_again_when_the_run_asks() -> None:
    with leaving.heeded() as is_leaving:
        assert not is_leaving()
        os.kill(os.getpid(), signal.SIGINT)
        assert is_leaving()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            is_leaving()
