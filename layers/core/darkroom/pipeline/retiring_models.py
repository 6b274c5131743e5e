"""Retiring models: counts yesterday's jobs on models that retire soon, so that somebody changes the settings in time.

Part of the sweep, once a day. It only counts: it changes nothing, and refuses nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from darkroom.model import WarningMetric
from darkroom.ports import Alerts, Clock, SweepQueries

EVERY = timedelta(days=1)
SOON = timedelta(days=30)
MOST_JOBS = 2_000  # of a day are looked at; with more, the count is a lower bound


@dataclass(frozen=True)
class RetiringModels:
    """The use case with its dependencies. Repeat safe: two looks count twice and change nothing."""

    queries: SweepQueries
    alerts: Alerts
    clock: Clock

    def __call__(self) -> int:
        """Return how many of yesterday's jobs used a model that is gone within 30 days; note each such model."""
        from darkroom import catalog, retirement  # not at the top: no other step of the sweep reads a catalog

        now = self.clock()
        soon = retirement.retiring(map(catalog.load, catalog.providers()), now.date(), SOON)
        yesterday = (now - EVERY).date().isoformat()
        jobs = islice(self.queries.of_day(yesterday), MOST_JOBS)
        used = Counter((job.provider or "", job.model or "") for job in jobs)
        found = {model: used[model] for model in soon if used[model]}
        for (provider, model), count in found.items():
            life = catalog.load(provider).models[model].lifecycle
            successor = f"; its successor is {life.replaced_by}" if life.replaced_by else ""
            why = f"{count} of yesterday's jobs used {model} of {provider}, which retires on {soon[provider, model]}{successor}"
            self.alerts.warn(WarningMetric.RETIRING_MODEL, why, count=count, provider=provider, model=model)
        return sum(found.values())
