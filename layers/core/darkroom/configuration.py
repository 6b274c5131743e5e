"""Configuration: what a function's environment says, checked. Pure; it must not read the environment itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal, InvalidOperation

from darkroom.model import Limits


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
    def suffixes(self) -> tuple[str, ...]:
        """What keys of uploads end in; empty = anything."""
        return tuple(filter(None, (part.strip() for part in self.text("INPUT_SUFFIXES", "").split(","))))

    @property
    def deadline(self) -> timedelta:
        """After which an unfinished job is cancelled."""
        return timedelta(hours=float(_number("JobDeadlineHours", self.text("JOB_DEADLINE_HOURS", "24"))))

    @property
    def limits(self) -> Limits:
        """The stack's spending limits."""
        return Limits(
            monthly_credits=self._per_provider("MonthlyCreditLimit", "MONTHLY_CREDIT_LIMIT"),
            monthly_usd=_number("MonthlyBudgetUsd", self.text("MONTHLY_BUDGET_USD", "0")),
            credits_per_job=self._per_provider("MaxCreditsPerJob", "MAX_CREDITS_PER_JOB"),
            credit_price_usd=self._per_provider("CreditPriceUsd", "CREDIT_PRICE_USD"),
        )

    def _per_provider(self, parameter: str, name: str) -> dict[str, Decimal]:
        return per_provider(parameter, self.text(name, ""), self.provider)


def per_provider(parameter: str, text: str, default_provider: str) -> dict[str, Decimal]:
    """`500` (for the default provider) or `topaz=500,aimlapi=20000000`; zeros are left out: they mean no limit."""
    amounts: dict[str, Decimal] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, amount = part.rpartition("=")
        amounts[name.strip().lower() if equals else default_provider] = _number(parameter, amount or "nothing")
    return {name: amount for name, amount in amounts.items() if amount}


def _number(parameter: str, text: str) -> Decimal:
    try:
        number = Decimal(text.strip() or "0")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise BadConfiguration(f"{parameter}: {text!r} is not a number of 0 or more; correct it and deploy again")
    return number
