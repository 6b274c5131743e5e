"""Tests that a second signal, or a closed terminal, ends a run even if the exception of its handler was dropped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

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


def test_a_closed_terminal_ends_a_run_as_a_second_signal_does_and_only_once() -> None:
    before = signal.getsignal(signal.SIGHUP)
    with leaving.heeded() as is_leaving:
        with pytest.raises(leaving.HungUp):
            os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)
        with pytest.raises(leaving.HungUp):
            is_leaving()
    assert signal.getsignal(signal.SIGHUP) == before


def test_a_run_that_nohup_started_ignores_a_closed_terminal() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with leaving.heeded() as is_leaving:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not is_leaving()
    finally:
        signal.signal(signal.SIGHUP, before)


CLOSES = """
import os, pty, sys
pid, terminal = pty.fork()
if not pid:
    os.execv(sys.executable, [sys.executable, "-c", sys.argv[1]])
os.read(terminal, 1)
os.close(terminal)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
RUNS = """
import sys, time, typer
from darkroom_cli.local.errors import reported
from darkroom_local.run import leaving
try:
    with reported(), leaving.heeded() as is_leaving:
        try:
            while not is_leaving():
                print("ready", flush=True)
                time.sleep(0.01)
        finally:
            for stream in (sys.stdout, sys.stderr):
                print("ends in order", file=stream, flush=True)
except typer.Exit as end:
    sys.exit(end.exit_code)
"""


def test_a_run_whose_terminal_is_closed_ends_in_order_and_writes_nothing_to_it() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", CLOSES, RUNS], capture_output=True, text=True, timeout=120, check=True
    )
    assert ended.stdout == f"{128 + signal.SIGHUP}\n"
