"""Whether a text is a value that a parameter takes, and how it is written on the wire.

Strict on purpose: what a vendor does not understand it may ignore and bill. No NaN, no exponent, no hexadecimal, no
underscores, no `3.0` for an integer. It must not know layers, models or errors.
"""

from __future__ import annotations

import re
from decimal import Decimal

from darkroom.catalog import Kind, Parameter

_INTEGER = re.compile(r"-?[0-9]+")
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_TRUE = frozenset({"true", "yes", "1", "on"})
_FALSE = frozenset({"false", "no", "0", "off"})

BOOLEANS = "true or false (also yes/no, 1/0, on/off)"


def read_bool(text: str) -> bool | None:
    """True or False for the eight accepted words in any case; None for anything else."""
    word = text.strip().lower()
    if word in _TRUE:
        return True
    return False if word in _FALSE else None


def read_decimal(text: str) -> Decimal | None:
    """A plain decimal number such as `2`, `0.5` or `-1`; None for anything else. Zero has no sign."""
    text = text.strip()
    return (Decimal(text) or Decimal(0)) if _DECIMAL.fullmatch(text) else None


def wire_value(parameter: Parameter, text: str) -> str | None:
    """The value as the vendor is told it, or None when the parameter does not take it."""
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


def allowed(parameter: Parameter) -> str:
    """What the parameter takes, in words for a message: `a decimal from 0.01 to 1`."""
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


def _in_range(parameter: Parameter, number: Decimal) -> bool:
    above = parameter.minimum is None or number >= parameter.minimum
    return above and (parameter.maximum is None or number <= parameter.maximum)
