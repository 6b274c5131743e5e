"""Timestamps: times as text, in one form for ledger, events, reports, state machine and command line. Pure functions."""

from __future__ import annotations

from datetime import UTC, datetime


def stamp(moment: datetime) -> str:
    """Return `2026-11-21T14:00:00.000Z`: UTC with milliseconds. All have the same length, so that they compare as text."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """Return the time that a text of `stamp` stands for. Raises ValueError for any other text."""
    return datetime.fromisoformat(text)
