"""Tests that docs/security.md agrees with template.yaml about what each role may do, and that each threat names its tests."""

from __future__ import annotations

import re

from tests.rows import each_row
from tests.unit.template_support import FUNCTIONS, ROOT, actions, of_type, statements, table

ROLES = {
    "SubmitRole": "submit", "LinkRole": "LinkRole", "PollRole": "poll", "FinalizeRole": "finalize", "SweepRole": "sweep",
    "CallbackRole": "callback, with `Callbacks=on`", "SweepSchedulerRole": "sweep's schedule",
    "StateMachineRole": "state machine",
}  # fmt: skip
SHARED = "each of these four functions"


def said() -> dict[str, set[str]]:
    """Return the actions that the page lists for each role. A row without a role belongs to the role above it."""
    found: dict[str, set[str]] = {}
    role = ""
    for named, listed, *_ in table("security.md", "Permissions"):
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


@each_row("row", table("security.md", "Threats"))
def test_each_threat_names_tests_that_are_there(row: list[str]) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)`", row[2])
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
