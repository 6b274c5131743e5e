"""Times as text, in one form for the ledger, events, reports, the state machine and the command line. All functions are pure."""

from __future__ import annotations

from datetime import UTC, datetime


def stamp(moment: datetime) -> str:
    """Return the time as text such as `2026-11-21T14:00:00.000Z`, in UTC with milliseconds. All texts have the same length, so
    that they can be compared as texts."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """Return the time from a text that `stamp` made. Raises ValueError for a text that is no time."""
    return datetime.fromisoformat(text)
