"""Which of yesterday's jobs are counted as using a model that retires soon, and what the warning says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from tests.fakes import small_catalogs

from darkroom.model import WarningMetric
from darkroom.pipeline.retiring_models import RetiringModels

Model = tuple[str | None, str | None]  # the provider and the model of a job
RETIRING: Model = ("topaz", "Denoise Normal")
LATER: Model = ("topaz", "Wonder")
UNPLANNED: Model = (None, None)  # the job was rejected before its provider was known
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@dataclass
class Day:
    """Stands in for the ledger's jobs of each day, and keeps the warnings."""

    jobs: Mapping[str, list[Model]]
    warned: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def of_day(self, day: str) -> Iterator[Any]:
        return (SimpleNamespace(provider=provider, model=model) for provider, model in self.jobs.get(day, ()))

    def warn(self, metric: WarningMetric, message: str, **facts: Any) -> None:
        assert metric is WarningMetric.RETIRING_MODEL
        self.warned.append((message, facts))

    def count(self, now: datetime = NOON) -> int:
        alerts: Any = self
        return RetiringModels(queries=alerts, alerts=alerts, clock=lambda: now)()


def test_only_yesterdays_jobs_on_a_model_that_retires_soon_are_counted() -> None:
    day = Day(
        {"2026-11-20": [RETIRING, LATER, UNPLANNED, RETIRING], "2026-11-21": [RETIRING], "2026-11-22": [RETIRING]}
    )
    assert day.count() == 2
    ((why, facts),) = day.warned
    assert facts == {"count": 2, "provider": "topaz", "model": "Denoise Normal"}
    assert why == (
        "2 of yesterday's jobs used Denoise Normal of topaz, which retires on 2026-12-09; its successor is Denoise Max"
    )


def test_a_day_without_such_jobs_warns_of_nothing() -> None:
    day = Day({"2026-11-20": [LATER, UNPLANNED]})
    assert (day.count(), day.warned) == (0, [])


@pytest.mark.parametrize(("today", "counted"), [(9, 1), (8, 0)])
def test_a_model_counts_from_thirty_days_before_it_retires(
    monkeypatch: pytest.MonkeyPatch, today: int, counted: int
) -> None:
    own = 'retires = [{ on = 2026-12-09, source = "page" }]'
    small_catalogs.use(monkeypatch, small_catalogs.book('inputs = ["link"]\ncredits = 1', own=own))
    day = Day({f"2026-11-{today - 1:02}": [("topaz", "One")]})
    assert day.count(datetime(2026, 11, today, tzinfo=UTC)) == counted
    assert [why for why, _ in day.warned] == [
        "1 of yesterday's jobs used One of topaz, which retires on 2026-12-09"
    ] * counted
