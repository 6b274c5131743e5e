"""Tests that docs/limits.md has every time and every bound of the pipeline and of the ledger, with the value in the code."""

from __future__ import annotations

import importlib
import re
from datetime import timedelta
from pathlib import Path

from tests.fakes.ledger_modules import RUNTIME, ledger_modules

PAGE = (Path(__file__).parents[2] / "docs" / "limits.md").read_text()
ROW = re.compile(r"^\| `(\w+)\.([A-Z_]+)` \| ([^|]+) \| [^|]+ \|$", re.MULTILINE)
UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))


def said(value: object) -> str:
    """Return a constant as the page says it. A day or an hour is named only if it is a whole number."""
    if isinstance(value, tuple):
        return ", ".join(map(said, value))
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        for length, unit in UNITS:
            if seconds >= length and seconds % length == 0 and seconds != 270:
                return f"{seconds / length:g} {unit}"
        return f"{seconds:g} s"
    return f"{value:,}"


def constants() -> dict[tuple[str, str], str]:
    """Return the constants that are a number, a time or several times, by module and name."""
    found = {}
    for path in ledger_modules():
        loaded = importlib.import_module(".".join(path.relative_to(RUNTIME).with_suffix("").parts))
        assigned = re.findall(r"^([A-Z][A-Z_]+)(?:: [^=]+)? = ", path.read_text(), re.MULTILINE)
        values = {name: getattr(loaded, name) for name in assigned}
        found |= {(path.stem, name): said(value) for name, value in values.items() if _is_bound(value)}
    return found


def _is_bound(value: object) -> bool:
    if isinstance(value, tuple) and value:
        return all(map(_is_bound, value))
    return isinstance(value, int | float | timedelta) and not isinstance(value, bool)


def test_the_page_has_all_constants_with_their_values() -> None:
    on_the_page = {(module, name): value for module, name, value in ROW.findall(PAGE)}
    assert on_the_page == constants()
