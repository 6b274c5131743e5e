"""What programs read: `--json` and `--csv` of every command are written here and nowhere else.

JSON is ASCII, one value a line: one object for a command that speaks of one thing, one object a line for a list. Names are
those of the ledger, amounts are numbers, times are texts as in the ledger. Errors are words on standard error in any case, and
the exit code tells of them.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Annotated

import typer

from darkroom.queue_messages import plain
from darkroom_cli.console.errors import say, visible

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs: one object.")]
AsJsonLines = Annotated[bool, typer.Option("--json", help="Print JSON for programs: one object a line.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV for spreadsheets.")]


def print_json(value: object) -> None:
    """Print one value on one line. Decimals, times, enums and tuples may be anywhere in it."""
    typer.echo(json.dumps(value, ensure_ascii=True, default=plain))


def print_json_lines(values: Iterable[object]) -> None:
    """Print one value a line, each as soon as it is known."""
    for value in values:
        print_json(value)


def tell(as_json: bool, facts: object, *sentences: str) -> None:
    """Print what a command did: `facts` as JSON, or else the sentences, one a line."""
    if as_json:
        print_json(facts)
        return
    for sentence in sentences:
        say(sentence)


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a header and the rows, each as soon as it is known."""
    for row in itertools.chain([columns], rows):
        typer.echo(_csv_line(row), nl=False)


def only_one_form(as_json: bool, as_csv: bool) -> None:
    """Raise BadParameter if both forms are wanted."""
    if as_json and as_csv:
        raise typer.BadParameter("choose one of --json and --csv", param_hint="--json")


def _csv_line(row: Sequence[object]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out).writerow([csv_cell(value) for value in row])
    return out.getvalue()


def csv_cell(value: object) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    text = "" if value is None else f"{value.normalize():f}" if isinstance(value, Decimal) else visible(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
