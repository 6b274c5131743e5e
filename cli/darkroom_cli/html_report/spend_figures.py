"""Sums up what the jobs of a report have cost, for its charts and tables, and compares months with their limits.

All functions are pure. Sums have dollars only, because the credits of different providers are never added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache

from darkroom.model import BudgetMonth
from darkroom_cli.console.errors import visible
from darkroom_cli.costs import totals
from darkroom_cli.costs.totals import By, Line
from darkroom_cli.html_report.report_source import ReportSource

MOST_GROUPS = 12  # bars of a chart; the others are one bar
OTHERS = "all others"
NO_PROVIDER = "(no provider)"
NAMELESS = {By.MODEL: "(no model)", By.LABEL: "(no label)", By.PROVIDER: NO_PROVIDER}
NAME_LENGTH = 60  # characters of a name in a chart or a table
MOST_DAYS = 400  # of a chart
ALL_BY = (By.DAY, By.MODEL, By.PROVIDER, By.LABEL, By.FOLDER)
USD = "usd"


@dataclass(frozen=True)
class Bar:
    """What one group has cost at one provider."""

    group: str
    provider: str
    jobs: int
    completed: int
    without_result: int
    usd: Decimal


@dataclass(frozen=True)
class Budget:
    """A month of one budget, in a provider's unit or in `usd`."""

    month: BudgetMonth

    @property
    def is_limited(self) -> bool:
        """Whether the month has a limit."""
        return self.month.limit > 0

    @property
    def share(self) -> int:
        """How many percent of the limit are spent or reserved; 0 without a limit."""
        return int(self.month.committed * 100 / self.month.limit) if self.is_limited else 0

    @property
    def unit(self) -> str:
        """The unit, for people."""
        return "USD" if self.month.unit == USD else f"credits of {self.month.unit}"


def sums(source: ReportSource) -> dict[By, list[Bar]]:
    """Return the bars of each chart. Days have an order and no gaps; other groups come with the most expensive first."""
    runs = cache(source.runs)  # each chart asks for the runs of the same jobs
    found = {by: totals.lines(source.jobs, by, runs) for by in ALL_BY}
    return {by: _by_day(lines) if by is By.DAY else _largest(by, lines) for by, lines in found.items()}


def total(bars: Sequence[Bar]) -> Decimal:
    """Return the dollars of all bars."""
    return sum((bar.usd for bar in bars), Decimal(0))


def dollars(value: Decimal) -> str:
    """Return dollars with two digits, rounded as the page's script does it."""
    return f"{value.quantize(Decimal('0.01'), ROUND_HALF_UP):,}"


@dataclass(frozen=True)
class DayOfMonth:
    """What was spent in a month up to the end of a day."""

    day: str  # YYYY-MM-DD
    usd: Decimal


@dataclass(frozen=True)
class MonthSoFar:
    """A month's dollars, added up day by day, and the month's limit. A job counts for the day of its upload."""

    month: str
    limit: Decimal
    days: Sequence[DayOfMonth]


def month_so_far(bars: Sequence[Bar], months: Sequence[BudgetMonth]) -> MonthSoFar | None:
    """Return the last month that has both a limit in dollars and days among `bars`, None if there is none."""
    limited = {month.month: month.limit for month in months if month.unit == USD and month.limit > 0}
    known = sorted({bar.group[:7] for bar in bars} & limited.keys())
    if not known:
        return None
    daily: dict[str, Decimal] = {}
    for bar in bars:
        if bar.group.startswith(known[-1]):
            daily[bar.group] = daily.get(bar.group, Decimal(0)) + bar.usd
    days = [DayOfMonth(day, sum(list(daily.values())[: number + 1], Decimal(0))) for number, day in enumerate(daily)]
    return MonthSoFar(known[-1], limited[known[-1]], days)


def budgets(months: Sequence[BudgetMonth]) -> list[Budget]:
    """Return the months in which something was booked, the newest first, dollars before credits."""
    booked = [month for month in months if month.jobs or month.committed or month.overrun]
    ordered = sorted(booked, key=lambda month: (month.unit != USD, month.unit))
    return [Budget(month) for month in sorted(ordered, key=lambda month: month.month, reverse=True)]


def _bar(group: str, line: Line) -> Bar:
    return Bar(group, line.provider or NO_PROVIDER, line.jobs, line.completed, line.without_result, line.usd)


def _by_day(lines: Sequence[Line]) -> list[Bar]:
    bars = [_bar(line.group, line) for line in lines]
    if not bars:
        return []
    first, last = date.fromisoformat(bars[0].group), date.fromisoformat(bars[-1].group)
    days = min((last - first).days, MOST_DAYS)
    known = {bar.group for bar in bars}
    every = [(last - timedelta(days=back)).isoformat() for back in range(days, -1, -1)]
    shown = [bar for bar in bars if bar.group >= every[0]]
    return sorted(
        shown + [Bar(day, bars[0].provider, 0, 0, 0, Decimal(0)) for day in every if day not in known],
        key=lambda bar: bar.group,
    )


def _largest(by: By, lines: Sequence[Line]) -> list[Bar]:
    cost: dict[str, tuple[Decimal, int]] = {}
    for line in lines:
        usd, jobs = cost.get(line.group, (Decimal(0), 0))
        cost[line.group] = usd + line.usd, jobs + line.jobs
    ranked = sorted(cost, key=lambda group: (-cost[group][0], -cost[group][1], group))
    place = {group: number for number, group in enumerate(ranked)}
    most = MOST_GROUPS if len(ranked) <= MOST_GROUPS else MOST_GROUPS - 1
    names = distinct([shortened(visible(group) or NAMELESS.get(by, "/")) for group in ranked[:most]])
    merged: dict[tuple[int, str], Bar] = {}
    for line in sorted(lines, key=lambda line: place[line.group]):
        rank = min(place[line.group], most)
        bar = _bar(names[rank] if rank < most else f"{OTHERS} ({len(ranked) - most})", line)
        merged[rank, bar.provider] = _added(merged[rank, bar.provider], bar) if (rank, bar.provider) in merged else bar
    return list(merged.values())


def _added(one: Bar, other: Bar) -> Bar:
    return Bar(
        one.group,
        one.provider,
        one.jobs + other.jobs,
        one.completed + other.completed,
        one.without_result + other.without_result,
        one.usd + other.usd,
    )


def distinct(names: Sequence[str]) -> list[str]:
    """Return the names, with a number behind one that was there before, because a chart adds up equal names."""
    found: list[str] = []
    for name in names:
        number = found.count(name) and sum(each == name or each.startswith(f"{name} #") for each in found)
        found.append(f"{name} #{number + 1}" if number else name)
    return found


def shortened(text: str, length: int = NAME_LENGTH) -> str:
    """Return at most that many characters of a text. The middle is left out, because keys differ at their ends."""
    return text if len(text) <= length else f"{text[: length // 2]}…{text[-(length - length // 2 - 1) :]}"
