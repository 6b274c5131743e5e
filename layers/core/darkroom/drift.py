"""Finds drift of a catalog: differences between the catalog and its vendor's answers of today or the calendar. Pure functions.

The caller passes today's date and the vendor's answers; this module must not ask a vendor. A fact that cannot be compared counts
as no drift, for example the price if the vendor publishes none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from math import isqrt
from typing import Any

from darkroom import planning
from darkroom.catalog import Catalog, Kind, Model, Parameter
from darkroom.errors import Refusal
from darkroom.model import Estimate, ImageFacts, ImageFormat, Limits, Plan
from darkroom.setting_layers import resolve, tag_layer

SMALL = ImageFacts(ImageFormat.PNG, 24, 16)
LARGE_MEGAPIXELS = Decimal(
    96
)  # a result of this size; its price shows if the vendor's price for a megapixel has changed
NO_LIMITS = Limits({}, Decimal(0), {}, {})


class Kinds(StrEnum):
    """The kinds of drift: what has changed at the vendor."""

    PAST = "past its date"
    NEW = "new"
    GONE = "gone"
    DEARER = "dearer"
    NARROWER = "narrower"


@dataclass(frozen=True)
class Drift:
    """One difference between the catalog and its vendor or the calendar."""

    kind: Kinds
    provider: str
    model: str
    what: str


@dataclass(frozen=True)
class Question:
    """A plan to ask the vendor's estimate about. The answer shows whether the vendor still takes the plan, and its price."""

    model: Model
    what: str  # the bound of a parameter that the plan tries; empty for the model without settings
    plan: Plan
    facts: ImageFacts


def past_dates(book: Catalog, today: date) -> list[Drift]:
    """Return a drift for each model of the catalog whose first announced day of retirement has come."""
    return [
        Drift(Kinds.PAST, book.provider, model.name, f"announced for {model.lifecycle.warns_on}")
        for model in book.models.values()
        if model.lifecycle.warns_on is not None and today >= model.lifecycle.warns_on
    ]


def names(book: Catalog, offered: Iterable[str], prefix: str) -> list[Drift]:
    """Compare the names of the catalog's models with the names that the vendor lists. Listed names without `prefix` are
    ignored."""
    ours, theirs = {model.wire for model in book.models.values()}, {name for name in offered if name.startswith(prefix)}
    return [
        *(Drift(Kinds.GONE, book.provider, name, "the vendor does not list it") for name in sorted(ours - theirs)),
        *(Drift(Kinds.NEW, book.provider, name, "the catalog does not have it") for name in sorted(theirs - ours)),
    ]


def schema(book: Catalog, model: Model, properties: Mapping[str, Any]) -> list[Drift]:
    """Compare a model's parameters with `properties`, those of the vendor's JSON schema for the model."""

    def narrower(what: str) -> Drift:
        return Drift(Kinds.NARROWER, book.provider, model.name, what)

    found = []
    for parameter in model.parameters.values():
        described = properties.get(parameter.wire)
        if not isinstance(described, Mapping):
            found.append(narrower(f"{parameter.name} is no longer taken"))
            continue
        words, allowed = _wire_words(parameter), described.get("enum")
        lost = sorted(words - set(map(str, allowed))) if isinstance(allowed, list) else []
        found += [narrower(f"{parameter.name} no longer takes {word}") for word in lost]
        low, high = described.get("minimum"), described.get("maximum")
        if low is not None and parameter.minimum is not None and Decimal(str(low)) > parameter.minimum:
            found.append(narrower(f"{parameter.name} now begins at {low}"))
        if high is not None and parameter.maximum is not None and Decimal(str(high)) < parameter.maximum:
            found.append(narrower(f"{parameter.name} now ends at {high}"))
    return found


def _wire_words(parameter: Parameter) -> set[str]:
    return {parameter.wire_values.get(word, word) for word in parameter.choices}


def questions(book: Catalog, today: date) -> Iterator[Question]:
    """Yield the questions for the vendor's estimate: each model that is not retired, at its smallest price and for a large
    result, and each bound of its parameters."""
    for model in book.models.values():
        if model.lifecycle.is_retired(today):
            continue
        yield from _asked(book, model, "", {}, SMALL, today)
        if model.takes_size:
            side = isqrt(int(min(model.max_output_mp, LARGE_MEGAPIXELS) * 1_000_000))
            large = {"output_width": str(side), "output_height": str(side)}
            size = ImageFacts(ImageFormat.PNG, side // 2, side // 2)
            yield from _asked(book, model, f"a result of {side} by {side}", large, size, today)
        for parameter in model.parameters.values():
            for value in _bounds(parameter):
                tags = {parameter.name: value}
                yield from _asked(book, model, f"{parameter.name}={value:.20}", tags, SMALL, today)


def _bounds(parameter: Parameter) -> list[str]:
    if parameter.name in ("output_width", "output_height", "output_format"):
        return []  # `questions` tries both sides together, and planning checks the formats
    match parameter.kind:
        case Kind.BOOL:
            return ["true", "false"]
        case Kind.CHOICE:
            return list(parameter.choices)
        case Kind.TEXT:
            return ["x" * (parameter.max_length or 1)]
    return [f"{bound:f}" for bound in (parameter.minimum, parameter.maximum) if bound is not None]


def _asked(
    book: Catalog, model: Model, what: str, tags: Mapping[str, str], facts: ImageFacts, today: date
) -> Iterator[Question]:
    settings = resolve(
        [tag_layer({"model": model.name, **tags})], default_provider=book.provider, allowed_providers=[book.provider]
    )
    try:
        plan = planning.plan(settings, facts, 1, NO_LIMITS, today)
    except Refusal:
        return  # the catalog does not allow this combination, so there is nothing to ask
    yield Question(model, what, plan, facts)


def verdict(book: Catalog, question: Question, estimate: Estimate | None) -> Drift | None:
    """Return the drift that the vendor's estimate shows, or None if it shows none. `estimate` is None if the vendor refused the
    question."""
    drift = Drift(Kinds.GONE, book.provider, question.model.name, "the vendor refuses an estimate for it")
    if estimate is None:
        narrower = f"the vendor refuses {question.what}"
        return replace(drift, kind=Kinds.NARROWER, what=narrower) if question.what else drift
    ours = question.plan.credits
    if ours is not None and estimate.credits is not None and estimate.credits > ours:
        what = f"{question.what or 'a small picture'} costs {estimate.credits} credits, in the catalog {ours}"
        return replace(drift, kind=Kinds.DEARER, what=what)
    return None
