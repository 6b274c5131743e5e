"""The fixed date that tests use as today. All models of the catalogs are still offered on it, so no test breaks as time
passes.
"""

from __future__ import annotations

from datetime import date

TODAY = date(2026, 11, 29)
