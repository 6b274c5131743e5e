"""Drift: compares a catalog with what its vendor says today, and with the calendar. Pure.

The caller hands in today and the vendor's answers. What cannot be compared is no drift: a vendor that publishes no price has none
here. This module must not ask a vendor.
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
LARGE_MEGAPIXELS = Decimal(96)  # of a result: a rate that differs shows in its price
NO_LIMITS = Limits({}, Decimal(0), {}, {})


class Kinds(StrEnum):
    """What has changed."""

    PAST = "past its date"
    NEW = "new"
    GONE = "gone"
    DEARER = "dearer"
    NARROWER = "narrower"


@dataclass(frozen=True)
class Drift:
    """One difference between the catalog and the vendor or the calendar."""

    kind: Kinds
    provider: str
    model: str
    what: str


@dataclass(frozen=True)
class Question:
    """A plan whose estimate tells whether the vendor still takes it, and at which price."""

    model: Model
    what: str  # which bound it tries; empty for the plain model
    plan: Plan
    facts: ImageFacts


def past_dates(book: Catalog, today: date) -> list[Drift]:
    """Return the models of the catalog that are past the first day on which they may be gone."""
    return [
        Drift(Kinds.PAST, book.provider, model.name, f"announced for {model.lifecycle.warns_on}")
        for model in book.models.values()
        if model.lifecycle.warns_on is not None and today >= model.lifecycle.warns_on
    ]


def names(book: Catalog, offered: Iterable[str], prefix: str) -> list[Drift]:
    """Compare the models' names with those that the vendor lists. Names that do not begin with the prefix are not for us."""
    ours, theirs = {model.wire for model in book.models.values()}, {name for name in offered if name.startswith(prefix)}
    return [
        *(Drift(Kinds.GONE, book.provider, name, "the vendor does not list it") for name in sorted(ours - theirs)),
        *(Drift(Kinds.NEW, book.provider, name, "the catalog does not have it") for name in sorted(theirs - ours)),
    ]


def schema(book: Catalog, model: Model, properties: Mapping[str, Any]) -> list[Drift]:
    """Compare a model's parameters with the properties of the vendor's JSON schema for it."""

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
    """Yield what to ask the vendor's estimate: every model that is not retired, at its rate, and every bound of it."""
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
        return []  # the sides are tried by their product; formats are settled by planning
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
        return  # the catalog itself does not allow this combination
    yield Question(model, what, plan, facts)


def verdict(book: Catalog, question: Question, estimate: Estimate | None) -> Drift | None:
    """Return the drift that an estimate shows; None if it shows none. None as the estimate: the vendor refused."""
    drift = Drift(Kinds.GONE, book.provider, question.model.name, "the vendor refuses an estimate for it")
    if estimate is None:
        narrower = f"the vendor refuses {question.what}"
        return replace(drift, kind=Kinds.NARROWER, what=narrower) if question.what else drift
    ours = question.plan.credits
    if ours is not None and estimate.credits is not None and estimate.credits > ours:
        what = f"{question.what or 'a small picture'} costs {estimate.credits} credits, in the catalog {ours}"
        return replace(drift, kind=Kinds.DEARER, what=what)
    return None
