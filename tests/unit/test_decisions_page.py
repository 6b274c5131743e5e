"""Tests that docs/decisions.md has a complete index, and that every decision has a date, a status and a rejected option."""

from __future__ import annotations

import re
from pathlib import Path

from tests.rows import each_row

PAGE = (Path(__file__).parents[2] / "docs/decisions.md").read_text(encoding="utf-8")
INDEX = re.findall(r"^\| \[(.+)\]\(#(.+)\) \| (\d{4}-\d\d-\d\d) \| (\w+) \|$", PAGE, re.MULTILINE)
ENTRIES = dict(entry.split("\n", 1) for entry in PAGE.split("\n## ")[1:])


def anchor(title: str) -> str:
    """Return the part of a link after `#` that leads to a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def test_the_index_lists_every_decision_in_the_order_of_the_page() -> None:
    assert [(title, link) for title, link, _, _ in INDEX] == [(title, anchor(title)) for title in ENTRIES]


@each_row("title", ENTRIES)
def test_a_decision_has_a_date_a_status_and_a_rejected_option(title: str) -> None:
    ((date, status),) = [(date, status) for named, _, date, status in INDEX if named == title]
    assert ENTRIES[title].startswith((f"{date}, {status}.", f"{date}, {status} by "))
    assert status in ("accepted", "amended", "superseded")
    assert re.search(r"^Rejected\b.*: \w", ENTRIES[title], re.MULTILINE)


def test_the_newest_decision_is_the_first() -> None:
    dates = [date for _, _, date, _ in INDEX]
    assert dates == sorted(dates, reverse=True)


def test_links_within_the_page_lead_somewhere() -> None:
    assert set(re.findall(r"\]\(#(.+?)\)", PAGE)) <= {anchor(title) for title in ENTRIES}
