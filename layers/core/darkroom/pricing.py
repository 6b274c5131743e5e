"""What a job costs in the provider's unit, by the vendor's published rule. Pure arithmetic; it must not know limits.

Source of the rule and its check: the ten-row price table of the Lens Blur 2 page, developer.topazlabs.com, 2026-11.
"""

from __future__ import annotations

from decimal import Decimal

PIXELS_PER_MEGAPIXEL = 1_000_000


def credits(output_pixels: int, mp_per_credit: Decimal) -> Decimal:
    """Whole credits: output megapixels / rate, rounded up, at least 1. Exact: at 24, 24 MP cost 1, a pixel more 2."""
    whole, rest = divmod(Decimal(output_pixels), mp_per_credit * PIXELS_PER_MEGAPIXEL)
    return max(Decimal(1), whole + (1 if rest else 0))
