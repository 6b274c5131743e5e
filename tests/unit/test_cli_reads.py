"""Tests that no command's reads grow with the ledger: 5,000 jobs more cost no read more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from tests.fakes.memory_dynamodb import InMemoryDynamo
from tests.unit.cli_support import Stack, run
from tests.unit.showcase import MONTH, NOW, job, over, planned, put, showcase

from darkroom.model import Job, JobStatus
from darkroom_cli.commands.jobs import LISTED
from darkroom_cli.status.facts import MOST_OF_TODAY

MANY = 5000
MANY_OF_TODAY = 3 * MOST_OF_TODAY
A_DAY = 24 * 60
SHORT_ID = "f6d67c07"  # doubt/bridge.jpg
ROWS_A_READ = 100
COMMANDS = {
    "open jobs": ["jobs"],
    "of a status": ["jobs", "--status", "FAILED"],
    "of a code": ["jobs", "--code", "BudgetExceeded", "--json"],
    "of a label": ["jobs", "--label", "spring"],
    "of a prefix": ["jobs", "--prefix", "autumn/", "--csv"],
    "of a model": ["jobs", "--model", "recraft"],
    "of a key": ["jobs", "--key", "spring/lake.jpg"],
    "a job by its key": ["job", "spring/harbour.jpg"],
    "a job by a short id": ["job", SHORT_ID],
    "a job by its result": ["job", "s3://darkroom-out/spring/lake.jpg"],
    "no job": ["job", "nowhere.jpg"],
    "one look": ["status"],
    "by month": ["report", "--by", "month"],
    "by label": ["report", "--by", "label"],
    "a pause": ["pause", "topaz"],
    "a rerun by code": ["rerun", "--code", "TimedOut"],
}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with showcase() as stack:
        yield stack


def many(jobs: int, days_ago: int, days: int) -> Iterator[Job]:
    """Yield so many jobs that ended, spread over so many days, the last of them `days_ago` days ago."""
    for number in range(jobs):
        minutes = (days_ago + number % days) * A_DAY + 800 * number / jobs
        made = planned(job(f"many/{days_ago}/{number}.jpg", JobStatus.COMPLETED, minutes))
        yield over(made, error_code="TimedOut")


@contextmanager
def reads() -> Iterator[Counter[str]]:
    """Count the requests that read the table. A query counts also what it returned, in units of 100 rows."""
    counted: Counter[str] = Counter()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("get_item", "batch_get_item", "query", "scan"):
            patch.setattr(InMemoryDynamo, name, _counting(getattr(InMemoryDynamo, name), name, counted))
        yield counted


def _counting(read: Any, name: str, counted: Counter[str]) -> Any:
    def counting(self: InMemoryDynamo, **request: Any) -> Any:
        counted[name] += 1
        return read(self, **request)

    return counting


def read_by(arguments: list[str]) -> Counter[str]:
    with reads() as counted:
        answer = run(*arguments)
    assert "Traceback" not in answer.output
    assert counted["scan"] == 0
    return counted


def test_5000_older_jobs_cost_no_command_a_read_more(stack: Stack) -> None:
    before = {name: read_by(arguments) for name, arguments in COMMANDS.items()}
    put(stack, *many(MANY, days_ago=40, days=100))
    assert {name: read_by(arguments) for name, arguments in COMMANDS.items()} == before


def test_the_months_need_one_read_for_each_budget(stack: Stack) -> None:
    assert read_by(["report", "--by", "month", "--since", f"{MONTH}-01"])["query"] == 5


def test_open_jobs_are_found_at_any_age(stack: Stack) -> None:
    old = job("ancient.jpg", JobStatus.IN_DOUBT, 90 * A_DAY, due_at=NOW - timedelta(days=89))
    put(stack, old)
    assert "ancient.jpg" in run("jobs").stdout
    assert "ancient.jpg" in run("job", old.job_id[:8]).stdout


def test_of_3000_jobs_of_today_a_bounded_number_is_read(stack: Stack) -> None:
    put(stack, *many(MANY_OF_TODAY, days_ago=0, days=1))
    today = stack.job_queries.count_uploaded(NOW.replace(hour=0), NOW + timedelta(minutes=1))
    assert today > MOST_OF_TODAY
    status = read_by(["status"])
    assert status["batch_get_item"] <= MOST_OF_TODAY / ROWS_A_READ + 4
    assert status["query"] <= MOST_OF_TODAY / ROWS_A_READ + 12
    listed = read_by(["jobs", "--since", NOW.strftime("%Y-%m-%d")])
    assert listed["batch_get_item"] <= LISTED / ROWS_A_READ + 1
    shown = run("status").stdout
    assert f"{today:,} uploads" in shown
    assert "of the newest 1,000" in shown
