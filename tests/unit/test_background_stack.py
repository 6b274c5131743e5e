"""Tests how later commands reach a stack that keeps running in the background. No stack is started."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from darkroom_cli.main import app
from darkroom_local.stack import background

KEPT = Path("/some where/authority.pem")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return the folder with the state of a running stack. This test's own process plays the stack's only process."""
    note: dict[str, Any] = {
        "pids": {"python": os.getpid()}, "url": "https://127.0.0.1:1", "authority": str(KEPT), "access_key": "id",
        "secret_key": "secret", "outputs": {}, "simulator_urls": {}, "providers": ["topaz"],
    }  # fmt: skip
    (tmp_path / "stack.json").write_text(json.dumps(note))
    return tmp_path


def test_a_running_stack_is_trusted_by_the_certificate_it_started_with(state: Path) -> None:
    stack = background.standing_stack(state)
    assert stack is not None
    assert stack.endpoint.authority == KEPT


def test_a_shell_reads_what_up_prints_whatever_the_folder_is_called(state: Path) -> None:
    answer = CliRunner().invoke(app, ["local", "up", "--state", str(state)])
    assert answer.exit_code == 0, answer.output
    exported = [shlex.split(line) for line in answer.stdout.splitlines() if not line.startswith("#")]
    assert dict(pair.split("=", 1) for _, pair in exported) == {
        "AWS_ENDPOINT_URL": "https://127.0.0.1:1",
        "AWS_CA_BUNDLE": str(KEPT),
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    assert {word for word, _ in exported} == {"export"}


def test_up_says_which_options_the_running_stack_has_not(state: Path) -> None:
    note = json.loads((state / "stack.json").read_text())
    options = {"--speed": "10", "--fault": "none", "the real key": "none", "--parameter TagPrefix": "app:"}
    (state / "stack.json").write_text(json.dumps(note | {"options": options}))
    asked = ["local", "up", "--state", str(state), "--parameter", "MaxCreditsPerJob=3"]
    answer = CliRunner().invoke(app, [*asked, "--parameter", "TagPrefix=app:", "--speed", "20"])
    assert answer.exit_code == 0
    assert answer.stderr.splitlines() == [
        "# with another --speed: 10 (asked: 20)",
        "# with another --parameter MaxCreditsPerJob: not given (asked: 3)",
        "# To change that: darkroom local down, and then this command again.",
    ]
    same = CliRunner().invoke(app, ["local", "up", "--state", str(state), "--parameter", "TagPrefix=app:"])
    assert same.stderr == ""


def test_that_the_real_api_charges_is_said_where_eval_does_not_hide_it(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = background.standing_stack(state)
    assert running is not None
    started = background.Standing(running, started=True)
    monkeypatch.setattr(background, "up", lambda *_, **__: started)  # to start a stack takes seconds
    monkeypatch.setenv("TOPAZ_API_KEY", "a key")
    answer = CliRunner().invoke(app, ["local", "up", "--state", str(tmp_path / "new")])
    assert "the real Topaz API, which charges you" in answer.stderr
    assert "charges" not in answer.stdout


def test_up_does_not_replace_a_stack_of_the_real_api_of_which_a_part_still_runs(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = json.loads((state / "stack.json").read_text())
    options = {"the real key": "one with the fingerprint 0123456789ab"}
    (state / "stack.json").write_text(json.dumps(note | {"pids": note["pids"] | {"gone": 2**30}, "options": options}))
    monkeypatch.setattr(background, "down", lambda _: pytest.fail("the stack was deleted"))
    answer = CliRunner().invoke(app, ["local", "up", "--state", str(state)])
    assert answer.exit_code == 1
    assert "may hold jobs that the real API charged" in answer.stderr
    assert "darkroom local down" in answer.stderr
