"""What an upload will be made into, and what it may cost. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from darkroom.model.uploads import ImageFormat


@dataclass(frozen=True)
class ResolvedSetting:
    """One setting after resolution: its value as text, and the layer that gave it (`tags`, `stack`, …)."""

    value: str
    layer: str


class SendMode(StrEnum):
    """How a plan is sent: what the provider is given, and whether it keeps us waiting for the result."""

    UPLOAD = "upload"  # the bytes; a process id comes back
    LINK = "link"  # a presigned GET; a process id comes back
    SYNCHRONOUS_UPLOAD = "synchronous upload"  # the bytes; the connection is held until the result comes back
    SYNCHRONOUS_LINK = "synchronous link"  # a presigned GET; the connection is held

    @property
    def by_link(self) -> bool:
        """Whether the provider fetches the image itself."""
        return self in (SendMode.LINK, SendMode.SYNCHRONOUS_LINK)

    @property
    def is_synchronous(self) -> bool:
        """Whether the call is synchronous."""
        return self in (SendMode.SYNCHRONOUS_UPLOAD, SendMode.SYNCHRONOUS_LINK)

    @classmethod
    def of(cls, *, by_link: bool, is_synchronous: bool) -> SendMode:
        """The one with these two answers."""
        return next(
            send_mode for send_mode in cls if (send_mode.by_link, send_mode.is_synchronous) == (by_link, is_synchronous)
        )


class Spelling(StrEnum):
    """How a vendor spells the names of settings with several words."""

    SNAKE = "snake"  # face_enhancement, the name in the catalog
    CAMEL = "camel"  # faceEnhancement
    BOTH = "both"  # the pages disagree: the request has both


ANY_FORMAT = "any"  # in place of a format: the provider decides, and does not say beforehand


@dataclass(frozen=True)
class Plan:
    """A job that may be paid for: everything checked, everything decided. Made by planning, sent by an adapter."""

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
    credits: Decimal | None  # None: the catalog cannot know, the vendor's estimate must say
    credit_price_usd: Decimal
    send_mode: SendMode = SendMode.UPLOAD
    queue_endpoint: str | None = None  # of a synchronous plan: where the same may be sent if its endpoint is gone
    other_formats: tuple[ImageFormat, ...] = ()  # the provider may give these instead: it does not say beforehand
    label: str | None = None
    max_credits: Decimal | None = None  # the least of all layers; None = no limit

    @property
    def price(self) -> Decimal:
        """The credits to reserve. Raises ValueError before they are known."""
        if self.credits is None:
            raise ValueError("the plan is not priced yet")
        return self.credits

    @property
    def cost_usd(self) -> Decimal:
        """Credits × price of a credit, in US dollars."""
        return self.price * self.credit_price_usd


@dataclass(frozen=True)
class Limits:
    """The stack's spending limits. 0 or absence = none; a price of 0 is one: a free plan."""

    monthly_credits: Mapping[str, Decimal]  # provider → its own unit
    monthly_usd: Decimal
    credits_per_job: Mapping[str, Decimal]
    credit_price_usd: Mapping[str, Decimal]  # over the catalog's
