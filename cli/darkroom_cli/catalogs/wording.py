"""Puts the facts of a catalog into words, both for the command `darkroom models` and for the page docs/models.md.

This module must not print, and it must not know Markdown or a terminal. The caller escapes the words for its output.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from darkroom.catalog import Catalog, Kind, Model, Parameter
from darkroom.model import ImageFormat

ESTIMATE = "the vendor's estimate"
ON_REQUEST, ALWAYS, NEVER = (
    "on request",
    "always",
    "no",
)  # the answers to the question when a model is called synchronously


class Citations:
    """Gives each source a number, from 1 on, in the order in which `number` is called."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, citation: str) -> int:
        """Return the number of the source. Every call with the same source returns the same number."""
        return self._numbers.setdefault(citation, len(self._numbers) + 1)

    def __iter__(self) -> Iterator[tuple[int, str]]:
        """Yield each number with its source, in order."""
        return iter([(number, citation) for citation, number in self._numbers.items()])


def amount(value: Decimal | int) -> str:
    """Return a number as text, with thousands separators and without an exponent or trailing zeros."""
    return f"{Decimal(value).normalize():,f}"


def credits(model: Model) -> Decimal | None:
    """Return the credits for each `mp_per_credit` megapixels, or for a job if the model's price does not depend on size.

    Return None if only the vendor's estimate has the price.
    """
    return Decimal(1) if model.credits is None and model.mp_per_credit is not None else model.credits


def price(book: Catalog, model: Model) -> str:
    """Return the price as text, for example `1 credit a 24 MP`, `3 credits a job` or `the vendor's estimate`."""
    cost = credits(model)
    if cost is None:
        return ESTIMATE
    unit = book.unit.removesuffix("s") if cost == 1 else book.unit
    step = "job" if model.mp_per_credit is None else f"{amount(model.mp_per_credit)} MP"
    return f"{amount(cost)} {unit} a {step}"


def formats(words: Iterable[ImageFormat]) -> str:
    """Return the names of the formats, separated by commas."""
    return ", ".join(form.value for form in words)


def output(model: Model) -> str:
    """Return the formats of the model's results. The text also says so if the vendor decides between them."""
    return f"{formats(model.output_formats)}{' (the vendor decides)' if model.format_is_open else ''}"


def size(model: Model) -> str:
    """Return how the size of the result can be set: `sides`, a list of factors, one fixed factor, or `unchanged`."""
    if model.factors:
        usual = {model.factor: " (default)"}
        return ", ".join(f"{word}{usual.get(factor, '')}" for word, factor in model.factors.items())
    if model.takes_size:
        return f"sides, at most {amount(model.max_scale)}x" if model.max_scale else "sides"
    return "unchanged" if model.factor == 1 else f"always {amount(model.factor)}x"


def price_of_one(book: Catalog) -> str:
    """Return the price of one unit of the provider's account, in US dollars."""
    return f"{amount(book.credit_price_usd)} USD"


def largest_file(book: Catalog) -> str:
    """Return the greatest size of an image file that the provider accepts."""
    return f"{amount(book.max_upload_bytes)} bytes"


def retention(book: Catalog) -> str:
    """Return how many hours a result can be fetched from the provider."""
    return f"{amount(book.result_retention_hours)} h"


def megapixels(model: Model) -> str:
    """Return the greatest sizes of the image and of the result, in megapixels."""
    return f"{amount(model.max_input_mp)} / {amount(model.max_output_mp)}"


def inputs(model: Model) -> str:
    """Return the ways in which the image can be sent to the vendor. The first way is the default."""
    return " or ".join(model.inputs)


def when_synchronous(model: Model) -> str:
    """Return when the model is called synchronously: `on request`, `always` or `no`. The JSON output has the same word."""
    return ALWAYS if model.is_synchronous else ON_REQUEST if model.synchronous_endpoint else NEVER


def synchronous(model: Model) -> str:
    """Return when the model is called synchronously, and the size of the largest result that such a call may have."""
    most = model.synchronous_max_output_mp
    return f"{when_synchronous(model)}{'' if most is None else f', up to {amount(most)} MP'}"


def since(model: Model) -> str:
    """Return the day since which the model is offered, or an empty text if no page gives the day."""
    begun = model.lifecycle.since
    return begun.on.isoformat() if begun else ""


def retires(model: Model) -> str:
    """Return the days on which the model retires, as the vendor's pages give them, or an empty text if none does."""
    return " or ".join(each.on.isoformat() for each in model.lifecycle.retires)


def end(model: Model) -> str:
    """Return when the model retires and which model replaces it, as in `2026-12-09 or 2027-01-01, then Denoise Max`."""
    successor = f", then {model.lifecycle.replaced_by}" if model.lifecycle.replaced_by else ""
    return f"{retires(model)}{successor}" if model.lifecycle.retires else ""


def value(parameter: Parameter) -> str:
    """Return the allowed values of a parameter as text, for example `decimal 0–1`.

    This is not for parameters that are a choice. Their values are in `choices`.
    """
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
    """Return the vendor's name of a parameter, with the vendor's words for values that Darkroom names differently."""
    said = ", ".join(f"{ours} → {theirs}" for ours, theirs in parameter.wire_values.items())
    return f"{parameter.wire} ({said})" if said else parameter.wire


def section(model: Model) -> str:
    """Return the vendor's endpoint of the model for a table, without `/async` at its end."""
    return model.endpoint.removesuffix("/async")
