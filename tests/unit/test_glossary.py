"""Tests that docs/glossary.md agrees with the code: each word has one line, each file of the pipeline has a line, and
every word is used.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

from tests.rows import each_row

ROOT = Path(__file__).parents[2]
PIPELINE = ROOT / "layers/core/darkroom/pipeline"
TREES = ("layers/core/darkroom", "functions", "cli/darkroom_cli")
PAGE = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
PROMISED = {
    "upload", "job", "run", "attempt", "process", "handle", "lease", "claim", "reservation", "settlement", "in doubt",
    "orphan", "staged", "superseded", "drift", "circuit", "circuit breaker", "sweep", "reconcile", "execution", "intake",
    "dead-letter queue", "redrive",
}  # fmt: skip
# Words of earlier versions that the glossary has replaced. No page for people may contain them.
RETIRED = ("dead letter queue", "take-over", "verdict", "workflow")


def rows() -> list[tuple[str, str, str]]:
    """Return the word, the meaning and the file of every line of the table."""
    lines = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| Word")]
    return [(word, meaning, file) for word, meaning, file in (_cells(line) for line in lines)]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


WORDS = [word for word, _, _ in rows()]


@functools.cache
def code() -> str:
    """Return the code of the application and of the command line as lower-case text. `in_doubt` and `in-doubt` become
    `in doubt` in it.
    """
    texts = (path.read_text(encoding="utf-8") for tree in TREES for path in sorted((ROOT / tree).rglob("*.py")))
    return re.sub(r"[-_\s]+", " ", "\n".join(texts)).lower()


def test_every_word_has_one_line_and_lines_are_in_alphabetical_order() -> None:
    assert sorted(set(WORDS)) == WORDS


def test_the_words_that_pages_rely_on_are_there() -> None:
    assert PROMISED - set(WORDS) == set()


@each_row("word", WORDS)
def test_a_meaning_is_whole_sentences_on_one_line(word: str) -> None:
    ((_, meaning, _),) = [row for row in rows() if row[0] == word]
    assert re.fullmatch(r"[A-Z].{10,120}\.", meaning)


def test_every_file_of_the_pipeline_has_a_line_and_every_file_named_is_there() -> None:
    named = [name for _, _, file in rows() for name in re.findall(r"`(\w+\.py)`", file)]
    assert sorted(named) == sorted(path.name for path in PIPELINE.glob("*.py") if path.name != "__init__.py")


@each_row("word", WORDS)
def test_the_code_uses_every_word(word: str) -> None:
    assert re.search(rf"\b{word.replace('-', ' ')}", code())


@each_row("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_no_page_uses_a_word_that_was_replaced(page: Path) -> None:
    text = page.read_text(encoding="utf-8").lower()
    assert [word for word in RETIRED if word in text] == []
