"""Shows what a plan found: sums by model, budgets, time and refusals; as tables, as one JSON object, or as CSV.

The object of `--json` always has these keys; a key without a value is null:

- pictures: files or objects that are uploads; megapixels: of those to pay
- to_pay, done, under_way, skipped, refused, unpriced: numbers of pictures. `unpriced` are those to pay whose price only the
  vendor knows. They are in no sum.
- total_credits, total_usd: what the pictures to pay cost together; credits: provider → its part of total_credits
- models: a list of provider, model, pictures, credits and usd (null for models that are unpriced)
- refusals: a list of key, code and message
- budgets: a list of unit, month, limit, committed, left, asked and fits; null without a stack
- same_bytes: a list of lists of keys whose files have the same bytes; each is paid for
- seconds: about how long it takes at the stack's pace; null without a stack
- submits_at_once: the stack's MaxConcurrentSubmits, on which `seconds` rests; null without a stack
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rich import box
from rich.table import Table
from rich.text import Text

from darkroom.queue_messages import plain
from darkroom_cli.console.errors import visible
from darkroom_cli.costs import copies
from darkroom_cli.costs.budget_room import Room
from darkroom_cli.costs.forecast import Fate, Forecast

COLUMNS = (
    "key", "fate", "width", "height", "megapixels", "provider", "model", "credits", "usd", "output_key", "code", "message",
)  # fmt: skip
SHOWN_REFUSALS = 20  # in the table; --json and --csv have all


@dataclass(frozen=True)
class Report:
    """All that a plan found. `rooms` and `seconds` are None without a stack."""

    forecasts: Sequence[Forecast]
    same_bytes: Sequence[Sequence[str]]
    rooms: Sequence[Room] | None = None
    seconds: float | None = None
    submits_at_once: int | None = None

    @property
    def paid(self) -> list[Forecast]:
        """The forecasts of the pictures that are to be paid for."""
        return [each for each in self.forecasts if each.fate is Fate.PAID]

    @property
    def credits(self) -> dict[str, Decimal]:
        """Provider → the credits of the pictures to pay whose price is known."""
        sums: dict[str, Decimal] = {}
        for each in self.paid:
            if each.plan and each.credits is not None:
                sums[each.plan.provider] = sums.get(each.plan.provider, Decimal(0)) + each.credits
        return sums

    @property
    def usd(self) -> Decimal:
        """The US dollars of the same pictures."""
        return sum((each.usd for each in self.paid if each.usd is not None), Decimal(0))

    @property
    def refused(self) -> list[Forecast]:
        """The forecasts of the pictures that would be refused, unpaid."""
        return [each for each in self.forecasts if each.fate is Fate.REFUSED]


def as_object(report: Report) -> dict[str, object]:
    """Return the report in JSON's types, as the docstring above says."""
    fates = Counter(each.fate for each in report.forecasts)
    return {
        "pictures": len(report.forecasts),
        "megapixels": _number(sum((each.megapixels for each in report.paid), Decimal(0))),
        "to_pay": fates[Fate.PAID],
        "done": fates[Fate.DONE],
        "under_way": fates[Fate.UNDER_WAY],
        "skipped": fates[Fate.SKIPPED],
        "refused": fates[Fate.REFUSED],
        "unpriced": sum(each.credits is None for each in report.paid),
        "total_credits": _number(sum(report.credits.values(), Decimal(0))),
        "total_usd": _number(report.usd),
        "credits": {provider: _number(credits) for provider, credits in report.credits.items()},
        "models": [_model(report, *named) for named in _models(report)],
        "refusals": [{"key": e.key, "code": e.code and e.code.value, "message": e.message} for e in report.refused],
        "budgets": None if report.rooms is None else [_room(room) for room in report.rooms],
        "same_bytes": [list(keys) for keys in report.same_bytes],
        "seconds": None if report.seconds is None else round(report.seconds),
        "submits_at_once": report.submits_at_once,
    }


def rows(report: Report) -> Iterator[Sequence[object]]:
    """Yield a row of CSV for each picture."""
    return map(_row, report.forecasts)


def tables(report: Report) -> Iterator[Table | Text]:
    """Yield what people read."""
    fates = Counter(each.fate for each in report.forecasts)
    others = [f"{fates[fate]:,} {fate.value}" for fate in Fate if fate is not Fate.PAID and fates[fate]]
    megapixels = sum((each.megapixels for each in report.paid), Decimal(0))
    yield Text(
        f"{', '.join([f'{fates[Fate.PAID]:,} to pay, {megapixels:,.1f} MP', *others])}, of {len(report.forecasts):,}"
    )
    yield _models_table(report)
    if report.rooms:
        yield _rooms_table(report.rooms)
    if report.seconds is not None:
        yield Text(f"about {_duration(report.seconds)} at {report.submits_at_once} submits at once")
    for line in copies.lines(report.same_bytes):
        yield Text(visible(line))
    for each in report.refused[:SHOWN_REFUSALS]:
        yield Text(visible(f"refused, unpaid: {each.key}: {each.code}: {each.message}"))
    if len(report.refused) > SHOWN_REFUSALS:
        yield Text(f"… and {len(report.refused) - SHOWN_REFUSALS:,} more refusals; --csv or --json lists all")


def _models(report: Report) -> list[tuple[str, str]]:
    return sorted({(each.plan.provider, each.plan.model) for each in report.paid if each.plan})


def _model(report: Report, provider: str, model: str) -> dict[str, object]:
    own = [each for each in report.paid if each.plan and (each.plan.provider, each.plan.model) == (provider, model)]
    known = [each for each in own if each.credits is not None]
    sums = (
        sum((e.credits or Decimal(0) for e in known), Decimal(0)),
        sum((e.usd or Decimal(0) for e in known), Decimal(0)),
    )
    credits, usd = map(_number, sums) if known else (None, None)
    return {"provider": provider, "model": model, "pictures": len(own), "credits": credits, "usd": usd}


def _models_table(report: Report) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False, show_footer=True)
    table.add_column("provider")
    table.add_column("model", "together", overflow="fold")
    table.add_column("pictures", f"{len(report.paid):,}", justify="right")
    table.add_column("credits", _known_credits(report), justify="right")
    table.add_column("USD", _known_usd(report), justify="right")
    for provider, name in _models(report):
        found = _model(report, provider, name)
        known = found["credits"] is not None
        credits, usd = (f"{found['credits']:,}", f"{found['usd']:,.2f}") if known else ("only the vendor knows", "")
        table.add_row(provider, Text(visible(name)), f"{found['pictures']:,}", credits, usd)
    return table


def _known_credits(report: Report) -> str:
    """Return the credits by provider, and for how many pictures only the vendor knows the price."""
    sums = [f"{credits.normalize():,f} {provider}" for provider, credits in report.credits.items()]
    unpriced = sum(each.credits is None for each in report.paid)
    return ", ".join([*sums, *([f"unknown for {unpriced:,}"] if unpriced else [])])


def _known_usd(report: Report) -> str:
    unpriced = sum(each.credits is None for each in report.paid)
    if unpriced and unpriced == len(report.paid):
        return "unknown"
    return f"at least {report.usd:,.2f}" if unpriced else f"{report.usd:,.2f}"


def _rooms_table(rooms: Sequence[Room]) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in ("budget", "limit", "committed", "left", "asked", ""):
        table.add_column(name, justify="left" if name in ("budget", "") else "right")
    for room in rooms:
        numbers = [f"{amount.normalize():,f}" for amount in (room.limit, room.committed, room.left, room.asked)]
        table.add_row(
            f"{room.unit} of {room.month}", *numbers, "fits" if room.fits else "does not fit: the rest is refused"
        )
    return table


def _room(room: Room) -> dict[str, object]:
    numbers = {name: _number(getattr(room, name)) for name in ("limit", "committed", "left", "asked")}
    return {"unit": room.unit, "month": room.month, **numbers, "fits": room.fits}


def _row(each: Forecast) -> tuple[object, ...]:
    width, height = (each.facts.width, each.facts.height) if each.facts else (None, None)
    provider, model = (each.plan.provider, each.plan.model) if each.plan else (None, None)
    megapixels = each.megapixels if each.facts else None
    return (
        each.key, each.fate.value, width, height, megapixels, provider, model, each.credits, each.usd, each.output_key,
        each.code, each.message,
    )  # fmt: skip


def _number(value: Decimal) -> object:
    return plain(value)


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return "a minute"
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"
