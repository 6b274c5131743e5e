"""Knows which models retire, when, and which model follows them, and writes messages about it. All functions are pure.

The catalog has the announced days, and the caller passes today's date. This module must not plan, and must not know settings or
layers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from darkroom.catalog import Announcement, Catalog, Model


def note(model: Model, today: date) -> str | None:
    """Return a note about the announced retirement of a model; None if no retirement is announced."""
    life = model.lifecycle
    if life.warns_on is None:
        return None
    verb = "retires" if today < life.warns_on else "may have retired"
    return f"model {model.name} {verb} on {_days(life.retires)}; {_named_successor(model)}"


def refusal(model: Model, provider: str) -> str:
    """Return the message that the provider has retired the model. It names the day, its source and the successor."""
    last = model.lifecycle.retires[-1]
    return f"{provider} has retired {model.name} on {last.on.isoformat()} ({last.source}); {_named_successor(model)}"


def successor(book: Catalog, model: Model, today: date) -> Model | None:
    """Return the first model in the chain of successors that is not retired on the day `today`. Return None if there is none."""
    seen = {model.name}
    while model.lifecycle.is_retired(today):
        name = model.lifecycle.replaced_by
        if name is None or name in seen:
            return None
        seen.add(name)
        model = book.models[name]
    return model


def retiring(books: Iterable[Catalog], today: date, within: timedelta) -> Mapping[tuple[str, str], date]:
    """Return (provider, name) → first announced day, for every model whose first day is past or comes within `within`."""
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
