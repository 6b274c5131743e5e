"""Draws the charts of a report as SVG, with Vega-Lite.

The SVG has no style attribute, no script and no reference, so that the page's policy allows it as it is. Colours are the page's
variables: `--bar-1` to `--bar-5`, `--text`, `--line`, `--limit`. The page hides a chart from screen readers and offers its table.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import vl_convert

from darkroom_cli.html_report.spend_figures import Bar, DayOfMonth

COLOURS = 5  # --bar-1 to --bar-5; a sixth provider would have the first colour again
WIDE, NARROW = 1060, 330  # pixels of the plot, without its axes
DAY_HEIGHT, BAR_HEIGHT = 170, 22
LABEL_PIXELS, LABEL_SPACE = 140, 165  # the space is wider, because browsers have other fonts
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
    "legend": {
        "labelColor": "var(--text)",
        "labelFontSize": 12,
        "title": None,
        "orient": "top",
        "symbolType": "square",
    },
}


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
    axis = {"title": None, "ticks": False, "domain": False, "labelPadding": 6, "labelLimit": LABEL_PIXELS}
    axis |= {"minExtent": LABEL_SPACE, "maxExtent": LABEL_SPACE}
    y = {"field": "group", "type": "nominal", "sort": groups, "axis": axis}
    rows = [{"group": bar.group, "usd": float(bar.usd), "provider": bar.provider} for bar in bars]
    encoding = {"y": y, "x": _dollars("x"), "color": {**_colours(providers), "legend": None}}
    return _svg(rows, {"type": "bar"}, encoding, NARROW, {"step": BAR_HEIGHT})


def against_limit(days: Sequence[DayOfMonth], limit: Decimal) -> str:
    """Return a chart of a month's dollars, added up day by day, with a line at the month's limit."""
    axis = {"title": None, "format": "%d %b", "tickCount": 12, "grid": False, "labelOverlap": True}
    x = {"field": "day", "type": "temporal", "timeUnit": "utcyearmonthdate", "axis": axis}
    rows = [{"day": one.day, "usd": float(one.usd), "limit": float(limit)} for one in days]
    y = {"type": "quantitative", "axis": {"title": "USD", "tickCount": 4, "format": ",~r"}}
    area = {"type": "area", "interpolate": "step-after", "color": "var(--bar-1)", "opacity": 0.85}
    rule = {"type": "line", "color": "var(--limit)", "strokeDash": [6, 4], "strokeWidth": 2}
    layers = [
        {"mark": area, "encoding": {"x": x, "y": {**y, "field": "usd"}}},
        {"mark": rule, "encoding": {"x": x, "y": {**y, "field": "limit"}}},
    ]
    return _drawn({"data": {"values": rows}, "layer": layers, "width": WIDE, "height": DAY_HEIGHT})


def _dollars(channel: str) -> dict[str, Any]:
    axis = {"title": "USD", "tickCount": 4, "format": "~s" if channel == "x" else ",~r"}
    return {"field": "usd", "type": "quantitative", "aggregate": "sum", "axis": axis}


def _colours(providers: Sequence[str]) -> dict[str, Any]:
    shades = [f"var(--bar-{number % COLOURS + 1})" for number in range(len(providers))]
    return {"field": "provider", "type": "nominal", "scale": {"domain": list(providers), "range": shades}}


def _svg(rows: list[dict[str, object]], mark: object, encoding: object, width: int, height: object) -> str:
    return _drawn({"data": {"values": rows}, "mark": mark, "encoding": encoding, "width": width, "height": height})


def _drawn(spec: dict[str, Any]) -> str:
    drawn = str(vl_convert.vegalite_to_svg({**spec, "background": None, "config": CONFIG}))
    return drawn.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
