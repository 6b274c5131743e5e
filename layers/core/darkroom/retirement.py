"""Retirement: whether a model is still offered on a day, which model follows it, and how messages say so. Pure.

The catalog announces the days; the caller hands in today. This module must not plan, and must not know settings or layers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from darkroom.catalog import Announcement, Catalog, Model


def note(model: Model, today: date) -> str | None:
    """Say until when a model can be used that is to retire; None for a model whose end nobody announced."""
    life = model.lifecycle
    if life.warns_on is None:
        return None
    verb = "retires" if today < life.warns_on else "may have retired"
    return f"model {model.name} {verb} on {_days(life.retires)}; {_named_successor(model)}"


def refusal(model: Model, provider: str) -> str:
    """Say that the provider has retired the model, since when, by which page, and which model follows it."""
    last = model.lifecycle.retires[-1]
    return f"{provider} has retired {model.name} on {last.on.isoformat()} ({last.source}); {_named_successor(model)}"


def successor(book: Catalog, model: Model, today: date) -> Model | None:
    """Return the first model in the line of successors that is not retired on that day; None if there is none."""
    seen = {model.name}
    while model.lifecycle.is_retired(today):
        name = model.lifecycle.replaced_by
        if name is None or name in seen:
            return None
        seen.add(name)
        model = book.models[name]
    return model


def retiring(books: Iterable[Catalog], today: date, within: timedelta) -> Mapping[tuple[str, str], date]:
    """Return provider and name → first announced day of every model that is gone by then or was gone before."""
    return {
        (book.provider, model.name): model.lifecycle.warns_on
        for book in books
        for model in book.models.values()
        if model.lifecycle.warns_on is not None and model.lifecycle.warns_on <= today + within
    }


def _days(announcements: tuple[Announcement, ...]) -> str:
    return ", or on ".join(f"{each.on.isoformat()} ({each.source})" for each in announcements)


def _named_successor(model: Model) -> str:
    name = model.lifecycle.replaced_by
    return f"its successor is {name}" if name else "no successor is named"
