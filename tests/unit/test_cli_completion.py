"""Tests what shells offer when Tab is pressed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.rows import each_row
from tests.unit.cli_support import Stack
from tests.unit.showcase import showcase
from typer.testing import CliRunner

from darkroom import catalog
from darkroom_cli.main import app
from darkroom_cli.stack import deployment
from darkroom_cli.stack.deployment import NoDeployment


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with showcase() as stack:
        yield stack


def offered(line: str) -> list[str]:
    """Return the words that bash is offered at the end of the line."""
    words = line.split(" ")
    environment = {"_DARKROOM_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    answer = CliRunner().invoke(app, [], env=environment, prog_name="darkroom")
    assert answer.stderr == ""
    return [word for word in answer.stdout.splitlines() if word]


@each_row(("line", "words"), [
    ("darkroom pause ", list(catalog.providers())), ("darkroom resume t", ["topaz"]), ("darkroom presets o", ["oxen"]),
    ("darkroom models uwear ", ["recraft", "topaz"]), ("darkroom jobs --model Redef", ["Redefine"]),
    ("darkroom jobs --status CL", ["CLAIMED"]), ("darkroom rerun --code Budget", ["BudgetExceeded"]),
    ("darkroom report --by fo", ["folder"]), ("darkroom plan x --set max_", ["max_credits="]),
    ("darkroom explain x --set provider=o", ["provider=oxen"]), ("darkroom sta", ["status"]),
])  # fmt: skip
def test_what_is_begun_is_completed(line: str, words: list[str]) -> None:
    assert offered(line) == words


@pytest.mark.usefixtures("stack")
def test_open_jobs_are_offered_by_short_id_and_by_key() -> None:
    assert offered("darkroom job f6d6") == ["f6d67c07"]
    assert offered("darkroom cancel catalog/c") == ["catalog/coat.jpg"]
    assert len(offered("darkroom job ")) == 9


def test_without_a_stack_nothing_is_offered_and_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise NoDeployment(name)

    monkeypatch.setattr(deployment, "connect", absent)
    assert offered("darkroom job ") == []


def test_the_stack_that_is_named_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def noted(name: str) -> None:
        asked.append(name)
        raise NoDeployment(name)

    monkeypatch.setattr(deployment, "connect", noted)
    offered("darkroom --stack before job ")
    offered("darkroom cancel --stack behind ")
    assert asked == ["before", "behind"]
