"""The one form of a time as text: in the ledger's rows, events, reports, the state machine and the command line. Pure."""

from __future__ import annotations

from datetime import UTC, datetime


def stamp(moment: datetime) -> str:
    """`2026-11-21T14:00:00.000Z`: UTC with milliseconds, always of one length, so that comparing text compares times."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """The reverse of `stamp`. Raises ValueError for what is no time."""
    return datetime.fromisoformat(text)
