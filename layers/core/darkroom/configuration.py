"""Configuration: what a function's environment says, checked. Pure; it must not read the environment itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal, InvalidOperation

from darkroom.model import Limits

# The ledger's numbers hold 38 digits, and a price times an amount has as many as both together.
MAX_DIGITS = 18


class BadConfiguration(RuntimeError):
    """A stack parameter is malformed: the operator corrects it and deploys again. Queued uploads are kept meanwhile."""


@dataclass(frozen=True)
class Configuration:
    """The environment as the template sets it. Each property raises BadConfiguration for a malformed value."""

    environment: Mapping[str, str] = field(repr=False)

    def text(self, name: str, default: str | None = None) -> str:
        """A variable; without a default it must be there."""
        value = self.environment.get(name, default)
        if value is None:
            raise BadConfiguration(f"the function has no environment variable {name}; deploy the template again")
        return value

    @property
    def provider(self) -> str:
        """Of uploads that name none."""
        return self.text("PROVIDER", "topaz")

    def allowed_providers(self, known: Collection[str]) -> tuple[str, ...]:
        """Those uploads may name, as far as they are known here; all of them when none is named."""
        named = [name.strip().lower() for name in self.text("ALLOWED_PROVIDERS", "").split(",") if name.strip()]
        allowed = tuple(name for name in named if name in known)
        if named and not allowed:
            raise BadConfiguration(f"AllowedProviders names none of {', '.join(known)}; correct it and deploy again")
        return allowed or tuple(known)

    @property
    def prefix(self) -> str:
        """INPUT_PREFIX: what keys of uploads begin with; empty = all."""
        return self.text("INPUT_PREFIX", "")

    @property
    def suffixes(self) -> tuple[str, ...]:
        """What keys of uploads end in; empty = anything."""
        return tuple(filter(None, (part.strip() for part in self.text("INPUT_SUFFIXES", "").split(","))))

    @property
    def deadline(self) -> timedelta:
        """After which an unfinished job is cancelled."""
        return timedelta(hours=float(_number("JobDeadlineHours", self.text("JOB_DEADLINE_HOURS", "24"))))

    @property
    def output_bucket(self) -> str:
        """Where results go. Raises BadConfiguration when it is the input bucket too: each result would be an upload."""
        bucket = self.text("OUTPUT_BUCKET")
        if bucket == self.text("INPUT_BUCKET", ""):
            raise BadConfiguration(
                f"InputBucketName and OutputBucketName are both {bucket!r}: results would be uploads; name two and deploy again"
            )
        return bucket

    def limits(self, known: Collection[str]) -> Limits:
        """The stack's spending limits; `known`: the providers there are. A misspelt one would be no limit at all."""
        return Limits(
            monthly_credits=self._bounds("MonthlyCreditLimit", "MONTHLY_CREDIT_LIMIT", known),
            monthly_usd=_number("MonthlyBudgetUsd", self.text("MONTHLY_BUDGET_USD", "0")),
            credits_per_job=self._bounds("MaxCreditsPerJob", "MAX_CREDITS_PER_JOB", known),
            credit_price_usd=self._per_provider("CreditPriceUsd", "CREDIT_PRICE_USD", known),
        )

    def _bounds(self, parameter: str, name: str, known: Collection[str]) -> dict[str, Decimal]:
        """Without zeros, which mean no limit."""
        return {who: amount for who, amount in self._per_provider(parameter, name, known).items() if amount}

    def _per_provider(self, parameter: str, name: str, known: Collection[str]) -> dict[str, Decimal]:
        return per_provider(parameter, self.text(name, ""), self.provider, known)


def per_provider(parameter: str, text: str, default_provider: str, known: Collection[str]) -> dict[str, Decimal]:
    """`500` (for the default provider) or `topaz=500,aimlapi=20000000`. Raises BadConfiguration for a provider that is not
    known or is named twice."""
    amounts: dict[str, Decimal] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, amount = part.rpartition("=")
        provider = name.strip().lower() if equals else default_provider
        if provider not in known:
            raise BadConfiguration(
                f"{parameter}: {provider!r} is no provider; there are {', '.join(known)}; correct it and deploy again"
            )
        if provider in amounts:
            raise BadConfiguration(f"{parameter}: {provider} is given twice; correct it and deploy again")
        amounts[provider] = _number(parameter, amount or "nothing")
    return amounts


def _number(parameter: str, text: str) -> Decimal:
    try:
        number = Decimal(text.strip() or "0")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise BadConfiguration(f"{parameter}: {text!r} is not a number of 0 or more; correct it and deploy again")
    if _digits(number) > MAX_DIGITS:
        raise BadConfiguration(f"{parameter}: {text!r} has more than {MAX_DIGITS} digits; correct it and deploy again")
    return number


def _digits(number: Decimal) -> int:
    """How many it has when written out, without zeros in front or at the end of its fraction."""
    if not number:
        return 1
    fraction = max(-number.normalize().as_tuple().exponent, 0)  # type: ignore[operator]  # finite: an integer
    return max(number.adjusted() + 1, 0) + fraction
