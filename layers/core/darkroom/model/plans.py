"""Plans: how an upload is to be enhanced and what it may cost. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from darkroom.model.uploads import ImageFormat


@dataclass(frozen=True)
class ResolvedSetting:
    """One resolved setting: its value as text, and the layer it comes from (`tags`, `stack`, …)."""

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
    """How a vendor spells the names of settings with several words."""

    SNAKE = "snake"  # face_enhancement, the name in the catalog
    CAMEL = "camel"  # faceEnhancement
    BOTH = "both"  # the pages disagree: the request has both


class SendMode(StrEnum):
    """How a plan is sent: whether the provider gets bytes or a link, and whether it answers with a process id or the result."""

    UPLOAD = "upload"  # the bytes; the answer is a process id
    LINK = "link"  # a presigned GET; the answer is a process id
    SYNCHRONOUS_UPLOAD = "synchronous upload"  # sends the bytes; the answer is the result
    SYNCHRONOUS_LINK = "synchronous link"  # a presigned GET; the answer is the result

    @property
    def by_link(self) -> bool:
        """Whether the provider fetches the image itself."""
        return self in (SendMode.LINK, SendMode.SYNCHRONOUS_LINK)

    @property
    def is_synchronous(self) -> bool:
        """Whether the provider answers with the result."""
        return self in (SendMode.SYNCHRONOUS_UPLOAD, SendMode.SYNCHRONOUS_LINK)

    @classmethod
    def of(cls, *, by_link: bool, is_synchronous: bool) -> SendMode:
        """Return the send mode with these two properties."""
        return next(
            send_mode for send_mode in cls if (send_mode.by_link, send_mode.is_synchronous) == (by_link, is_synchronous)
        )


ANY_FORMAT = "any"  # instead of a format: the provider chooses it and does not say beforehand


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A checked and complete description of a submit. `planning` makes it, a provider's adapter sends it."""

    provider: str
    model: str
    endpoint: str  # the vendor's path below its base URL, e.g. `enhance/async`
    parameters: Mapping[str, str]  # wire name → wire value
    settings: Mapping[str, str]  # our name → value, kept in the ledger
    layers: Mapping[str, str]  # our name → layer
    notes: tuple[str, ...]  # what was dropped, and why
    source_format: ImageFormat
    output_format: ImageFormat
    output_width: int
    output_height: int
    credits: Decimal | None  # the price; None until the vendor's estimate gives it, if the catalog has none
    credit_price_usd: Decimal
    send_mode: SendMode = SendMode.UPLOAD
    queue_endpoint: str | None = None  # the asynchronous endpoint to use if the synchronous one no longer exists
    other_formats: tuple[ImageFormat, ...] = ()  # formats that the provider may choose instead of `output_format`
    label: str | None = None
    max_credits: Decimal | None = None  # the lowest of all layers; None = no limit
    output_rules: OutputRules = field(default_factory=OutputRules)

    @property
    def price(self) -> Decimal:
        """The credits to reserve. Raises ValueError if they are not known yet."""
        if self.credits is None:
            raise ValueError("the plan is not priced yet")
        return self.credits

    @property
    def cost_usd(self) -> Decimal:
        """Credits × price of a credit, in US dollars."""
        return self.price * self.credit_price_usd


@dataclass(frozen=True)
class Limits:
    """The stack's spending limits and prices. A limit of 0 or an absent one means no limit; a price of 0 means free."""

    monthly_credits: Mapping[str, Decimal]  # provider → credits in its own unit
    monthly_usd: Decimal  # for all providers together
    credits_per_job: Mapping[str, Decimal]  # provider → credits in its own unit
    credit_price_usd: Mapping[str, Decimal]  # provider → price of a credit, which overrides the catalog's
