"""The day on which tests plan, so that no calendar breaks them: all models of the catalogs are still offered."""

from __future__ import annotations

from datetime import date

TODAY = date(2026, 11, 29)
