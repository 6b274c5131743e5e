"""The configuration: reads and checks the values of a function's environment variables. Pure; the caller passes them in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal, InvalidOperation

from darkroom.model import Limits, Spelling

# A number of the ledger has at most 38 digits. A price times an amount has as many as both together.
MAX_DIGITS = 18


class BadConfiguration(RuntimeError):
    """A stack parameter is malformed. The operator must correct it and deploy again; uploads wait in the queue meanwhile."""


@dataclass(frozen=True)
class Configuration:
    """A function's environment variables, as the template sets them. Each property and method raises BadConfiguration for a
    malformed value."""

    environment: Mapping[str, str] = field(repr=False)

    def text(self, name: str, default: str | None = None) -> str:
        """Return a variable, or the default. Raises BadConfiguration if there is neither."""
        value = self.environment.get(name, default)
        if value is None:
            raise BadConfiguration(f"the function has no environment variable {name}; deploy the template again")
        return value

    @property
    def provider(self) -> str:
        """The provider of uploads that name none."""
        return self.text("PROVIDER", "topaz")

    def allowed_providers(self, known: Collection[str]) -> tuple[str, ...]:
        """Return the providers that uploads may name: those of AllowedProviders that are known, or Provider alone if the
        parameter is empty."""
        given = [name.strip().lower() for name in self.text("ALLOWED_PROVIDERS", "").split(",") if name.strip()]
        allowed = tuple(name for name in given if name in known)
        if given and not allowed:
            raise BadConfiguration(f"AllowedProviders names none of {', '.join(known)}; correct it and deploy again")
        return allowed or (self.provider,)

    @property
    def tag_prefix(self) -> str:
        """The prefix of the tags that are settings; empty = all tags."""
        return self.text("TAG_PREFIX", "")

    @property
    def metadata_prefix(self) -> str | None:
        """The prefix of the metadata names that are settings; empty = all names, None = metadata is not read."""
        choice = self.text("METADATA_SETTINGS", "").strip().lower()
        if choice not in ("", "on", "prefixed", "off"):
            raise BadConfiguration(
                f"MetadataSettings: {choice!r} is not valid; allowed: empty, on, prefixed, off; correct it and deploy again"
            )
        if choice == "prefixed" and not self.tag_prefix:
            raise BadConfiguration(
                "MetadataSettings is `prefixed`, but there is no TagPrefix; set one and deploy again"
            )
        return None if choice == "off" else "" if choice == "on" else self.tag_prefix

    @property
    def prefix(self) -> str:
        """The prefix that keys of uploads must have; empty = none."""
        return self.text("INPUT_PREFIX", "")

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The suffixes of which keys of uploads must have one; empty = any."""
        return tuple(filter(None, (part.strip() for part in self.text("INPUT_SUFFIXES", "").split(","))))

    @property
    def deadline(self) -> timedelta:
        """The time after which an unfinished job is cancelled."""
        return timedelta(hours=float(_parse_number("JobDeadlineHours", self.text("JOB_DEADLINE_HOURS", "24"))))

    @property
    def output_bucket(self) -> str:
        """The bucket for results. Raises BadConfiguration if it is also the input bucket: each result would be an upload."""
        bucket = self.text("OUTPUT_BUCKET")
        if bucket == self.text("INPUT_BUCKET", ""):
            raise BadConfiguration(
                f"InputBucketName and OutputBucketName are both {bucket!r}, so each result would be a new upload; "
                "name two different buckets and deploy again"
            )
        return bucket

    def limits(self, known: Collection[str]) -> Limits:
        """Return the stack's spending limits. `known` are the names of all providers: a limit for any other name raises
        BadConfiguration, because it would limit nothing."""
        return Limits(
            monthly_credits=self._limits_by_provider("MonthlyCreditLimit", "MONTHLY_CREDIT_LIMIT", known),
            monthly_usd=_parse_number("MonthlyBudgetUsd", self.text("MONTHLY_BUDGET_USD", "0")),
            credits_per_job=self._limits_by_provider("MaxCreditsPerJob", "MAX_CREDITS_PER_JOB", known),
            credit_price_usd=self._amounts_by_provider("CreditPriceUsd", "CREDIT_PRICE_USD", known),
        )

    def spellings(self, known: Collection[str]) -> dict[str, Spelling]:
        """Return provider → spelling of its settings, as SettingSpelling says: `topaz=snake,…`. Raises BadConfiguration for an
        unknown provider or spelling, and for a provider that is named twice."""
        spellings: dict[str, Spelling] = {}
        for part in filter(None, (part.strip() for part in self.text("SETTING_SPELLING", "").split(","))):
            name, _, word = (piece.strip().lower() for piece in part.partition("="))
            if name not in known or word not in list(Spelling) or name in spellings:
                raise BadConfiguration(
                    f"SettingSpelling: {part!r} is not one spelling of a provider, such as topaz={'|'.join(Spelling)}; "
                    f"providers: {', '.join(known)}; correct it and deploy again"
                )
            spellings[name] = Spelling(word)
        return spellings

    def _limits_by_provider(self, parameter: str, name: str, known: Collection[str]) -> dict[str, Decimal]:
        """Return the limits that are not 0, which means no limit."""
        return {
            provider: amount for provider, amount in self._amounts_by_provider(parameter, name, known).items() if amount
        }

    def _amounts_by_provider(self, parameter: str, name: str, known: Collection[str]) -> dict[str, Decimal]:
        return parse_amounts_by_provider(parameter, self.text(name, ""), self.provider, known)


def parse_amounts_by_provider(
    parameter: str, text: str, default_provider: str, known: Collection[str]
) -> dict[str, Decimal]:
    """Parse `500`, an amount for the default provider, or `topaz=500,aimlapi=20000000`. Raises BadConfiguration for an invalid
    amount, and for a provider that is not known or is named twice."""
    amounts: dict[str, Decimal] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, amount = part.rpartition("=")
        provider = name.strip().lower() if equals else default_provider
        if provider not in known:
            raise BadConfiguration(
                f"{parameter}: {provider!r} is not a provider; allowed: {', '.join(known)}; correct it and deploy again"
            )
        if provider in amounts:
            raise BadConfiguration(f"{parameter}: {provider} is given twice; correct it and deploy again")
        amounts[provider] = _parse_number(parameter, amount or "nothing")
    return amounts


def _parse_number(parameter: str, text: str) -> Decimal:
    try:
        number = Decimal(text.strip() or "0")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise BadConfiguration(f"{parameter}: {text!r} is not a number of 0 or more; correct it and deploy again")
    if _count_digits(number) > MAX_DIGITS:
        raise BadConfiguration(f"{parameter}: {text!r} has more than {MAX_DIGITS} digits; correct it and deploy again")
    return number


def _count_digits(number: Decimal) -> int:
    """Return the number of digits of the number when it is written out, without leading zeros and trailing zeros of its
    fraction."""
    if not number:
        return 1
    fraction = max(-number.normalize().as_tuple().exponent, 0)  # type: ignore[operator]  # finite: an integer
    return max(number.adjusted() + 1, 0) + fraction
