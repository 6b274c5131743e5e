"""Tests that the pages about the commands say what the commands do: their help, their screens, and docs/commands.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.unit.cli_support import run
from tests.unit.command_screens import screens, with_screens
from tests.unit.showcase import showcase

from darkroom_cli import help_page
from darkroom_cli.console import exit_codes
from darkroom_cli.main import app

DOCS = Path(__file__).parents[2] / "docs"
COMMANDS_PAGE = (DOCS / "commands.md").read_text(encoding="utf-8")
ELSEWHERE = {"local", "simulate"}  # docs/local.md describes these groups
ROW = re.compile(r"^\| `darkroom ([a-z-]+)[^\n]*$", re.MULTILINE)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def root() -> Any:
    return typer.main.get_command(app)


@pytest.fixture(scope="module")
def shown() -> Iterator[dict[str, str]]:
    with showcase():
        yield dict(screens())


def test_the_page_of_help_is_what_the_commands_print() -> None:
    written = (DOCS / "command-help.md").read_text(encoding="utf-8")
    assert written == help_page.page(), "run `make docs`"


def test_the_screens_are_what_the_commands_print(shown: dict[str, str]) -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "screens").glob("*.txt")}
    assert written == shown, "run `make docs`"


def test_the_examples_are_what_the_commands_print(shown: dict[str, str]) -> None:
    assert with_screens(COMMANDS_PAGE, shown) == COMMANDS_PAGE, "run `make docs`"
    assert shown["status-80.txt"] in COMMANDS_PAGE


def test_the_examples_of_models_are_what_the_command_prints() -> None:
    examples = dict(
        re.findall(r"^\$ darkroom (models[^\n]*)\n(.*?)(?=\n\$ |\n```)", COMMANDS_PAGE, re.MULTILINE | re.DOTALL)
    )
    assert set(examples) == {"models", "models uwear", "models uwear topaz"}
    for command, shown in examples.items():
        printed = run(*command.split()).stdout.strip("\n").splitlines()
        assert shown.rstrip().splitlines() == [line.rstrip() for line in printed]


def test_no_line_of_a_screen_is_wider_than_its_terminal(shown: dict[str, str]) -> None:
    for name, text in shown.items():
        width = int(name.removesuffix(".txt").rpartition("-")[2])
        _, *lines = [
            line for line in text.splitlines() if not line.startswith("looked at")
        ]  # which is on standard error
        assert [line for line in lines if len(line) > width] == []


def test_every_command_has_a_row_and_every_row_a_command() -> None:
    assert set(ROW.findall(COMMANDS_PAGE)) == root().commands.keys() - ELSEWHERE


def test_every_option_of_a_row_is_one_of_the_command() -> None:
    for row in ROW.finditer(COMMANDS_PAGE):
        usage = row[0].split(" | ")[0]
        known = {name for parameter in root().commands[row[1]].params for name in parameter.opts}
        assert set(OPTION.findall(usage)) <= known, usage


def test_the_page_explains_every_exit_code() -> None:
    listed = {int(code) for code in re.findall(r"^- (\d+): ", COMMANDS_PAGE, re.MULTILINE)}
    assert listed == {value for name, value in vars(exit_codes).items() if name.isupper()}
