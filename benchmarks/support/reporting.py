"""Holds the results of a benchmark: tables, ratios with goals, and a plot. Shows them on a terminal, as JSON and Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from rich.console import Console
from rich.table import Table as RichTable


@dataclass(frozen=True)
class Table:
    """A table. Decimal numbers are shown with three digits."""

    title: str
    columns: list[str]
    rows: list[list[object]]


@dataclass(frozen=True)
class Plot:
    """A plot. Each series has a name and a list of (x, y)."""

    title: str
    kind: Literal["bar", "line"]
    x_label: str
    y_label: str
    series: dict[str, list[tuple[Any, float]]]


@dataclass(frozen=True)
class Result:
    """The results of one benchmark. `goals` has the highest allowed values of the ratios with the same names."""

    name: str
    question: str
    tables: list[Table]
    ratios: dict[str, float]
    goals: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    plot: Plot | None = None

    def missed(self) -> list[str]:
        """Return the names of the goals that were missed."""
        return [name for name, goal in self.goals.items() if not self.ratios[name] <= goal]

    def as_json(self) -> str:
        """Return the result as one line of JSON."""
        return json.dumps(asdict(self) | {"missed": self.missed()}, default=str, ensure_ascii=False)

    def show(self) -> None:
        """Print tables for people, then the JSON line, on standard output."""
        console = Console(width=140)
        console.print(f"\n[bold]{self.name}[/]: {self.question}")
        for table in [*self.tables, *self._goals()]:
            shown = RichTable(title=table.title, title_justify="left")
            for number, column in enumerate(table.columns):
                shown.add_column(column, justify="right" if number else "left")
            for row in table.rows:
                shown.add_row(*map(said, row))
            console.print(shown)
        for note in self.notes:
            console.print(f"- {note}")
        print(self.as_json())

    def markdown(self, plot: str, told: str) -> str:
        """Return a section of a Markdown page. `plot` is the path of the plot; `told` says when and where the benchmark ran."""
        parts = [f"## {self.name}", self.question, told]
        parts += [f"![{self.plot.title}]({plot})"] if self.plot else []
        for table in [*self.tables, *self._goals()]:
            parts += [f"### {table.title}", _grid(table)]
        parts += ["\n".join(f"- {note}" for note in self.notes)] if self.notes else []
        return "\n\n".join(parts) + "\n"

    def _goals(self) -> list[Table]:
        """Return a list with the table of ratios and goals, or an empty list if there are no goals."""
        rows: list[list[object]] = [
            [name, self.ratios[name], goal, "missed" if name in self.missed() else "met"]
            for name, goal in self.goals.items()
        ]
        return [Table("Goals", ["ratio", "found", "at most", ""], rows)] if rows else []


def said(value: object) -> str:
    """Return the text of a table cell. A decimal number has three significant digits and no exponent."""
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return "" if value is None else str(value)


def from_json(found: Mapping[str, Any]) -> Result:
    """Read a result that `as_json` wrote."""
    plot = found.get("plot")
    return Result(
        name=found["name"],
        question=found["question"],
        tables=[Table(**table) for table in found["tables"]],
        ratios=found["ratios"],
        goals=found["goals"],
        notes=found["notes"],
        plot=Plot(**plot) if plot else None,
    )


def _grid(table: Table) -> str:
    def line(cells: Iterable[object]) -> str:
        return "| " + " | ".join(said(cell).replace("|", "\\|") for cell in cells) + " |"

    ruler = "|" + "|".join(["---", *["---:"] * (len(table.columns) - 1)]) + "|"
    return "\n".join([line(table.columns), ruler, *map(line, table.rows)])
