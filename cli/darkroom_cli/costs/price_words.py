"""Says in words what pictures will cost, before anything is spent: how many, their credits, their dollars, what is not known."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from darkroom import catalog
from darkroom_cli.console.terminal import amount
from darkroom_cli.costs.forecast import Fate, Forecast
from darkroom_cli.costs.plan_report import Report


def price_of(forecasts: Sequence[Forecast]) -> str:
    """Return for instance `12 pictures: 14 credits of topaz, 1.68 USD; for 2 of them only the vendor knows the price`."""
    report = Report(forecasts, ())
    count = len(report.paid)
    what = "1 picture" if count == 1 else f"{count} pictures"
    unknown = report.unpriced
    known = f": {spent(report.credits, report.usd)}" if count > unknown else ""
    only = "only the vendor knows the price"
    return f"{what}{known}" + (f"; for {unknown} of them {only}" if known and unknown else f"; {only}" * bool(unknown))


def spent(credits: dict[str, Decimal], usd: Decimal) -> str:
    """Return credits by provider, each in its unit, and dollars: `14 credits of topaz, 1.68 USD`."""
    units = {provider: catalog.load(provider).unit for provider in credits if provider in catalog.providers()}
    parts = [
        f"{amount(sum_of)} {unit if sum_of != 1 else unit.removesuffix('s')} of {provider}"
        for provider, sum_of in sorted(credits.items())
        if (unit := units.get(provider, "credits")).isalpha()  # a unit such as `0.0001 USD` is told in dollars alone
    ]
    return ", ".join([*parts, f"{dollars(usd)} USD"])


def dollars(value: Decimal) -> str:
    """Return dollars with at least two decimals. Fractions of a cent, which a credit may cost, are kept."""
    return f"{value:.2f}" if value == round(value, 2) else amount(value)


def refused(forecasts: Sequence[Forecast]) -> list[Forecast]:
    """Return the forecasts of what would be refused or skipped, unpaid."""
    return [each for each in forecasts if each.fate in (Fate.REFUSED, Fate.SKIPPED)]
