"""`darkroom report`: what uploads have cost, by day, label, folder, model or provider, or by month.

`--json` and `--csv` have a row for each group and provider: the group under the name that `--by` gives, then provider, jobs,
completed, without_result, skipped, open, credits (in the provider's unit), usd. By month there is a row for each month and budget
instead: month, unit (a provider's name, or usd), jobs, spent, reserved, overrun, limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from darkroom_cli.console.errors import reported, say
from darkroom_cli.console.machine_output import AsCsv, AsJsonLines, only_one_form, print_csv, print_json_lines
from darkroom_cli.costs.totals import By
from darkroom_cli.html_report import make_page
from darkroom_cli.html_report.make_page import AsHtml, Folder, Link, Open, Originals, Out, PageOptions, Pictures
from darkroom_cli.options.choices import offered, parser
from darkroom_cli.options.times import Day, Since, Until, span
from darkroom_cli.stack import deployment
from darkroom_cli.stack.deployment import DEFAULT_STACK, Stack
from darkroom_cli.stack.job_selection import LOOK_BACK

if TYPE_CHECKING:
    from rich.table import Table

    from darkroom.model import BudgetMonth
    from darkroom_cli.costs.totals import Line
    from darkroom_cli.stack.deployment import Deployment

MONTH_COLUMNS = ("month", "unit", "jobs", "spent", "reserved", "overrun", "limit")
COUNTS = ("jobs", "completed", "without_result", "skipped", "open", "credits", "usd")
GROUP_WIDTH = 20  # columns of a group's name on a terminal
NAMELESS = {By.LABEL: "(no label)", By.MODEL: "(none)", By.PROVIDER: "(none)"}
app = typer.Typer()

Grouped = Annotated[
    By,
    typer.Option(
        "--by",
        parser=parser(By, "grouping"),
        metavar=f"<{'|'.join(By)}>",
        help="What a row stands for.",
        autocompletion=offered(By),
    ),
]


@app.command()
def report(
    by: Grouped = By.MONTH,
    since: Since = None,
    until: Until = None,
    day: Day = None,
    as_json: AsJsonLines = False,
    as_csv: AsCsv = False,
    as_html: AsHtml = False,
    out: Out = None,
    open_page: Open = False,
    link: Link = False,
    pictures: Pictures = None,
    folder: Folder = None,
    originals: Originals = None,
    stack: Stack = DEFAULT_STACK,
) -> None:
    """Sum up what uploads have cost, or write a page with --html.

    By month, the ledger's own sums are shown. Otherwise all uploads since the given time are read, or those of the last 31 days;
    a job counts for the day of its upload, with all its runs. Credits that are only reserved are in no sum.
    """
    only_one_form(as_json, as_csv)
    since, until = span(since, until, day)
    page = PageOptions(out, open_page, link, pictures, folder, originals)
    page.check(as_html, as_json or as_csv or by is not By.MONTH)
    if as_html:
        make_page.make(page, stack, since, until)
        return
    with reported():
        deployed = deployment.connect(stack)
        sum_up = _by_month if by is By.MONTH else partial(_by_group, by)
        sum_up(deployed, since, until, as_json, as_csv)


def _by_group(
    by: By, deployed: Deployment, since: datetime | None, until: datetime | None, as_json: bool, as_csv: bool
) -> None:
    from darkroom_cli.costs import totals

    end = until or deployed.clock()
    first = since or end - LOOK_BACK
    found = totals.lines(deployed.job_queries.uploaded(first, end), by, deployed.job_queries.runs)
    columns = tuple(dict.fromkeys((by.value, "provider", *COUNTS)))
    rows = [{**asdict(line), by.value: line.group} for line in found]
    if not _for_programs(columns, rows, as_json, as_csv):
        _print(found, by, first)


def _for_programs(columns: Sequence[str], rows: Sequence[dict[str, object]], as_json: bool, as_csv: bool) -> bool:
    """Print the rows if programs read them. Return whether they do."""
    if as_csv:
        print_csv(columns, ([row[name] for name in columns] for row in rows))
    elif as_json:
        print_json_lines({name: row[name] for name in columns} for row in rows)
    return as_json or as_csv


def _print(found: Sequence[Line], by: By, first: datetime) -> None:
    from darkroom_cli.console import terminal

    since = f"since {terminal.moment(first)[:16]} UTC"
    if not found:
        say(f"no upload {since}")
        return
    console = terminal.console()
    names = (by.value,) if by is By.PROVIDER else (by.value, "provider")
    table = _table(names, ("jobs", "completed", "no result", "skipped", "open", "credits", "USD"))
    for line in found:
        name = line.group or NAMELESS.get(by, "")
        shown = terminal.cell(terminal.tail(name, GROUP_WIDTH) if console.is_terminal else name)
        where = () if by is By.PROVIDER else (line.provider,)
        numbers = (f"{n:,}" for n in (line.jobs, line.completed, line.without_result, line.skipped, line.open))
        table.add_row(shown, *where, *numbers, terminal.amount(line.credits), _dollars(line.usd))
    console.print(table)
    jobs, is_open = sum(line.jobs for line in found), sum(line.open for line in found)
    usd = _dollars(sum((line.usd for line in found), Decimal(0)))
    console.print(f"{jobs:,} uploads {since} cost {usd} USD; {is_open:,} are open", markup=False)


def _by_month(
    deployed: Deployment, since: datetime | None, until: datetime | None, as_json: bool, as_csv: bool
) -> None:
    from darkroom.providers.registry import ADAPTERS

    units = ["usd", *deployed.container.configuration.allowed_providers(ADAPTERS)]
    begin, end = (f"{at:%Y-%m}" if at else None for at in (since, until))
    months = [month for unit in units for month in deployed.job_queries.months(unit)]
    found = [one for one in months if (begin is None or one.month >= begin) and (end is None or one.month <= end)]
    found.sort(key=lambda one: (one.month, units.index(one.unit)))
    if _for_programs(MONTH_COLUMNS, [asdict(one) for one in found], as_json, as_csv):
        return
    if not found:
        say("nothing was booked in that time" if since or until else "nothing was booked yet")
        return
    _print_months(found)


def _print_months(found: Sequence[BudgetMonth]) -> None:
    from darkroom_cli.console import terminal

    table = _table(("month", "unit"), ("jobs", "spent", "reserved", "overrun", "limit"))
    for one in found:
        unit = "USD" if one.unit == "usd" else f"credits of {one.unit}"
        amounts = (one.spent, one.reserved, one.overrun)
        limit = terminal.amount(one.limit) if one.limit else "none"
        table.add_row(one.month, unit, f"{one.jobs:,}", *map(terminal.amount, amounts), limit)
    terminal.console().print(table)


def _table(texts: Sequence[str], numbers: Sequence[str]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in texts:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _dollars(value: Decimal) -> str:
    return f"{value:,.2f}"
