"""Checks whether a text is a valid value of a parameter, and converts it to the vendor's form.

The checks are strict, because a vendor may ignore a value that it does not understand and still bill the job. They allow no NaN,
exponent, hexadecimal number or underscore, and no `3.0` for an integer. This module must not know layers, models or errors.
"""

from __future__ import annotations

import re
from decimal import Decimal

from darkroom.catalog import Kind, Parameter
from darkroom.spelling import closest

_INTEGER = re.compile(r"-?[0-9]+")
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_TRUE = frozenset({"true", "yes", "1", "on"})
_FALSE = frozenset({"false", "no", "0", "off"})

BOOLEANS = "true or false (also yes/no, 1/0, on/off)"


def read_bool(text: str) -> bool | None:
    """Return True or False for one of the eight accepted words, in upper or lower case; None for anything else."""
    word = text.strip().lower()
    if word in _TRUE:
        return True
    return False if word in _FALSE else None


def read_decimal(text: str) -> Decimal | None:
    """Return a plain decimal number such as `2`, `0.5` or `-1`; None for anything else. `-0` becomes 0."""
    text = text.strip()
    return (Decimal(text) or Decimal(0)) if _DECIMAL.fullmatch(text) else None


def to_wire_value(parameter: Parameter, text: str) -> str | None:
    """Return the value in the vendor's form, or None if the parameter does not take the value."""
    text = text.strip()
    match parameter.kind:
        case Kind.BOOL:
            switch = read_bool(text)
            return None if switch is None else str(switch).lower()
        case Kind.CHOICE:
            return next((choice for choice in parameter.choices if choice.lower() == text.lower()), None)
        case Kind.TEXT:
            longest = parameter.max_length
            return text if text and (longest is None or len(text) <= longest) else None
        case Kind.INTEGER:
            number = read_decimal(text) if _INTEGER.fullmatch(text) else None
        case Kind.DECIMAL:
            number = read_decimal(text)
    if number is None or not _in_range(parameter, number):
        return None
    return format(number, "f") if parameter.kind is Kind.DECIMAL else str(int(number))


def describe_allowed(parameter: Parameter) -> str:
    """Return the parameter's valid values as words for a message, e.g. `a decimal from 0.01 to 1`."""
    match parameter.kind:
        case Kind.BOOL:
            return BOOLEANS
        case Kind.CHOICE:
            return f"one of {', '.join(parameter.choices)}"
        case Kind.TEXT:
            return "a text" if parameter.max_length is None else f"a text of 1 to {parameter.max_length} characters"
    article = "an" if parameter.kind is Kind.INTEGER else "a"
    least = "" if parameter.minimum is None else f" from {parameter.minimum}"
    most = "" if parameter.maximum is None else f" to {parameter.maximum}"
    return f"{article} {parameter.kind.value}{least}{most}"


def nearest_allowed(parameter: Parameter, text: str) -> str | None:
    """Return the allowed value that is nearest to one that is not; None if no value is near."""
    text = text.strip()
    match parameter.kind:
        case Kind.CHOICE:
            return next(iter(closest(text, parameter.choices, n=1)), None)
        case Kind.BOOL:
            return next(iter(closest(text, _TRUE | _FALSE, n=1)), None)
        case Kind.TEXT:
            return None
    number = read_decimal(text)
    if number is None:
        return None
    if parameter.minimum is not None and number < parameter.minimum:
        number = parameter.minimum
    if parameter.maximum is not None and number > parameter.maximum:
        number = parameter.maximum
    return to_wire_value(parameter, format(round(number) if parameter.kind is Kind.INTEGER else number, "f"))


def _in_range(parameter: Parameter, number: Decimal) -> bool:
    above = parameter.minimum is None or number >= parameter.minimum
    return above and (parameter.maximum is None or number <= parameter.maximum)
