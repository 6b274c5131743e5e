"""Plans, which say how an upload is to be enhanced and what it may cost. Uses only the standard library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from darkroom.model.uploads import ImageFormat


@dataclass(frozen=True)
class ResolvedSetting:
    """The value of one setting, as text, and the layer that gave it (`tags`, `stack`, …)."""

    value: str
    layer: str


@dataclass(frozen=True)
class OutputRules:
    """What a user decides of a result besides the picture: its key and its tags. The default changes nothing."""

    key: str | None = None  # a template such as `{folder}/{stem}-{model}.{ext}`; None = the source's key
    flat: bool = False  # whether `{folder}` is empty, so that all results lie side by side
    suffixes: Mapping[str, str] = field(default_factory=dict)  # format → its suffix without the dot, e.g. jpeg → jpg
    drop_tags: bool = False  # whether the result goes without the source's tags

    @property
    def changes_key(self) -> bool:
        """Whether a result's key differs from what Darkroom does by itself."""
        return self.key is not None or self.flat or bool(self.suffixes)


class Spelling(StrEnum):
    """Says how a vendor writes the names of settings with several words: in snake_case, in camelCase, or both."""

    SNAKE = "snake"  # e.g. face_enhancement; the catalog writes all names so
    CAMEL = "camel"  # e.g. faceEnhancement
    BOTH = "both"  # the vendor's pages disagree, so the request has both names


class SendMode(StrEnum):
    """Says how a plan is sent: as bytes or by a link. In a synchronous mode, the provider answers with the result."""

    UPLOAD = "upload"  # sends the bytes; the answer is a process id
    LINK = "link"  # sends a presigned URL; the answer is a process id
    SYNCHRONOUS_UPLOAD = "synchronous upload"  # sends the bytes; the answer is the result
    SYNCHRONOUS_LINK = "synchronous link"  # sends a presigned URL; the answer is the result

    @property
    def by_link(self) -> bool:
        """True if the provider fetches the image itself."""
        return self in (SendMode.LINK, SendMode.SYNCHRONOUS_LINK)

    @property
    def is_synchronous(self) -> bool:
        """True if the provider answers with the result."""
        return self in (SendMode.SYNCHRONOUS_UPLOAD, SendMode.SYNCHRONOUS_LINK)

    @classmethod
    def of(cls, *, by_link: bool, is_synchronous: bool) -> SendMode:
        """Return the send mode for which `by_link` and `is_synchronous` have these values."""
        return next(
            send_mode for send_mode in cls if (send_mode.by_link, send_mode.is_synchronous) == (by_link, is_synchronous)
        )


ANY_FORMAT = "any"  # stands for an unknown format: the provider chooses it and does not say beforehand


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A checked and complete description of a submit. The module `planning` makes it, and a provider's adapter sends it."""

    provider: str
    model: str
    endpoint: str  # the vendor's path below its base URL, e.g. `enhance/async`
    parameters: Mapping[str, str]  # the vendor's name of a parameter → its value as the vendor writes it
    settings: Mapping[str, str]  # Darkroom's name of a setting → its value; the ledger keeps them
    layers: Mapping[str, str]  # Darkroom's name of a setting → the layer that gave its value
    notes: tuple[str, ...]  # which settings were dropped, and why
    source_format: ImageFormat
    output_format: ImageFormat
    output_width: int
    output_height: int
    credits: Decimal | None  # the price; None if the catalog has none and the vendor's estimate has not given one yet
    credit_price_usd: Decimal
    send_mode: SendMode = SendMode.UPLOAD
    queue_endpoint: str | None = None  # the asynchronous endpoint to use if the synchronous one no longer exists
    other_formats: tuple[ImageFormat, ...] = ()  # formats that the provider may choose instead of `output_format`
    label: str | None = None
    max_credits: Decimal | None = None  # the lowest of all layers; None = no limit
    output_rules: OutputRules = field(default_factory=OutputRules)

    @property
    def price(self) -> Decimal:
        """The credits to reserve. Raises ValueError if the price is not known yet."""
        if self.credits is None:
            raise ValueError("the plan is not priced yet")
        return self.credits

    @property
    def cost_usd(self) -> Decimal:
        """The price in US dollars."""
        return self.price * self.credit_price_usd


@dataclass(frozen=True)
class Limits:
    """The stack's spending limits and prices. A limit that is 0 or absent means no limit. A price of 0 means free."""

    monthly_credits: Mapping[str, Decimal]  # provider → credits in the provider's own unit
    monthly_usd: Decimal  # for all providers together
    credits_per_job: Mapping[str, Decimal]  # provider → credits in the provider's own unit
    credit_price_usd: Mapping[str, Decimal]  # provider → price of one credit; it replaces the catalog's price
