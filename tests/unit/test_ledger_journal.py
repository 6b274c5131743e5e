"""Tests which parts of a folder's ledger journal still count after every process of a run was killed."""

from __future__ import annotations

import contextlib
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from darkroom_local.emulator.ledger_journal import DEADLINE, Change, Journal, Row, jobs_in, prepare, rows_of
from darkroom_local.stack.deployment import read_template
from darkroom_local.stack.packaging import find_application

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
LATER = "2026-11-29T12:05:00.000Z"
MONTH = ("BUDGET#topaz", "2026-11")


def job(status: str, **more: str) -> Row:
    return {name: {"S": value} for name, value in {"status": status, "provider": "topaz", **more}.items()}


def written(path: Path, rows: dict[tuple[str, str], Row | None]) -> Path:
    with contextlib.closing(Journal(path)) as journal:
        journal.append(Change(key, row) for key, row in rows.items())
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.jsonl"


def test_the_last_write_of_a_row_counts(path: Path) -> None:
    written(path, {("JOB#a", "JOB"): job("SUBMITTING"), ("JOB#b", "JOB"): job("CLAIMED")})
    written(path, {("JOB#a", "JOB"): job("PROCESSING"), ("JOB#b", "JOB"): None})
    assert rows_of(path) == {("JOB#a", "JOB"): job("PROCESSING")}


def test_a_line_that_is_cut_counts_for_nothing_and_spoils_no_later_one(path: Path) -> None:
    written(path, {("JOB#a", "JOB"): job("PROCESSING")})
    with path.open("ab") as file:
        file.write(b'[["JOB#a", "JOB", {"status"')
    prepare(path, NOW, ())
    written(path, {("JOB#b", "JOB"): job("PROCESSING")})
    assert set(rows_of(path)) == {("JOB#a", "JOB"), ("JOB#b", "JOB")}


def test_a_long_journal_is_not_held_in_memory(path: Path) -> None:
    for number in range(200):
        written(path, {("JOB#a", "JOB"): job("PROCESSING", error=f"{number}" * 10_000)})
    tracemalloc.start()
    try:
        rows_of(path)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < path.stat().st_size / 4


def test_a_journal_that_is_written_anew_is_not_held_in_memory_by_its_readers(path: Path) -> None:
    rows = {(f"JOB#{number}", "JOB"): job("COMPLETED") for number in range(2500)}
    prepare(written(path, dict(rows)), NOW, ())
    assert len(path.read_bytes().splitlines()) == 3
    assert rows_of(path) == rows


def test_the_lease_of_a_dead_worker_is_over_and_the_grace_is_counted_from_its_end(path: Path) -> None:
    written(path, {("JOB#a", "JOB"): job("SUBMITTING", lease_until=LATER, source_key="a.jpg")})
    prepare(path, NOW, ())
    # 12:00 less the 20 s by which two workers' clocks may differ, which the lookup adds: here is one clock.
    assert rows_of(path)["JOB#a", "JOB"]["lease_until"]["S"] == "2026-11-29T11:59:40.000Z"
    assert [(job.key, job.is_under_way) for job in jobs_in(rows_of(path))] == [("a.jpg", True)]


def test_the_deadline_of_a_submit_without_an_answer_begins_anew_and_that_of_a_process_does_not(path: Path) -> None:
    unanswered, bound = job("SUBMITTING", deadline_at=LATER), job("PROCESSING", deadline_at=LATER)
    written(path, {("JOB#a", "JOB"): unanswered, ("JOB#b", "JOB"): bound})
    prepare(path, NOW, (), timedelta(hours=2))
    until = {key[0]: row["deadline_at"]["S"] for key, row in rows_of(path).items()}
    assert until == {"JOB#a": "2026-11-29T14:00:00.000Z", "JOB#b": LATER}


def test_the_deadline_that_a_run_has_without_the_parameter_is_the_templates() -> None:
    parameters = read_template(find_application())["Parameters"]
    assert timedelta(hours=parameters["JobDeadlineHours"]["Default"]) == DEADLINE


def test_claims_open_circuits_and_the_sweeps_notes_do_not_last(path: Path) -> None:
    pause: Row = {"paused_at": {"S": LATER}}
    rows = {("JOB#a", "JOB"): job("CLAIMED"), ("CIRCUIT#topaz", "CIRCUIT"): {}, ("SWEEP", "TASK#Lost"): {}}
    prepare(written(path, {**rows, ("CIRCUIT#oxen", "CIRCUIT"): pause}), NOW, ())
    assert rows_of(path) == {("CIRCUIT#oxen", "CIRCUIT"): pause}


def test_what_was_sent_to_a_simulator_is_dropped_with_its_reservation_and_what_it_charged_lasts(path: Path) -> None:
    numbers = {"credits_reserved": {"N": "3"}, "credit_price_usd": {"N": "0.1"}}
    sent = {**job("PROCESSING", budget_month="2026-11"), **numbers}
    month = {
        name: {"N": value} for name, value in {"reserved": "3", "spent": "2", "committed": "5", "jobs": "2"}.items()
    }
    prepare(written(path, {("JOB#a", "JOB"): sent, MONTH: month}), NOW, {"topaz"})
    left = {
        name: {"N": value} for name, value in {"reserved": "0", "spent": "2", "committed": "2", "jobs": "1"}.items()
    }
    assert rows_of(path) == {MONTH: left}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_a_full_disk_is_an_error() -> None:
    with contextlib.closing(Journal(Path("/dev/full"))) as journal, pytest.raises(OSError, match="space"):
        journal.append([Change(("JOB#a", "JOB"), job("CLAIMED"))])
