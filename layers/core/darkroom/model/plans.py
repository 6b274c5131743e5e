"""What an upload will be made into, and what it may cost. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from darkroom.model.uploads import ImageFormat


@dataclass(frozen=True)
class Resolved:
    """One setting after resolution: its value as text, and the layer that gave it (`tags`, `stack`, …)."""

    value: str
    layer: str


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
    """The stack's spending limits. 0 or absence = none."""

    monthly_credits: Mapping[str, Decimal]  # provider → its own unit
    monthly_usd: Decimal
    credits_per_job: Mapping[str, Decimal]
    credit_price_usd: Mapping[str, Decimal]  # over the catalog's
