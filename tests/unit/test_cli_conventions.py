"""Tests what all commands have in common: help, version, the stack's name, times, questions, JSON, colours and exit codes."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

import pytest
import typer
from tests.rows import each_row
from tests.unit.cli_support import Stack, deployed, failed, run, sent

from darkroom_cli.console import confirmation, machine_output, terminal
from darkroom_cli.main import app
from darkroom_cli.options import times
from darkroom_cli.stack import deployment
from darkroom_cli.stack.deployment import NoDeployment

NOW = datetime(2026, 11, 21, 14, 30, tzinfo=UTC)
# Commands that print no result that a program could read: they serve until they are interrupted.
SERVERS = {"simulate topaz", "simulate uwear", "simulate aimlapi", "simulate oxen"}
ROOT: Any = typer.main.get_command(app)


def commands(group: Any = ROOT, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the words and the command of every command."""
    for name, command in group.commands.items():
        words = (*above, name)
        if hasattr(command, "commands"):
            yield from commands(command, words)
        else:
            yield words, command


COMMANDS = dict(commands())


@pytest.fixture
def stack() -> Iterator[Stack]:
    with deployed() as stack:
        yield stack


@each_row("group", [[], ["local"], ["simulate"]], ids=str)
def test_a_group_alone_shows_its_help_and_is_no_error(group: list[str]) -> None:
    alone, asked = run(*group), run(*group, "--help")
    assert (alone.exit_code, alone.stdout) == (0, asked.stdout)
    assert "Usage: " in alone.stdout


@each_row("words", COMMANDS, ids=" ".join)
def test_h_is_help_everywhere(words: tuple[str, ...]) -> None:
    short, long = run(*words, "-h"), run(*words, "--help")
    assert (short.exit_code, short.stdout) == (0, long.stdout)


def test_no_line_of_help_is_wider_than_80_columns_or_cut() -> None:
    for group in ([], ["local"], ["simulate"]):
        listed = run(*group, "--help").stdout
        assert "..." not in listed.replace("[ARGS]...", "")
        assert all(len(line) <= 80 for line in listed.splitlines())


def test_the_version_is_that_of_the_package() -> None:
    assert run("--version").stdout == f"darkroom {version('darkroom')}\n"


@each_row("words", sorted(COMMANDS.keys() - {tuple(name.split()) for name in SERVERS}), ids=" ".join)
def test_every_command_can_be_read_by_programs(words: tuple[str, ...]) -> None:
    assert "--json" in {name for parameter in COMMANDS[words].params for name in parameter.opts}


def test_the_stack_is_named_behind_the_command_or_before_it_or_by_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def noted(stack: str) -> None:
        asked.append(stack)
        raise NoDeployment("none")

    monkeypatch.setattr(deployment, "connect", noted)
    run("jobs")
    run("--stack", "before", "jobs")
    run("--stack=before", "jobs", "--stack", "behind")
    monkeypatch.setenv(deployment.STACK_VARIABLE, "environment")
    run("jobs")
    run("--stack", "before", "jobs")
    assert asked == ["darkroom", "before", "behind", "environment", "before"]


@each_row(("text", "begins", "ends"), [
    ("12h", NOW - timedelta(hours=12), None), ("1d", NOW - timedelta(days=1), None),
    ("90m", NOW - timedelta(minutes=90), None), ("2W", NOW - timedelta(weeks=2), None),
    ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)),
    ("2026-11-21", datetime(2026, 11, 21, tzinfo=UTC), datetime(2026, 11, 22, tzinfo=UTC)),
    ("2026-11-20T08:15", datetime(2026, 11, 20, 8, 15, tzinfo=UTC), None),
    ("2026-11-20 08:15:30Z", datetime(2026, 11, 20, 8, 15, 30, tzinfo=UTC), None),
])  # fmt: skip
def test_times_have_few_forms(text: str, begins: datetime, ends: datetime | None) -> None:
    assert times.begin(text, NOW) == begins
    assert times.end(text, NOW) == (ends or begins)


@each_row(("text", "words"), [
    ("yesterday", "12h or 1d"), ("20.11.2026", "2026-11-20"), ("1 day", "12h or 1d"), ("-1d", "12h or 1d"),
    ("2026-02-30", "calendar"), ("2026-11-22", "future"), ("2026-11-21T23:59", "future"), ("", "12h or 1d"),
    ("99999w", "ten years"), ("1926-11-20", "ten years"),
])  # fmt: skip
def test_a_wrong_time_is_explained_in_one_line(text: str, words: str) -> None:
    with pytest.raises(typer.BadParameter) as wrong:
        times.begin(text, NOW)
    (line,) = str(wrong.value.message).splitlines()
    assert words in line
    assert repr(text) in line


@pytest.mark.parametrize(("typed", "code", "words"), [
    ("n\n", 1, "nothing was changed"), ("", 1, "--yes"), ("y\n", 0, ""),
])  # fmt: skip
def test_a_question_without_agreement_changes_nothing(stack: Stack, typed: str, code: int, words: str) -> None:
    stack.application.make_ownership("old").refusal()
    answer = run("adopt-ledger", "--json", typed=typed)
    assert answer.exit_code == code
    assert words in answer.stderr
    assert (str(stack.ledger_ownership.owner()).startswith("the stack old")) == (code != 0)
    if code == 0:
        assert json.loads(answer.stdout.splitlines()[-1])["adopted"] is True


def test_ctrl_c_at_a_question_ends_with_130_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(io.StringIO):
        def readline(self, size: int | None = -1) -> str:
            raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin", Interrupted())
    with pytest.raises(typer.Exit) as ended:
        confirmation.agree("Really?", yes=False)
    assert ended.value.exit_code == 130


def test_changes_are_told_to_programs_as_one_object(stack: Stack) -> None:
    job = sent(stack.application)
    assert json.loads(run("cancel", job.job_id, "--json").stdout)["status"] == "CANCELLED"
    assert json.loads(run("pause", "topaz", "--why", "prices", "--json").stdout) == {
        "provider": "topaz", "paused": True, "why": "prices",
    }  # fmt: skip
    assert json.loads(run("resume", "topaz", "--json").stdout) == {"provider": "topaz", "paused": False, "handed_on": 0}
    assert json.loads(run("redrive", "--json").stdout) == {"sent_again": 0}
    assert json.loads(run("rerun", failed(stack.application, "b.jpg").job_id, "--json").stdout)["run"] == 2
    assert json.loads(run("reconcile", "--json").stdout)["provider"] == "topaz"


def test_a_cell_of_csv_is_no_formula(capsys: pytest.CaptureFixture[str]) -> None:
    machine_output.print_csv(["key", "usd"], [["=cmd()", None], ['a "quoted", key', 1]])
    assert capsys.readouterr().out.splitlines() == ["key,usd", "'=cmd(),", '"a ""quoted"", key",1']


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {}], ids=str)
def test_colours_are_for_terminals_that_want_them(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert bool(re.search(r"\x1b\[[0-9;]*3[0-9]", _printed_red())) == (not variables)


def _printed_red() -> str:
    console = terminal.console()
    with console.capture() as captured:
        console.print("text", style="red")
    return captured.get()


def test_a_pipe_gets_no_colours_and_one_line_a_picture(stack: Stack) -> None:
    sent(stack.application, "a/very long name " * 12 + ".jpg")
    answer = run("jobs").stdout
    assert "\x1b" not in answer
    assert len([line for line in answer.splitlines() if "very long name" in line]) == 1


MISTAKES: dict[str, tuple[list[str], dict[str, str], str]] = {
    "a wrong time": (["jobs", "--since", "tomorrow"], {}, "--since"),
    "no such command": (["nonsense"], {}, "nonsense"),
    "no job": (["job"], {}, "JOB"),
    "no such status": (["jobs", "--status", "LOST"], {}, "LOST"),
    "an empty region": (["jobs"], {"AWS_DEFAULT_REGION": ""}, "no AWS region is named"),
    "an endpoint that is no URL": (["status"], {"AWS_ENDPOINT_URL": "foo"}, "Correct AWS_ENDPOINT_URL"),
    "a region that is none": (["report"], {"AWS_DEFAULT_REGION": "eu_central_1"}, "Correct AWS_DEFAULT_REGION"),
    "an unknown profile": (["job", "x"], {"AWS_PROFILE": "nobody"}, "nobody"),
    "a broken configuration": (["pause", "topaz"], {"AWS_CONFIG_FILE": __file__}, "config file"),
}


@pytest.mark.parametrize(("words", "variables", "told"), MISTAKES.values(), ids=MISTAKES)
def test_a_users_mistake_is_explained_without_a_traceback(
    words: list[str], variables: dict[str, str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "eu-central-1"}
    for name, value in {
        **usual,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        **variables,
    }.items():
        monkeypatch.setenv(name, value)
    answer = run(*words)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert isinstance(answer.exception, SystemExit)
    assert told in answer.stderr
