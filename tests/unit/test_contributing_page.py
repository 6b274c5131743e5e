"""Tests that CONTRIBUTING.md names only files that exist."""

from __future__ import annotations

import re
from pathlib import Path

from tests.rows import each_row

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PATHS = sorted(set(re.findall(r"`([\w<>./]+(?:/|\.py|\.toml|\.yaml|\.md))`", PAGE)))


def test_the_page_names_files() -> None:
    assert len(PATHS) > 20


@each_row("path", PATHS)
def test_a_path_on_the_page_leads_to_something(path: str) -> None:
    named = path.replace("<provider>", "topaz")
    assert [base for base in (ROOT, ROOT / "layers/core/darkroom") if (base / named).exists()]


@each_row("target", re.findall(r"\]\(([\w./]+)\)", PAGE))
def test_a_link_on_the_page_leads_to_something(target: str) -> None:
    assert (ROOT / target).exists()
