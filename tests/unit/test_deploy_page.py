"""Tests that docs/deploy.md agrees with template.yaml about the parameters and about what each role may do."""

from __future__ import annotations

import re

from tests.rows import each_row
from tests.unit.template_support import FUNCTIONS, ROOT, TEMPLATE, actions, of_type, statements

PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
ROLES = {
    "SubmitRole": "submit", "LinkRole": "LinkRole", "PollRole": "poll", "FinalizeRole": "finalize", "SweepRole": "sweep",
    "CallbackRole": "callback, with `Callbacks=on`", "SweepSchedulerRole": "sweep's schedule",
    "StateMachineRole": "state machine",
}  # fmt: skip
SHARED = "each of these four functions"


def table(heading: str) -> list[list[str]]:
    """Return the rows of the first table of a section, without its header."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def said() -> dict[str, set[str]]:
    """Return the actions that the page lists for each role. A row without a role belongs to the role above it."""
    found: dict[str, set[str]] = {}
    role = ""
    for named, listed, *_ in table("Permissions"):
        role = named or role
        found.setdefault(role, set()).update(re.findall(r"`([^`]+)`", listed))
    return found


def test_every_role_of_the_template_has_its_rows_and_no_row_is_left_over() -> None:
    assert set(ROLES) == set(of_type("AWS::IAM::Role"))
    assert set(said()) == {*ROLES.values(), SHARED}


@each_row("role", ROLES)
def test_the_page_lists_what_a_role_may_do_and_nothing_else(role: str) -> None:
    granted = {action for statement in statements(role) for action in actions(statement)}
    shared = said()[SHARED] if role.removesuffix("Role") in FUNCTIONS else set()
    assert said()[ROLES[role]] | shared == granted


def test_the_page_lists_every_parameter() -> None:
    listed = [name for row in table("Parameters") for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(listed) == sorted(TEMPLATE["Parameters"])
