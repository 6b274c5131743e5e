"""Tests tables on terminals of any width: no word is ever broken or lost."""

from __future__ import annotations

import io
from collections.abc import Callable

from rich import box
from rich.console import Console
from rich.table import Table
from tests.rows import each_row

from darkroom import catalog
from darkroom_cli.catalogs import tables
from darkroom_cli.commands import presets
from darkroom_cli.console.fitted_table import FittedTable

TABLES: dict[str, Callable[[], FittedTable]] = {
    "providers": lambda: tables.providers_table(map(catalog.load, catalog.providers())),
    "models": lambda: tables.models_table(catalog.load("topaz")),
    "presets": lambda: presets._table([("topaz", each) for each in catalog.presets("topaz").values()]),
}


def printed(table: FittedTable, width: int) -> str:
    page = io.StringIO()
    Console(width=width, file=page).print(table)
    return page.getvalue()


@each_row("width", [40, 80, 100, 120, 170])
@each_row("name", TABLES)
def test_every_word_is_whole_and_every_line_fits(name: str, width: int) -> None:
    table = TABLES[name]()
    words = {word for column in table.table.columns for cell in column.cells for word in str(cell).split()}
    shown = printed(table, width)
    assert words <= set(shown.split())
    assert max(map(len, shown.splitlines())) <= width


def small(*rows: tuple[str, str]) -> FittedTable:
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("name")
    table.add_column("what it says")
    for row in rows:
        table.add_row(*row)
    return FittedTable(table)


def test_room_goes_to_the_column_that_needs_it() -> None:
    shown = printed(small(("a", "six words that need one line"), ("b", "")), 44)
    assert "six words that need one line" in shown


def test_what_fits_in_no_form_is_a_block_for_each_row() -> None:
    shown = printed(small(("incomprehensible", "misunderstandings"), ("b", "")), 34)
    lines = [line.rstrip() for line in shown.splitlines()]
    assert lines == ["name          incomprehensible", "what it says  misunderstandings", "", "name  b"]
