"""The facts of a catalog in words: what the command `models` and the page of models both say.

It must not print and must not know Markdown or a terminal; whoever shows a word escapes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from darkroom.catalog import Catalog, Kind, Model, Parameter
from darkroom.model import ImageFormat

ESTIMATE = "the vendor's estimate"
ON_REQUEST, ALWAYS, NEVER = "on request", "always", "no"  # when a call is synchronous


class Citations:
    """Numbers sources from 1 in the order in which they are first named."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, citation: str) -> int:
        """The source's number, the same every time."""
        return self._numbers.setdefault(citation, len(self._numbers) + 1)

    def __iter__(self) -> Iterator[tuple[int, str]]:
        """The numbers with what they stand for, in order."""
        return iter([(number, citation) for citation, number in self._numbers.items()])


def amount(value: Decimal | int) -> str:
    """A number without an exponent or needless zeros, its thousands parted."""
    return f"{Decimal(value).normalize():,f}"


def credits(model: Model) -> Decimal | None:
    """What a step costs, or a job of a model without steps; None when only the vendor's estimate tells."""
    return Decimal(1) if model.credits is None and model.mp_per_credit is not None else model.credits


def price(book: Catalog, model: Model) -> str:
    """What a job costs: `1 credit a 24 MP`, `3 credits a job`, or that the vendor tells."""
    cost = credits(model)
    if cost is None:
        return ESTIMATE
    unit = book.unit.removesuffix("s") if cost == 1 else book.unit
    step = "job" if model.mp_per_credit is None else f"{amount(model.mp_per_credit)} MP"
    return f"{amount(cost)} {unit} a {step}"


def formats(words: Iterable[ImageFormat]) -> str:
    """Formats in a row."""
    return ", ".join(form.value for form in words)


def output(model: Model) -> str:
    """The formats it gives; or that the vendor alone decides which."""
    return f"{formats(model.output_formats)}{' (the vendor decides)' if model.format_is_open else ''}"


def size(model: Model) -> str:
    """What may be said of the result's size: `sides`, the factors there are, or how it is fixed."""
    if model.factors:
        usual = {model.factor: " (default)"}
        return ", ".join(f"{word}{usual.get(factor, '')}" for word, factor in model.factors.items())
    if model.takes_size:
        return f"sides, at most {amount(model.max_scale)}x" if model.max_scale else "sides"
    return "unchanged" if model.factor == 1 else f"always {amount(model.factor)}x"


def price_of_one(book: Catalog) -> str:
    """What a unit of the account costs."""
    return f"{amount(book.credit_price_usd)} USD"


def largest_file(book: Catalog) -> str:
    """The most that an image's file may have."""
    return f"{amount(book.max_upload_bytes)} bytes"


def retention(book: Catalog) -> str:
    """For how long a result can be fetched."""
    return f"{amount(book.result_retention_hours)} h"


def megapixels(model: Model) -> str:
    """The largest image and the largest result."""
    return f"{amount(model.max_input_mp)} / {amount(model.max_output_mp)}"


def inputs(model: Model) -> str:
    """How the image may reach the vendor, the usual way first."""
    return " or ".join(model.inputs)


def when_synchronous(model: Model) -> str:
    """When a call brings the result with it: one of three words, for programs too."""
    return ALWAYS if model.is_synchronous else ON_REQUEST if model.synchronous_endpoint else NEVER


def synchronous(model: Model) -> str:
    """The same for people, with the size up to which it is possible."""
    most = model.synchronous_max_output_mp
    return f"{when_synchronous(model)}{'' if most is None else f', up to {amount(most)} MP'}"


def value(parameter: Parameter) -> str:
    """What a parameter takes, as briefly as a table says it: `decimal 0–1`. Not for choices, which are `choices`."""
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
    """The vendor's name for it, and its words for our values where they differ."""
    said = ", ".join(f"{ours} → {theirs}" for ours, theirs in parameter.wire_values.items())
    return f"{parameter.wire} ({said})" if said else parameter.wire


def section(model: Model) -> str:
    """The part of the vendor's interface that the model belongs to, as the tables name it."""
    return model.endpoint.removesuffix("/async")
