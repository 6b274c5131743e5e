"""Parses vendors' JSON into our types. A value of a wrong type or out of range becomes None, so that it never reaches the
ledger."""

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
DYNAMODB_DIGITS = 38  # the most that DynamoDB stores of one number
MAX_NUMBER = Decimal(10) ** 15  # the limit of credits and seconds; a larger number can only be a mistake
AMOUNT = re.compile(r"[0-9]{1,20}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?")


def read_object(response: httpx.Response) -> dict[str, Any]:
    """Return the JSON object of a 2xx response. Raises ProviderUnavailable if its body is anything else."""
    body = http_client.read_json(response)
    if not isinstance(body, dict):
        raise ProviderUnavailable("the provider answered JSON of an unknown shape")
    return body


def read_pixels(value: object) -> int | None:
    """Return a width or height in pixels, a whole number above 0; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def read_number(value: object) -> Decimal | None:
    """Return a finite JSON number of 0 or more; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return _in_range(Decimal(str(value)))


def read_amount(value: object) -> Decimal | None:
    """Return an amount of dollars or credits; a whole amount has no decimals. `value` is a number of 0 or more, or such a number
    as text (`210000.0`). Return None for anything else."""
    number = Decimal(value) if isinstance(value, str) and AMOUNT.fullmatch(value) else read_number(value)
    if number is None or _in_range(number) is None:
        return None
    return number.quantize(Decimal(1)) if number == number.to_integral_value() else number


def _in_range(number: Decimal) -> Decimal | None:
    fits = number.is_finite() and 0 <= number < MAX_NUMBER and len(number.as_tuple().digits) <= DYNAMODB_DIGITS
    return number if fits else None


def read_unix_time(value: object) -> datetime | None:
    """Return the time for Unix seconds above 0, given as a number or as text; None for anything else. assumed: a vendor that
    says 0 has no time yet."""
    if isinstance(value, bool):
        return None
    try:
        seconds = float(value)  # type: ignore[arg-type]
        return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def read_iso_time(value: object) -> datetime | None:
    """Return the time for a text in ISO 8601; None for anything else. A text without a time zone means UTC."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


def oldest_first(found: Iterable[FoundProcess], handle: Handle) -> tuple[FoundProcess, ...]:
    """Sort the processes of one run by the vendor's time of creation. If two times are equal, the attempt number decides."""

    def age(process: FoundProcess) -> tuple[datetime, int]:
        attempt = ATTEMPT.match(process.handle.removeprefix(handle.prefix))
        return process.created_at or datetime.max.replace(tzinfo=UTC), int(attempt[0]) if attempt else 0

    return tuple(sorted(found, key=age))
