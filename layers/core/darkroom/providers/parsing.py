"""Vendors' JSON into our types. Whatever has another type or range becomes None, so that nothing else reaches the ledger."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx

from darkroom.errors import ProviderUnavailable
from darkroom.model import FoundProcess, Handle
from darkroom.providers import http_client

ATTEMPT = re.compile(r"[0-9]{1,9}")
DYNAMODB_DIGITS = 38  # of one number
LARGEST = Decimal(10) ** 15  # credits, seconds: more is no answer of a vendor
AMOUNT = re.compile(r"[0-9]{1,20}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?")


def read_object(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of a 2xx answer. Raises ProviderUnavailable when it is none."""
    body = http_client.read_json(response)
    if not isinstance(body, dict):
        raise ProviderUnavailable("the provider answered JSON of an unknown shape")
    return body


def read_side(value: object) -> int | None:
    """Pixels: a whole number above 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def read_number(value: object) -> Decimal | None:
    """A finite JSON number of 0 or more; None for anything else, so that nothing else reaches the ledger."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return _fitting(Decimal(str(value)))


def read_amount(value: object) -> Decimal | None:
    """A sum of money or of credits: such a number, or one written out as text (`210000.0`), without needless zeros."""
    number = Decimal(value) if isinstance(value, str) and AMOUNT.fullmatch(value) else read_number(value)
    if number is None or _fitting(number) is None:
        return None
    return number.quantize(Decimal(1)) if number == number.to_integral_value() else number


def _fitting(number: Decimal) -> Decimal | None:
    fits = number.is_finite() and 0 <= number < LARGEST and len(number.as_tuple().digits) <= DYNAMODB_DIGITS
    return number if fits else None


def read_moment(value: object) -> datetime | None:
    """Unix seconds as the vendor writes them; None for anything else."""
    if isinstance(value, bool):
        return None
    try:
        return datetime.fromtimestamp(float(value), UTC)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def read_iso(value: object) -> datetime | None:
    """An ISO 8601 time, UTC where it names no zone; None for anything else."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def oldest_first(found: Iterable[FoundProcess], handle: Handle) -> tuple[FoundProcess, ...]:
    """Processes of one run by the vendor's moment, which may be a whole second, then by our attempt."""

    def age(process: FoundProcess) -> tuple[datetime, int]:
        attempt = ATTEMPT.match(process.handle.removeprefix(handle.prefix))
        return process.created_at or datetime.max.replace(tzinfo=UTC), int(attempt[0]) if attempt else 0

    return tuple(sorted(found, key=age))
