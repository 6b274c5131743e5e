"""Tests that the numbers about polling in docs/performance.md are those that the benchmark computes."""

from __future__ import annotations

from pathlib import Path

from benchmarks import polls
from benchmarks.support.reporting import said

PAGE = (Path(__file__).parents[2] / "docs/performance.md").read_text()


def test_the_page_shows_what_the_schedule_does() -> None:
    result = polls.run()
    (table,) = result.tables
    rows = ["| " + " | ".join(map(said, row)) + " |" for row in table.rows]
    assert [row for row in rows if row not in PAGE] == []
    assert result.missed() == ["share the median job is late, eta half too long"]  # the page names this missed goal too
