"""Computes a job's price in credits by the vendor's published rule. It is pure arithmetic and must not know limits.

The rule comes from the price table of the Lens Blur 2 page, developer.topazlabs.com, 2026-11. All ten rows of the table fit it.
"""

from __future__ import annotations

from decimal import Decimal

from darkroom.model import PIXELS_PER_MEGAPIXEL


def credits(output_pixels: int, mp_per_credit: Decimal | None, credits: Decimal | None = None) -> Decimal | None:
    """Return the price of an output of that size in the provider's unit, or None if only the vendor knows the price.

    Each step of `mp_per_credit` megapixels costs `credits` (default 1). A step that has begun counts in full. For example, with
    24 MP a step, 24 MP are one step, and one pixel more makes two steps. Without `mp_per_credit` the price is `credits`.
    """
    if mp_per_credit is None:
        return credits
    whole, rest = divmod(Decimal(output_pixels), mp_per_credit * PIXELS_PER_MEGAPIXEL)
    return max(Decimal(1), whole + (1 if rest else 0)) * (Decimal(1) if credits is None else credits)
