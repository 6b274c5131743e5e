"""Reads and checks the values of a function's environment variables. All functions are pure; the caller passes the variables."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal, InvalidOperation

from darkroom.model import LedgerOwner, Limits, Spelling

# A number of the ledger has at most 38 digits. The product of a price and an amount has up to the sum of their digits.
MAX_DIGITS = 18
MIN_RETAINED_DAYS = (
    90  # the sweep looks for lost uploads of 30 days, and a settled job is still compared with the account
)


class BadConfiguration(RuntimeError):
    """A stack parameter is malformed. The operator must correct it and deploy again. Until then, uploads wait in the queue."""


@dataclass(frozen=True)
class Configuration:
    """Gives the values of a function's environment variables, which the template sets. Each property and method raises
    BadConfiguration for a malformed value."""

    environment: Mapping[str, str] = field(repr=False)

    def text(self, name: str, default: str | None = None) -> str:
        """Return the variable `name`, or `default` if it is not set. Raises BadConfiguration if there is no default either."""
        value = self.environment.get(name, default)
        if value is None:
            raise BadConfiguration(f"the function has no environment variable {name}; deploy the template again")
        return value

    @property
    def stack(self) -> LedgerOwner:
        """This stack, as the owner of its ledger."""
        return LedgerOwner(self.text("STACK_NAME"), self.text("INPUT_BUCKET"))

    @property
    def ledger_is_given(self) -> bool:
        """Whether the stack parameter LedgerTableName names an existing ledger."""
        return self.text("LEDGER_IS_GIVEN", "false") == "true"

    @property
    def provider(self) -> str:
        """The provider of uploads that name no provider."""
        return self.text("PROVIDER", "topaz")

    def allowed_providers(self, known: Collection[str]) -> tuple[str, ...]:
        """Return the providers that uploads may name. They are the known ones among AllowedProviders, or only the stack's default
        provider if that parameter is empty."""
        given = [name.strip().lower() for name in self.text("ALLOWED_PROVIDERS", "").split(",") if name.strip()]
        allowed = tuple(name for name in given if name in known)
        if given and not allowed:
            raise BadConfiguration(f"AllowedProviders names none of {', '.join(known)}; correct it and deploy again")
        return allowed or (self.provider,)

    @property
    def tag_prefix(self) -> str:
        """The prefix of tags that are settings; empty = all tags may be settings."""
        return self.text("TAG_PREFIX", "")

    @property
    def metadata_prefix(self) -> str | None:
        """The prefix of metadata names that are settings; empty = all names may be settings, None = metadata is not read."""
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
        """The prefix that the keys of uploads must have; empty = any key is allowed."""
        return self.text("INPUT_PREFIX", "")

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The allowed suffixes of the keys of uploads; empty = any suffix is allowed."""
        return tuple(filter(None, (part.strip() for part in self.text("INPUT_SUFFIXES", "").split(","))))

    @property
    def deadline(self) -> timedelta:
        """The time after which an unfinished job is cancelled."""
        return timedelta(hours=float(_parse_number("JobDeadlineHours", self.text("JOB_DEADLINE_HOURS", "24"))))

    @property
    def retain_jobs(self) -> timedelta | None:
        """For how long the row of an ended job is kept, None = for ever."""
        days = _parse_number("RetainJobsDays", self.text("RETAIN_JOBS_DAYS", "0"))
        if 0 < days < MIN_RETAINED_DAYS:
            raise BadConfiguration(
                f"RetainJobsDays: {days} is not 0 (for ever) or at least {MIN_RETAINED_DAYS}; correct it and deploy again"
            )
        return timedelta(days=float(days)) if days else None

    @property
    def output_bucket(self) -> str:
        """The bucket for results. Raises BadConfiguration if it is also the input bucket, because then each result would be a new
        upload."""
        bucket = self.text("OUTPUT_BUCKET")
        if bucket == self.text("INPUT_BUCKET", ""):
            raise BadConfiguration(
                f"InputBucketName and OutputBucketName are both {bucket!r}, so each result would be a new upload; "
                "name two different buckets and deploy again"
            )
        return bucket

    def limits(self, known: Collection[str]) -> Limits:
        """Return the stack's spending limits. `known` has the names of all providers. A limit for any other name would limit
        nothing, so it raises BadConfiguration."""
        return Limits(
            monthly_credits=self._limits_by_provider("MonthlyCreditLimit", "MONTHLY_CREDIT_LIMIT", known),
            monthly_usd=_parse_number("MonthlyBudgetUsd", self.text("MONTHLY_BUDGET_USD", "0")),
            credits_per_job=self._limits_by_provider("MaxCreditsPerJob", "MAX_CREDITS_PER_JOB", known),
            credit_price_usd=self._amounts_by_provider("CreditPriceUsd", "CREDIT_PRICE_USD", known),
        )

    def spellings(self, known: Collection[str]) -> dict[str, Spelling]:
        """Return provider → spelling of its settings, from the stack parameter SettingSpelling (`topaz=snake,…`). Raises
        BadConfiguration for an unknown provider or spelling, and for a provider that is named twice."""
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
        """Return the limits of the providers that have one. The value 0 means no limit."""
        return {
            provider: amount for provider, amount in self._amounts_by_provider(parameter, name, known).items() if amount
        }

    def _amounts_by_provider(self, parameter: str, name: str, known: Collection[str]) -> dict[str, Decimal]:
        return parse_amounts_by_provider(parameter, self.text(name, ""), self.provider, known)


def parse_amounts_by_provider(
    parameter: str, text: str, default_provider: str, known: Collection[str]
) -> dict[str, Decimal]:
    """Return provider → amount from a text such as `topaz=500,aimlapi=20000000`. In `500`, the amount is for the default
    provider. Raises BadConfiguration for an invalid amount, and for a provider that is unknown or named twice."""
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
    """Return the number of digits of the number when it is written without an exponent. Leading zeros, and trailing zeros of the
    fraction, are not counted."""
    if not number:
        return 1
    fraction = max(-number.normalize().as_tuple().exponent, 0)  # type: ignore[operator]  # finite: an integer
    return max(number.adjusted() + 1, 0) + fraction
