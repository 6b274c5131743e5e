"""Tests with which exit code `darkroom local run` ends after a signal. The stack and its jobs are stand-ins."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from darkroom.model import JobStatus
from darkroom_cli.html_report import make_page
from darkroom_cli.local import run as local_run
from darkroom_cli.main import app
from darkroom_local.results.downloads import Outcome
from darkroom_local.results.job_views import JobView
from darkroom_local.run.leaving import Leaving
from darkroom_local.run.screening import Screened

BOTH = (JobStatus.COMPLETED, JobStatus.COMPLETED)


@contextlib.contextmanager
def no_stack(**_: object) -> Iterator[None]:
    yield


@pytest.mark.parametrize(
    ("signal_number", "ends", "code"),
    [
        (signal.SIGINT, BOTH, 0),
        (signal.SIGTERM, BOTH, 0),
        (signal.SIGINT, BOTH[:1], 130),
        (signal.SIGTERM, BOTH[:1], 143),
        (signal.SIGINT, (JobStatus.COMPLETED, JobStatus.FAILED), 130),
        (0, BOTH, 0),
        (0, (JobStatus.COMPLETED, JobStatus.FAILED), 1),
    ],
)
def test_a_run_tells_of_its_signal_only_if_a_picture_has_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signal_number: int, ends: tuple[JobStatus, ...], code: int
) -> None:
    (tmp_path / "in").mkdir()
    for name in "ab":
        Image.new("RGB", (8, 8)).save(tmp_path / "in" / f"{name}.png")

    def ended(stack: object, files: Screened, *_: object) -> list[Outcome]:
        jobs = [JobView(str(number), status) for number, status in enumerate(ends)]
        return [
            Outcome(item, job, None, item.path if job.status is JobStatus.COMPLETED else None)
            for item, job in zip(files.to_do, jobs, strict=False)
        ]

    # The signal, the stack and the page are stand-ins, because a real run ends before a test could interrupt its last moment.
    monkeypatch.setattr(local_run.leaving, "heeded", lambda: contextlib.nullcontext(Leaving(signal_number)))
    monkeypatch.setattr(local_run, "local_stack", no_stack)
    monkeypatch.setattr(local_run, "run_over", ended)
    monkeypatch.setattr(make_page, "of_run", lambda *_, **__: None)
    done = CliRunner().invoke(app, ["local", "run", str(tmp_path / "in"), "--out", str(tmp_path / "out")])
    assert done.exit_code == code, done.output
