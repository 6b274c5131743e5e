"""Tests the view of a batch: what it counts, how little it reads, how it fits its window, and how it ends."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from rich.console import Console
from tests.rows import each_row
from tests.unit.cli_support import Stack, run
from tests.unit.showcase import NOW, bound, job, over, put, reserved, showcase, story

from darkroom.model import Job, JobStatus
from darkroom_cli.batch import live_view, tally
from darkroom_cli.batch.tally import progress
from darkroom_cli.console import terminal
from darkroom_cli.stack.batch_reader import MOST_READ, BatchReader

STORY = {each.source_key: each for each in story()}


@pytest.fixture
def stack() -> Iterator[Stack]:
    with showcase() as stack:
        yield stack


def ended(number: int, minutes_ago: float = 1) -> Job:
    return over(bound(reserved(job(f"{number}.jpg", JobStatus.COMPLETED, minutes_ago))), "1", after=0)


def test_a_batch_is_counted_with_its_money() -> None:
    found = progress(story(), NOW)
    assert (found.total, found.done, found.without_result, found.in_doubt, found.skipped) == (17, 3, 4, 1, 1)
    assert found.ended + found.under_way == found.total
    assert found.credits == {"oxen": 500, "topaz": 3}
    assert found.reserved == {"topaz": 7}
    assert found.usd == Decimal("0.41")


def test_the_time_left_follows_from_the_pace_of_the_last_minutes() -> None:
    batch = [*(ended(n, minutes_ago=n / 6) for n in range(12)), job("open.jpg", JobStatus.CLAIMED, 1)]
    found = progress(batch, NOW)
    assert found.per_minute == pytest.approx(6, rel=0.1)
    assert found.left is not None
    assert found.left == pytest.approx(timedelta(seconds=10), rel=0.1)
    old = [ended(n, minutes_ago=n + 20) for n in range(12)]
    assert progress(old, NOW).per_minute is None


class Table:
    """Finds jobs by id, and counts."""

    def __init__(self, *jobs: Job) -> None:
        self.jobs = {each.job_id: each for each in jobs}
        self.asked: list[str] = []

    def find(self, job_ids: Sequence[str]) -> Mapping[str, Job]:
        self.asked += job_ids
        return {job_id: self.jobs[job_id] for job_id in job_ids}

    def discover(self, looked_at: datetime | None, now: datetime) -> list[Job]:
        return list(self.jobs.values()) if looked_at is None else []


def test_jobs_that_have_ended_are_not_read_again() -> None:
    table = Table(*story())
    reader = BatchReader(table.find, table.discover)
    assert len(reader.look(NOW)) == len(STORY)
    assert reader.look(NOW) == []
    assert sorted(table.asked) == sorted(each.job_id for each in story() if not each.is_terminal)


def test_a_large_batch_is_read_in_turns() -> None:
    table = Table(*(job(f"{n}.jpg", JobStatus.PROCESSING, 1) for n in range(2 * MOST_READ)))
    reader = BatchReader(table.find, table.discover)
    reader.look(NOW)
    reader.look(NOW)
    assert len(table.asked) == MOST_READ
    reader.look(NOW)
    assert set(table.asked) == set(table.jobs)


def test_a_change_is_told_once() -> None:
    first = job("a.jpg", JobStatus.CLAIMED, 1)
    table = Table(first)
    reader = BatchReader(table.find, table.discover)
    reader.look(NOW)
    table.jobs[first.job_id] = over(reserved(replace(first, status=JobStatus.COMPLETED)), "1")
    assert [each.status for each in reader.look(NOW)] == [JobStatus.COMPLETED]
    assert reader.look(NOW) == []


@each_row("jobs", [1, 17, 50, 5000])
@each_row(("width", "height"), [(80, 24), (120, 50), (40, 8)])
def test_the_view_is_never_taller_or_wider_than_its_window(jobs: int, width: int, height: int) -> None:
    batch = [
        replace(list(STORY.values())[n % 17], job_id=f"{n:032}", source_key=f"{n}/鮮明 {n}.jpg") for n in range(jobs)
    ]
    page = io.StringIO()
    console = Console(width=width, height=height, file=page)
    console.print(live_view.view(batch, progress(batch, NOW), console))
    lines = page.getvalue().splitlines()
    assert len(lines) <= height
    assert max(len(line.rstrip()) for line in lines) <= width


def test_what_needs_a_person_is_always_in_view() -> None:
    batch = [*(ended(n) for n in range(100)), STORY["doubt/bridge.jpg"], STORY["spring/harbour.jpg"]]
    page = io.StringIO()
    console = Console(width=80, height=10, file=page)
    console.print(live_view.view(batch, progress(batch, NOW), console))
    assert "doubt/bridge.jpg" in page.getvalue()
    assert "spring/harbour.jpg" in page.getvalue()
    assert "98 more" in page.getvalue()


@pytest.fixture
def ends_after_looks(monkeypatch: pytest.MonkeyPatch, stack: Stack) -> None:
    """Press Ctrl-C after the third look. Between the looks, a job comes and another one ends."""
    looks: list[float] = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 1:
            stack.application.clock.advance(seconds)
            put(stack, job("later.jpg", JobStatus.CLAIMED, -0.02))
            put(stack, over(bound(reserved(replace(STORY["autumn/mill.jpg"], status=JobStatus.COMPLETED))), "1"))
        if len(looks) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(live_view, "pause", sleep)


@pytest.mark.usefixtures("ends_after_looks")
class TestWatching:
    def test_in_a_pipe_each_change_is_a_line_and_ctrl_c_changes_nothing(self, stack: Stack) -> None:
        before = stack.application.cloud.rows()
        answer = run("jobs", "--watch")
        assert answer.exit_code == 130
        assert "the jobs go on" in answer.stderr
        lines = answer.stdout.splitlines()
        assert len(lines) == sum(not each.is_terminal for each in story()) + 2
        assert [line for line in lines if "autumn/mill.jpg" in line][-1].split()[3] == "COMPLETED"
        assert [line for line in lines if "later.jpg" in line]
        changed = {(row["pk"]["S"], row["sk"]["S"]) for row in stack.application.cloud.rows() if row not in before}
        assert changed == {
            (f"JOB#{job(key, JobStatus.CLAIMED, 0).job_id}", "JOB") for key in ("later.jpg", "autumn/mill.jpg")
        }

    def test_json_has_an_object_for_each_change(self) -> None:
        told = [
            json.loads(line) for line in run("jobs", "--watch", "--json", "--prefix", "autumn/").stdout.splitlines()
        ]
        assert [each["status"] for each in told if each["source_key"] == "autumn/mill.jpg"] == [
            "SUBMITTING",
            "COMPLETED",
        ]
        assert all(each["source_key"].startswith("autumn/") for each in told)

    def test_since_follows_ended_jobs_too(self) -> None:
        told = run("jobs", "--watch", "--json", "--since", "6h").stdout.splitlines()
        assert len({json.loads(line)["job_id"] for line in told}) == len(STORY) + 1

    def test_on_a_terminal_the_table_is_drawn_in_place(self, monkeypatch: pytest.MonkeyPatch) -> None:
        page = io.StringIO()
        monkeypatch.setattr(terminal, "console", lambda: Console(width=80, height=30, file=page, force_terminal=True))
        assert run("jobs", "--watch").exit_code == 130
        drawn = page.getvalue()
        assert "\x1b[2J" not in drawn  # the screen is never cleared, which would flicker
        assert drawn.count("under way") == 4  # three looks, and the last state once more at the end
        assert tally.progress([], NOW).total == 0


def test_a_batch_that_has_ended_ends_the_view_if_asked_to(stack: Stack) -> None:
    done = [ended(number) for number in range(3)]
    table = Table(*done)
    found = live_view.watch(BatchReader(table.find, table.discover), stack.clock, until_ended=True)
    assert found.done == 3
