"""Tests which layouts of the generated corpus are accepted, and that docs/pictures.md says the same."""

from __future__ import annotations

import re
from pathlib import Path

from tests.rows import each_row
from tests.unit.picture_corpus import LAYOUTS, Layout

from darkroom.errors import UnsupportedFormat
from darkroom.images import MAX_BYTES, MAX_READS, inspect

PAGE = Path(__file__).parents[2] / "docs" / "pictures.md"
ROW = re.compile(r"^\| (?P<name>[^|]+) \| (?P<right>accepted|refused) \| (?P<before>[^|]+) \| (?P<now>[^|]+) \|$", re.M)
# The share of wrong answers to cut pictures that do not stand alone; of all others none may be wrong.
MAX_WRONG_SHARE = {"cut JPEG and a video": 0.02, "cut JPEG and a second JPEG": 0.1}


def is_accepted(data: bytes) -> bool:
    taken: list[int] = []

    def read(offset: int, length: int) -> bytes:
        taken.append(length)
        return data[offset : offset + length]

    try:
        inspect(read, len(data))
    except UnsupportedFormat:
        return False
    finally:
        assert len(taken) <= MAX_READS
        assert sum(taken) <= MAX_BYTES
    return True


@each_row("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_layout_gets_its_right_answer(layout: Layout) -> None:
    answers = [is_accepted(data) for data in layout.files()]
    wrong = sum(answer is not layout.is_right for answer in answers)
    assert wrong <= MAX_WRONG_SHARE.get(layout.name, 0) * len(answers)
    row = next(row for row in ROW.finditer(PAGE.read_text()) if row["name"] == layout.name)
    assert row["right"] == ("accepted" if layout.is_right else "refused")
    assert row["now"] == f"{sum(answers)} of {len(answers)}"


def test_the_page_has_no_row_without_a_layout() -> None:
    assert {row["name"] for row in ROW.finditer(PAGE.read_text())} == {layout.name for layout in LAYOUTS}
