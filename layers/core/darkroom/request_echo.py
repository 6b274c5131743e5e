"""Request echo: whether what a vendor's list repeats of a request can be a job's own. Pure.

It rules entries out, so that a job never takes the result of the same image with other settings. It proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from darkroom import sizing
from darkroom.catalog import Model, Parameter
from darkroom.model import ANY_FORMAT, ImageFacts, Job, Spelling, UnnamedProcess


def can_be_of(job: Job, model: Model, facts: ImageFacts, entry: UnnamedProcess) -> bool:
    """Whether the entry is of a queued process and repeats the job's model, size, format and settings. What it leaves out counts
    as the job's own."""
    return (
        not entry.is_synchronous
        and entry.model in ("", model.wire)
        and (entry.output_format is None or job.require_dispatch().output_format in (ANY_FORMAT, entry.output_format))
        and _has_size(job, model, facts, entry)
        and not any(_contradicts(job, parameter, entry.settings) for parameter in model.parameters.values())
    )


def _has_size(job: Job, model: Model, facts: ImageFacts, entry: UnnamedProcess) -> bool:
    """Whether the entry's sides are those that the job asks for. The vendor may mean the sides before EXIF orientation."""
    if entry.output_width is None or entry.output_height is None:
        return True
    sides = sizing.size_parameters(model, job.settings, facts)
    width, height = sizing.output_size(model, sides, facts)
    shown = (entry.output_width, entry.output_height)
    return any(
        all(abs(one - other) <= 1 for one, other in zip(shown, expected, strict=True))
        for expected in ((width, height), (height, width))
    )


def _contradicts(job: Job, parameter: Parameter, echoed: Mapping[str, object]) -> bool:
    """Whether the entry repeats another value of the parameter than the job's. A job without one has the vendor's default."""
    if parameter.name in sizing.SIZE_KEYS or parameter.name == "output_format":
        return False  # the entry says these apart from the settings
    own = job.settings.get(parameter.name, parameter.default)
    wire_value = None if own is None else parameter.wire_values.get(own, own)
    values = [echoed[name] for name in parameter.wire_names(Spelling.BOTH) if echoed.get(name) is not None]
    return any(_plain(value) != _plain(wire_value) for value in values)


def _plain(value: object) -> object:
    """Return a number for what reads as one, so that `0.50` is 0.5, and any other value as text in lower case."""
    text = str(value).lower()
    try:
        return Decimal(text)
    except InvalidOperation:
        return text
