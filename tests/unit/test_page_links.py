"""Tests that every link on the pages leads to a file and a heading, and that the README leads to every page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.rows import each_row

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def links(page: Path) -> Iterator[tuple[str, str]]:
    """Yield the path and the heading of each link into this project."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    for target in _LINK.findall(text):
        if not target.startswith(("https:", "http:", "mailto:")):
            path, _, heading = target.partition("#")
            yield path, heading


@cache
def headings(page: Path) -> set[str]:
    """Return the names under which a browser of Markdown finds the page's headings."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@each_row("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for path, heading in links(page):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        assert not heading or heading in headings(target), f"{path}#{heading}"


def test_the_readme_leads_to_every_page() -> None:
    reached = {(ROOT / path).resolve() for path, _ in links(ROOT / "README.md")}
    assert [page.name for page in PAGES if page not in reached and page.name != "README.md"] == []


def test_a_picture_on_a_page_is_small() -> None:
    assert (ROOT / "docs" / "before-after.jpg").stat().st_size <= 100_000
