"""Draws the charts of a report as SVG, with Vega-Lite.

The SVG has no style attribute, no script and no reference, so that the page's policy allows it as it is. Colours are the page's
variables: `--bar-1` to `--bar-5`, `--text`, `--line`, `--limit`. The page hides a chart from screen readers and offers its table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import vl_convert

from darkroom_cli.html_report.spend_figures import Bar

COLOURS = 5  # --bar-1 to --bar-5; a sixth provider would have the first colour again
WIDE, NARROW = 860, 330  # pixels of the plot, without its axes
DAY_HEIGHT, BAR_HEIGHT = 170, 22
MOST_LABEL_PIXELS = 150
FONT = "system-ui, sans-serif"
CONFIG = {
    "view": {"stroke": None},
    "font": FONT,
    "axis": {
        "labelColor": "var(--text)",
        "titleColor": "var(--text)",
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    },
    "legend": {"labelColor": "var(--text)", "labelFontSize": 12, "title": None, "orient": "top", "symbolType": "square"},
}


@dataclass(frozen=True)
class DayOfMonth:
    """What was spent in a month up to a day."""

    day: str  # YYYY-MM-DD
    usd: Decimal


def by_day(bars: Sequence[Bar], providers: Sequence[str]) -> str:
    """Return a chart with a bar for each day. `providers` fixes the colours."""
    axis = {"title": None, "format": "%d %b", "tickCount": 12, "grid": False, "labelOverlap": True}
    x = {"field": "day", "type": "temporal", "timeUnit": "utcyearmonthdate", "axis": axis}
    days = len({bar.group for bar in bars})
    mark = {"type": "bar", "width": max(min(WIDE / max(days, 1) - 2, 40), 1)}
    rows = [{"day": bar.group, "usd": float(bar.usd), "provider": bar.provider} for bar in bars]
    return _svg(rows, mark, {"x": x, "y": _dollars("y"), "color": _colours(providers)}, WIDE, DAY_HEIGHT)


def by_group(bars: Sequence[Bar], providers: Sequence[str]) -> str:
    """Return a chart with a horizontal bar for each group, in the order of the bars."""
    groups = list(dict.fromkeys(bar.group for bar in bars))
    axis = {"title": None, "labelLimit": MOST_LABEL_PIXELS, "ticks": False, "domain": False, "labelPadding": 6}
    y = {"field": "group", "type": "nominal", "sort": groups, "axis": axis}
    rows = [{"group": bar.group, "usd": float(bar.usd), "provider": bar.provider} for bar in bars]
    encoding = {"y": y, "x": _dollars("x"), "color": {**_colours(providers), "legend": None}}
    return _svg(rows, {"type": "bar"}, encoding, NARROW, {"step": BAR_HEIGHT})


def _dollars(channel: str) -> dict[str, Any]:
    axis = {"title": "USD", "tickCount": 4, "format": "~s" if channel == "x" else ",~r"}
    return {"field": "usd", "type": "quantitative", "aggregate": "sum", "axis": axis}


def _colours(providers: Sequence[str]) -> dict[str, Any]:
    shades = [f"var(--bar-{number % COLOURS + 1})" for number in range(len(providers))]
    return {"field": "provider", "type": "nominal", "scale": {"domain": list(providers), "range": shades}}


def _svg(rows: list[dict[str, object]], mark: object, encoding: object, width: int, height: object) -> str:
    spec = {
        "data": {"values": rows},
        "mark": mark,
        "encoding": encoding,
        "width": width,
        "height": height,
        "background": None,
        "config": CONFIG,
    }
    drawn = str(vl_convert.vegalite_to_svg(spec))
    return drawn.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
