"""Tests that docs/ledger.md agrees with the code about every clause of a job's transitions, every status and every alarm."""

from __future__ import annotations

import re
from pathlib import Path

from tests.rows import each_row

from darkroom.aws import budgets, callback_ledger, job_transitions, output_claims, process_claims
from darkroom.model import JobStatus

PAGE = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text(encoding="utf-8")
CLAUSE = re.compile(r"[A-Z]+(?:_[A-Z]+)*")
# Clauses of rows that are not jobs' rows. The page does not list them.
ELSEWHERE = {"KNOWN", "STILL_DUE"}


def clauses() -> set[str]:
    """Return the names of all conditions on jobs, output keys and budgets, as the modules define them."""
    named = {
        name: value
        for module in (job_transitions, output_claims, process_claims, budgets, callback_ledger)
        for name, value in vars(module).items()
        if name.isupper() and isinstance(value, str) and ("#" in value or "attribute_" in value)
    }
    return set(named)


def in_table() -> set[str]:
    """Return every word of the transition table that is in code quotes and is written like the name of a clause."""
    table = PAGE.split("| Step | Transition |")[1].split("\n\n")[0]
    quoted = {word for word in re.findall(r"`([^`]+)`", table) if CLAUSE.fullmatch(word)}
    return quoted - {status.value for status in JobStatus}


def test_the_page_names_every_clause_and_no_other() -> None:
    assert in_table() == clauses() - ELSEWHERE


@each_row("status", JobStatus)
def test_the_picture_of_a_jobs_life_shows_every_status(status: JobStatus) -> None:
    picture = PAGE.split("## A job's life")[1].split("```")[1]
    assert status.value in picture


@each_row(
    "name",
    ["job_transitions", "output_claims", "budgets", "circuits", "sweep_queries", "operator_ledger", "callback_ledger"],
)
def test_every_clause_says_which_history_it_covers(name: str) -> None:
    path = Path(job_transitions.__file__).with_name(f"{name}.py")
    lines = path.read_text(encoding="utf-8").splitlines()
    defined = [n for n, line in enumerate(lines) if re.match(r'[A-Z_]+ = "(#|attribute_)', line)]
    assert all(lines[n - 1].startswith("# ") for n in defined)
    assert defined or name not in ("job_transitions", "output_claims", "budgets")
