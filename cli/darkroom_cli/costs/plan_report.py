"""Shows what a plan found: sums by model, budgets, time and refusals; as tables, as one JSON object, or as CSV.

The object of `--json` always has these keys; a key without a value is null:

- pictures: files or objects that are uploads; megapixels: of those to pay
- to_pay, done, under_way, skipped, refused, unpriced, unknown: numbers of pictures. `unpriced` are those to pay whose price only
  the vendor knows, `unknown` those that could not be read here, and that the stack may read and pay. Both are in no sum.
- total_credits, total_usd: what the pictures to pay cost together; credits: provider → its part of total_credits
- models: a list of provider, model, pictures, credits and usd (null for models that are unpriced)
- refusals: a list of key, code and message; the code is null for a file that cannot be uploaded under its name
- unread: a list of key and message, one for each picture that is unknown
- budgets: a list of unit, month, limit, committed, left, asked and fits; null without a stack. `fits` is null if what is known
  fits and there are pictures without a price
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
SHOWN_REASONS = 20  # of each kind, below the tables; --json and --csv have all


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

    @property
    def unknown(self) -> list[Forecast]:
        """The forecasts of the pictures that could not be read here. Submit may read them, and then pays for them."""
        return [each for each in self.forecasts if each.fate is Fate.UNKNOWN]

    @property
    def unpriced(self) -> int:
        """How many of the pictures to pay have a price that only the vendor knows."""
        return sum(each.credits is None for each in self.paid)

    @property
    def without_price(self) -> int:
        """How many pictures may cost something that is in no sum."""
        return self.unpriced + len(self.unknown)


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
        "unpriced": report.unpriced,
        "unknown": fates[Fate.UNKNOWN],
        "total_credits": _number(sum(report.credits.values(), Decimal(0))),
        "total_usd": _number(report.usd),
        "credits": {provider: _number(credits) for provider, credits in report.credits.items()},
        "models": [_model(report, *named) for named in _models(report)],
        "refusals": [{"key": e.key, "code": e.code and e.code.value, "message": e.message} for e in report.refused],
        "unread": [{"key": each.key, "message": each.message} for each in report.unknown],
        "budgets": None if report.rooms is None else [_room(room, report.without_price) for room in report.rooms],
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
        yield _rooms_table(report.rooms, report.without_price)
    if report.seconds is not None:
        yield Text(f"about {_duration(report.seconds)} at {report.submits_at_once} submits at once")
    for line in copies.lines(report.same_bytes):
        yield Text(visible(line))
    yield from _reasons("refused, unpaid", "refusals", report.refused)
    yield from _reasons("unknown, perhaps paid", "that are unknown", report.unknown)


def _reasons(lead: str, noun: str, forecasts: Sequence[Forecast]) -> Iterator[Text]:
    for each in forecasts[:SHOWN_REASONS]:
        code = f"{each.code}: " if each.code else ""
        yield Text(visible(f"{lead}: {each.key}: {code}{each.message}"))
    if len(forecasts) > SHOWN_REASONS:
        yield Text(f"… and {len(forecasts) - SHOWN_REASONS:,} more {noun}; --csv or --json lists all")


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
    """Return the credits by provider, and for how many pictures the price is unknown."""
    sums = [f"{credits.normalize():,f} {provider}" for provider, credits in report.credits.items()]
    return ", ".join([*sums, *([f"unknown for {report.without_price:,}"] if report.without_price else [])])


def _known_usd(report: Report) -> str:
    if not report.without_price:
        return f"{report.usd:,.2f}"
    return f"at least {report.usd:,.2f}" if report.credits else "unknown"


def _rooms_table(rooms: Sequence[Room], without_price: int) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in ("budget", "limit", "committed", "left", "asked", ""):
        table.add_column(name, justify="left" if name in ("budget", "") else "right")
    for room in rooms:
        numbers = [f"{amount.normalize():,f}" for amount in (room.limit, room.committed, room.left, room.asked)]
        fits = f"fits, without {without_price:,} of unknown price" if without_price else "fits"
        table.add_row(
            f"{room.unit} of {room.month}", *numbers, fits if room.fits else "does not fit: the rest is refused"
        )
    return table


def _room(room: Room, without_price: int) -> dict[str, object]:
    numbers = {name: _number(getattr(room, name)) for name in ("limit", "committed", "left", "asked")}
    fits = None if room.fits and without_price else room.fits
    return {"unit": room.unit, "month": room.month, **numbers, "fits": fits}


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
