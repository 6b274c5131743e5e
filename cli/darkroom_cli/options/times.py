"""Reads the points in time that options name: `12h` or `1d` (that long ago), or a day or a minute in UTC.

All commands take times in these forms and in no others.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from darkroom_cli.stack.job_selection import LOOK_BACK

SPANS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
SPAN = re.compile(r"([0-9]{1,5})([mhdw])")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MINUTE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?Z?")
FORMS = "12h or 1d (that long ago), or 2026-11-20 or 2026-11-20T14:30 (UTC)"
ONE_DAY = timedelta(days=1)
EARLIEST = timedelta(days=3653)  # each day is a query of the ledger, so there is a bound


def _now() -> datetime:
    return datetime.now(UTC)


def begin(text: str, now: datetime | None = None) -> datetime:
    """Return the time that the text names, in aware UTC; for a day, its beginning. Raises BadParameter with one line."""
    found, _ = _parsed(text, now or _now())
    return found


def end(text: str, now: datetime | None = None) -> datetime:
    """Return the time that the text names; for a day, its end, which is the beginning of the next one. Raises BadParameter."""
    found, is_day = _parsed(text, now or _now())
    return found + ONE_DAY if is_day else found


def day(text: str, now: datetime | None = None) -> datetime:
    """Return the beginning of the day that the text names. Raises BadParameter, also for a time within a day."""
    if not DAY.fullmatch(text.strip()):
        raise typer.BadParameter(f"{text!r} is no day; write it as 2026-11-20 (UTC)")
    return _parsed(text, now or _now())[0]


def _parsed(text: str, now: datetime) -> tuple[datetime, bool]:
    """Return the time, and whether it is a whole day."""
    asked = text.strip()
    if span := SPAN.fullmatch(asked.lower()):
        return _checked(text, now - min(int(span[1]) * SPANS[span[2]], EARLIEST + ONE_DAY), now), False
    if not (is_day := DAY.fullmatch(asked) is not None) and not MINUTE.fullmatch(asked):
        raise typer.BadParameter(f"{text!r} is no point in time; write {FORMS}")
    try:
        found = datetime.fromisoformat(asked.removesuffix("Z")).replace(tzinfo=UTC)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not in the calendar; write {FORMS}") from None
    return _checked(text, found, now), is_day


def _checked(text: str, found: datetime, now: datetime) -> datetime:
    if found > now:
        raise typer.BadParameter(f"{text!r} is in the future; it is {now:%Y-%m-%d %H:%M} UTC")
    if found < now - EARLIEST:
        raise typer.BadParameter(f"{text!r} is more than ten years ago")
    return found


Since = Annotated[
    datetime | None,
    typer.Option("--since", parser=begin, metavar="WHEN", help=f"Only uploads since then: {FORMS}."),
]
Until = Annotated[
    datetime | None,
    typer.Option("--until", parser=end, metavar="WHEN", help="Only uploads before then; a day counts to its end."),
]


Day = Annotated[
    datetime | None,
    typer.Option("--day", parser=day, metavar="YYYY-MM-DD", help="Only uploads of this day (UTC)."),
]


def span(
    since: datetime | None, until: datetime | None, day: datetime | None
) -> tuple[datetime | None, datetime | None]:
    """Return the times between which uploads are looked at, None = no bound. Raises BadParameter."""
    if day is not None and (since or until):
        raise typer.BadParameter("give either --day or --since and --until", param_hint="--day")
    first_moment(since, until)
    return (day, day + ONE_DAY) if day else (since, until)


def first_moment(since: datetime | None, until: datetime | None) -> datetime:
    """Return `since`, or else the time 31 days before the end. Raises BadParameter if nothing lies between the two."""
    if since and until and since >= until:
        raise typer.BadParameter("--since must be before --until", param_hint="--since")
    return since or (until or _now()) - LOOK_BACK
