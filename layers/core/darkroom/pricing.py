"""What a job costs in the provider's unit, by the vendor's published rule. Pure arithmetic; it must not know limits.

Source of the rule and its check: the ten-row price table of the Lens Blur 2 page, developer.topazlabs.com, 2026-11.
"""

from __future__ import annotations

from decimal import Decimal

PIXELS_PER_MEGAPIXEL = 1_000_000


def credits(output_pixels: int, mp_per_credit: Decimal | None, credits: Decimal | None = None) -> Decimal | None:
    """What an output of that size costs: `credits` (1 unless given) a begun step of `mp_per_credit` megapixels, at least one
    step; without steps `credits` itself; None when only the vendor knows. Exact: at 24, 24 MP are one step, a pixel more two.
    """
    if mp_per_credit is None:
        return credits
    whole, rest = divmod(Decimal(output_pixels), mp_per_credit * PIXELS_PER_MEGAPIXEL)
    return max(Decimal(1), whole + (1 if rest else 0)) * (Decimal(1) if credits is None else credits)
