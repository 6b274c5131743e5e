"""Puts the facts of a catalog into words, for the command `darkroom models` and the page docs/models.md alike.

This module must not print, and it must not know Markdown or a terminal. The caller escapes the words for its output.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from darkroom.catalog import Catalog, Kind, Model, Parameter
from darkroom.model import ImageFormat

ESTIMATE = "the vendor's estimate"
ON_REQUEST, ALWAYS, NEVER = "on request", "always", "no"  # when a call is synchronous


class Citations:
    """Numbers sources from 1, in the order in which `number` first gets them."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, citation: str) -> int:
        """Return the source's number. It is the same every time."""
        return self._numbers.setdefault(citation, len(self._numbers) + 1)

    def __iter__(self) -> Iterator[tuple[int, str]]:
        """Yield each number with its source, in order."""
        return iter([(number, citation) for citation, number in self._numbers.items()])


def amount(value: Decimal | int) -> str:
    """Format a number without exponent or trailing zeros and with thousands separators."""
    return f"{Decimal(value).normalize():,f}"


def credits(model: Model) -> Decimal | None:
    """Return the credits of one step, or of one job if the model has no steps. None: only the vendor's estimate has them."""
    return Decimal(1) if model.credits is None and model.mp_per_credit is not None else model.credits


def price(book: Catalog, model: Model) -> str:
    """Say what a job costs: `1 credit a 24 MP`, `3 credits a job` or `the vendor's estimate`."""
    cost = credits(model)
    if cost is None:
        return ESTIMATE
    unit = book.unit.removesuffix("s") if cost == 1 else book.unit
    step = "job" if model.mp_per_credit is None else f"{amount(model.mp_per_credit)} MP"
    return f"{amount(cost)} {unit} a {step}"


def formats(words: Iterable[ImageFormat]) -> str:
    """List formats, separated by commas."""
    return ", ".join(form.value for form in words)


def output(model: Model) -> str:
    """List the formats of the model's results, and say whether the vendor decides between them."""
    return f"{formats(model.output_formats)}{' (the vendor decides)' if model.format_is_open else ''}"


def size(model: Model) -> str:
    """Say what sets the result's size: `sides`, a list of factors, or one fixed factor."""
    if model.factors:
        usual = {model.factor: " (default)"}
        return ", ".join(f"{word}{usual.get(factor, '')}" for word, factor in model.factors.items())
    if model.takes_size:
        return f"sides, at most {amount(model.max_scale)}x" if model.max_scale else "sides"
    return "unchanged" if model.factor == 1 else f"always {amount(model.factor)}x"


def price_of_one(book: Catalog) -> str:
    """Say what one unit of the account costs."""
    return f"{amount(book.credit_price_usd)} USD"


def largest_file(book: Catalog) -> str:
    """Say how large an image file may be."""
    return f"{amount(book.max_upload_bytes)} bytes"


def retention(book: Catalog) -> str:
    """Say how long a result can be fetched."""
    return f"{amount(book.result_retention_hours)} h"


def megapixels(model: Model) -> str:
    """Say the largest image and the largest result, in megapixels."""
    return f"{amount(model.max_input_mp)} / {amount(model.max_output_mp)}"


def inputs(model: Model) -> str:
    """List the ways in which the image may reach the vendor. The first is the default."""
    return " or ".join(model.inputs)


def when_synchronous(model: Model) -> str:
    """Say when the answer to a call brings the result: `on request`, `always` or `no`. Programs read this word too."""
    return ALWAYS if model.is_synchronous else ON_REQUEST if model.synchronous_endpoint else NEVER


def synchronous(model: Model) -> str:
    """Say the same for people, with the largest result that a synchronous call may have."""
    most = model.synchronous_max_output_mp
    return f"{when_synchronous(model)}{'' if most is None else f', up to {amount(most)} MP'}"


def since(model: Model) -> str:
    """Say since when the model is offered; empty if no page says it."""
    begun = model.lifecycle.since
    return begun.on.isoformat() if begun else ""


def retires(model: Model) -> str:
    """Say on which days the model retires, by each page that gives one; empty if none does."""
    return " or ".join(each.on.isoformat() for each in model.lifecycle.retires)


def end(model: Model) -> str:
    """Say briefly when the model retires and what follows it: `2026-12-09 or 2027-01-01, then Denoise Max`."""
    successor = f", then {model.lifecycle.replaced_by}" if model.lifecycle.replaced_by else ""
    return f"{retires(model)}{successor}" if model.lifecycle.retires else ""


def value(parameter: Parameter) -> str:
    """Say briefly which values a parameter takes: `decimal 0–1`. Not for a choice; its values are in `choices`."""
    match parameter.kind:
        case Kind.BOOL:
            return "boolean"
        case Kind.TEXT:
            return "text" if parameter.max_length is None else f"text of 1–{parameter.max_length} characters"
    low, high = (
        None if bound is None else f"{bound.normalize():f}" for bound in (parameter.minimum, parameter.maximum)
    )
    if low is not None and high is not None:
        return f"{parameter.kind.value} {low}–{high}"
    return " ".join(
        [parameter.kind.value, *(f"{word} {bound}" for word, bound in (("from", low), ("to", high)) if bound)]
    )


def wire(parameter: Parameter) -> str:
    """Say the vendor's name of a parameter, and the vendor's words for values that Darkroom names differently."""
    said = ", ".join(f"{ours} → {theirs}" for ours, theirs in parameter.wire_values.items())
    return f"{parameter.wire} ({said})" if said else parameter.wire


def section(model: Model) -> str:
    """Return the vendor's endpoint of the model, as tables show it: without a closing `/async`."""
    return model.endpoint.removesuffix("/async")
