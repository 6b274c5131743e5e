"""A table that breaks no word, however narrow the terminal is.

If its columns do not fit, it is drawn without rules. If they still do not fit, each row is a block of lines, one for each cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.table import Column, Table
from rich.text import Text

ANY_WIDTH = 10_000
GAP = (0, 2, 0, 0)  # between two cells without a rule


class FittedTable:
    """Draws a table of texts in the widest of the three forms that fits the terminal."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.words = [_longest(column, _words) for column in table.columns]
        self.lines = [_longest(column, _lines) for column in table.columns]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Yield the table, or its rows as blocks."""
        spare = self._spare(console, options)
        if spare < 0:
            self.table.box, self.table.padding = None, GAP
            spare = self._spare(console, options)
        if spare < 0:
            yield from _blocks(self.table)
            return
        for column, width in zip(self.table.columns, self._widths(spare), strict=True):
            column.width = width
        yield self.table

    def _spare(self, console: Console, options: ConsoleOptions) -> int:
        """Return how many columns of the terminal are left if each column is as wide as its longest word; below 0 if it is too
        narrow."""
        for column, width in zip(self.table.columns, self.words, strict=True):
            column.width = width
        needed = Measurement.get(console, options.update_width(ANY_WIDTH), self.table)
        return options.max_width - needed.maximum

    def _widths(self, spare: int) -> list[int]:
        """Return the widths of the columns: each one more goes to the column that would have the most lines otherwise."""
        widths = list(self.words)
        for _ in range(spare):
            lines = [line / max(width, 1) for line, width in zip(self.lines, widths, strict=True)]
            if max(lines, default=1) <= 1:
                break
            widths[lines.index(max(lines))] += 1
        return widths


def _longest(column: Column, parts: Callable[[RenderableType], list[str]]) -> int:
    """Return the width of the longest part of any cell of the column."""
    cells = (column.header, column.footer, *column.cells)
    return max(
        (cell_len(part) for cell in cells for part in (_lines(cell) if column.no_wrap else parts(cell))), default=0
    )


def _words(cell: RenderableType) -> list[str]:
    return str(cell).split()


def _lines(cell: RenderableType) -> list[str]:
    return str(cell).splitlines()


def _blocks(table: Table) -> Iterator[RenderableType]:
    """Yield each row as lines of a name and a value, with an empty line between two rows. Empty cells are left out."""
    names = [str(column.header) for column in table.columns]
    for number, cells in enumerate(zip(*(column.cells for column in table.columns), strict=True)):
        if number:
            yield Text()
        block = Table.grid(padding=GAP)
        block.add_column(no_wrap=True, style="dim")
        block.add_column(overflow="fold")
        for name, cell in zip(names, cells, strict=True):
            if _words(cell):
                block.add_row(name, cell)
        yield block
