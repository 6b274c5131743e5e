"""Says what it will cost to run jobs again, by the quote that submit makes of their uploads now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from darkroom import output_keys
from darkroom_cli.console import bars
from darkroom_cli.console.terminal import amount
from darkroom_cli.costs import budget_room, forecast, price_words
from darkroom_cli.costs.budget_room import USD, Room
from darkroom_cli.costs.forecast import Fate, Forecast
from darkroom_cli.costs.plan_report import Report
from darkroom_cli.costs.price_words import spent

if TYPE_CHECKING:
    from darkroom.model import Job
    from darkroom_cli.stack.deployment import Deployment


@dataclass(frozen=True)
class RerunPrice:
    """The price of running jobs again. `unread` are jobs whose uploads this person may not read, so that only their last
    reservations are known."""

    forecasts: Sequence[Forecast]
    unread: Sequence[Job]
    rooms: Sequence[Room] = ()

    @property
    def warnings(self) -> list[str]:
        """A sentence for each budget of the month that is too small. Submit refuses what does not fit, unpaid."""
        return [
            f"the limit {_parameter(room)} leaves {amount(room.left)} {_unit(room)} in {room.month}: what does not fit "
            "is refused again, unpaid. Raise the limit first, or wait for the next month"
            for room in self.rooms
            if not room.fits
        ]

    @property
    def words(self) -> str:
        """The price in one sentence."""
        paid = [each for each in self.forecasts if each.fate is Fate.PAID]
        others = price_words.refused(self.forecasts)
        parts = [f"to pay: {price_words.price_of(paid)}"] if paid else []
        parts += [f"{len(others)} would be refused again, unpaid ({_reasons(others)})"] if others else []
        parts += [f"{len(self.unread)} whose price is not known{_reserved(self.unread)}"] if self.unread else []
        return "; ".join(parts) or "nothing to pay"


def of(deployed: Deployment, jobs: Sequence[Job]) -> RerunPrice:
    """Return the price of running the jobs again. The headers of their pictures are read, and nothing is written."""
    quote = deployed.container.quote
    with bars.counting("reading headers", len(jobs)) as each:
        found = forecast.of_uploads(quote, [output_keys.upload_of(job) for job in jobs], (), {}, each)
    pairs = list(zip(jobs, found, strict=True))
    unread = [job for job, one in pairs if one.fate is Fate.UNKNOWN]
    read = [one for _, one in pairs if one.fate is not Fate.UNKNOWN]
    asked, month = Report(read, ()), f"{deployed.clock():%Y-%m}"
    rooms = budget_room.rooms(deployed.operator_ledger, quote.limits, month, asked.credits, asked.usd)
    return RerunPrice(read, unread, rooms)


def _unit(room: Room) -> str:
    return "USD" if room.unit == USD else f"of {room.unit}'s credits"


def _parameter(room: Room) -> str:
    return "MonthlyBudgetUsd" if room.unit == USD else f"MonthlyCreditLimit of {room.unit}"


def _reasons(others: Sequence[Forecast]) -> str:
    return ", ".join(sorted({str(each.code or each.message or each.fate.value) for each in others}))


def _reserved(jobs: Sequence[Job]) -> str:
    """Return what the last runs of the jobs reserved, or an empty text if one of them reserved nothing."""
    held = [job.reservation for job in jobs]
    credits: dict[str, Decimal] = {}
    usd = Decimal(0)
    for job, reservation in zip(jobs, held, strict=True):
        if reservation is None:
            return ""
        credits[job.require_provider()] = credits.get(job.require_provider(), Decimal(0)) + reservation.credits_reserved
        usd += reservation.credits_reserved * reservation.credit_price_usd
    return f"; their last runs reserved {spent(credits, usd)}"
