"""Tests `darkroom adopt-ledger`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.fakes.aws_account import INPUT
from tests.unit.cli_support import Stack, deployed, run
from tests.unit.template_support import ROOT, TEMPLATE

from darkroom.model import LedgerOwner


@pytest.fixture
def stack() -> Iterator[Stack]:
    with deployed() as stack:
        yield stack


def owner(stack: Stack) -> LedgerOwner | None:
    return stack.ledger_ownership.owner()


def belongs_to(stack: Stack, name: str) -> None:
    assert stack.application.make_ownership(name).refusal() is None


def test_a_person_is_shown_the_owner_and_asked(stack: Stack) -> None:
    belongs_to(stack, "old")
    refused = run("adopt-ledger", typed="n\n")
    assert f"belongs to the stack old with the input bucket {INPUT}" in refused.stderr
    assert owner(stack) == LedgerOwner("old", INPUT)
    run("adopt-ledger", typed="y\n")
    assert owner(stack) == LedgerOwner("darkroom", INPUT)


def test_with_yes_nobody_is_asked(stack: Stack) -> None:
    belongs_to(stack, "old")
    assert run("adopt-ledger", "--yes").exit_code == 0
    assert owner(stack) == LedgerOwner("darkroom", INPUT)


def test_the_owner_has_nothing_to_adopt(stack: Stack) -> None:
    belongs_to(stack, "darkroom")
    assert "already" in run("adopt-ledger").stdout


def test_the_help_the_alarm_and_the_page_know_that_another_input_bucket_needs_the_handover_too() -> None:
    alarm = TEMPLATE["Resources"]["LedgerAlarm"]["Properties"]["AlarmDescription"]
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    (row,) = (line for line in page.splitlines() if line.startswith("| `LedgerAlarm` |"))
    help_text = " ".join(run("adopt-ledger", "--help").stdout.split())
    for text in (alarm, row, help_text):
        assert "another input bucket" in text
