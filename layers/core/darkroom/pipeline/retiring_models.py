"""Counts yesterday's jobs on models that retire soon, so that somebody changes the settings in time.

The sweep runs this task once a day. It only counts jobs; it changes and refuses nothing.
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
MOST_JOBS = 2_000  # at most so many jobs of a day are read; if there are more, the count is too low


@dataclass(frozen=True)
class RetiringModels:
    """Counts jobs on retiring models. Repeat safe, but a second call counts the jobs again."""

    queries: SweepQueries
    alerts: Alerts
    clock: Clock

    def __call__(self) -> int:
        """Return how many of yesterday's jobs used a model that retires within 30 days, and add a warning for each such model."""
        from darkroom import catalog, retirement  # not at the top, because no other step of the sweep reads a catalog

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
