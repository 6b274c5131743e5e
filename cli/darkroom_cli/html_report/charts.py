"""Draws the charts of a report as SVG, with Vega-Lite.

The SVG has no style attribute, no script and no reference, so that the page's policy allows it as it is. Colours are the page's
variables: `--bar-1` to `--bar-5`, `--text`, `--line`, `--limit`. The page hides a chart from screen readers and offers its table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import vl_convert
from rich.cells import cell_len

from darkroom_cli.html_report.spend_figures import Bar, DayOfMonth, distinct, shortened

MOST_DAY_NAMES = 12
COLOURS = 5  # --bar-1 to --bar-5; a sixth provider would have the first colour again
WIDE, NARROW = 1060, 330  # pixels of the plot, without its axes
DAY_HEIGHT, BAR_HEIGHT, WIDEST_BAR = 170, 22, 40
LABEL_COLUMNS, LABEL_SPACE = 22, 170  # characters as on a terminal, and pixels; Vega would cut characters in two
NO_BREAK_SPACE = "\u00a0"
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
    rows = [{"day": bar.group, "usd": float(bar.usd), "provider": bar.provider} for bar in bars]
    encoding = {"x": _days(rows), "y": _dollars(), "color": _colours(providers)}
    return _svg(rows, {"type": "bar", "width": _bar_width(rows)}, encoding, WIDE, DAY_HEIGHT)


def against_limit(days: Sequence[DayOfMonth], limit: Decimal) -> str:
    """Return a chart of a month's dollars, added up day by day, with a line at the month's limit."""
    rows: list[dict[str, object]] = [{"day": one.day, "usd": float(one.usd)} for one in days]
    bar = {"type": "bar", "color": "var(--bar-1)", "width": _bar_width(rows)}
    rule = {"type": "rule", "color": "var(--limit)", "strokeDash": [6, 4], "strokeWidth": 2}
    layers = [
        {"mark": bar, "encoding": {"x": _days(rows), "y": _dollars()}},
        {"mark": rule, "encoding": {"y": {"datum": float(limit)}}},
    ]
    return _drawn({"data": {"values": rows}, "layer": layers, "width": WIDE, "height": DAY_HEIGHT})


def by_group(bars: Sequence[Bar], providers: Sequence[str]) -> str:
    """Return a chart with a horizontal bar for each group, in the order of the bars."""
    bars = [bar for bar in bars if bar.usd] or bars  # groups that cost nothing are in the table only
    groups = list(dict.fromkeys(bar.group for bar in bars))
    labels = dict(zip(groups, distinct([_label(group) for group in groups]), strict=True))
    axis = {"title": None, "ticks": False, "domain": False, "labelPadding": 6, "labelLimit": 0}
    axis |= {"minExtent": LABEL_SPACE, "maxExtent": LABEL_SPACE}
    # Names are data only: as a list to sort by, Vega-Lite would write them into an expression.
    y = {"field": "group", "type": "nominal", "sort": {"field": "rank", "op": "min"}, "axis": axis}
    rows = [
        {"group": labels[bar.group], "usd": float(bar.usd), "provider": bar.provider, "rank": groups.index(bar.group)}
        for bar in bars
    ]
    encoding = {"y": y, "x": _dollars(), "color": {**_colours(providers), "legend": None}}
    return _svg(rows, {"type": "bar"}, encoding, NARROW, {"step": BAR_HEIGHT})


def _label(name: str) -> str:
    """Return a name as the chart shows it. It ends in a space: Vega keeps groups in plain objects, in which a name such as
    `constructor` would find what every object has."""
    is_wide = cell_len(name) > len(name)
    return shortened(name, LABEL_COLUMNS // 2 if is_wide else LABEL_COLUMNS) + NO_BREAK_SPACE


def _days(rows: Sequence[Mapping[str, object]]) -> dict[str, Any]:
    days = list(dict.fromkeys(row["day"] for row in rows))
    named = days[:: -(-len(days) // MOST_DAY_NAMES)]
    label = "utcFormat(toDate(datum.value), '%d %b')"
    axis = {"title": None, "labelExpr": label, "values": named, "labelAngle": 0, "ticks": False}
    return {"field": "day", "type": "ordinal", "axis": axis}


def _bar_width(rows: Sequence[Mapping[str, object]]) -> float:
    return max(min(WIDE / max(len({row["day"] for row in rows}), 1) - 2, WIDEST_BAR), 1)


def _dollars() -> dict[str, Any]:
    axis = {"title": "USD", "tickCount": 4, "format": ",~f", "grid": True}
    return {"field": "usd", "type": "quantitative", "aggregate": "sum", "axis": axis}


def _colours(providers: Sequence[str]) -> dict[str, Any]:
    shades = [f"var(--bar-{number % COLOURS + 1})" for number in range(len(providers))]
    return {"field": "provider", "type": "nominal", "scale": {"domain": list(providers), "range": shades}}


def _svg(rows: Sequence[Mapping[str, object]], mark: object, encoding: object, width: int, height: object) -> str:
    return _drawn({"data": {"values": rows}, "mark": mark, "encoding": encoding, "width": width, "height": height})


def _drawn(spec: dict[str, Any]) -> str:
    drawn = str(vl_convert.vegalite_to_svg({**spec, "background": None, "config": CONFIG}))
    return drawn.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
