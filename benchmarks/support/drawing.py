"""Draws plots as small SVG files whose labels are text. The same numbers always give the same file."""

from __future__ import annotations

from pathlib import Path

import matplotlib

from benchmarks.support.reporting import Plot

matplotlib.use("svg")
from matplotlib import pyplot

COLOURS = ["#2f6f9f", "#d98032", "#5b8c4a", "#8c5b86", "#777777"]
MAX_LEVEL_LABELS = 7
LOOK = {
    "svg.fonttype": "none", "svg.hashsalt": "darkroom", "font.size": 10, "font.family": "sans-serif",
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.grid.axis": "y",
    "grid.color": "#e4e4e4", "axes.axisbelow": True, "figure.facecolor": "white",
}  # fmt: skip


def draw(plot: Plot, path: Path) -> None:
    """Draw the plot and write it to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with pyplot.rc_context(LOOK):
        figure, axes = pyplot.subplots(figsize=(8.4, 3.8), layout="constrained")
        (_bars if plot.kind == "bar" else _lines)(axes, plot)
        axes.set_title(plot.title, loc="left", fontsize=11, fontweight="bold")
        axes.set_xlabel(plot.x_label)
        axes.set_ylabel(plot.y_label)
        if len(plot.series) > 1:
            axes.legend(frameon=False)
        figure.savefig(path, metadata={"Date": None, "Creator": None})
        pyplot.close(figure)


def _bars(axes: pyplot.Axes, plot: Plot) -> None:
    """Draw groups of bars, each bar with its number above it."""
    names = list(dict.fromkeys(str(x) for points in plot.series.values() for x, _ in points))
    width = 0.8 / len(plot.series)
    for number, (label, points) in enumerate(plot.series.items()):
        places = [names.index(str(x)) + (number + 0.5) * width - 0.4 for x, _ in points]
        drawn = axes.bar(
            places, [y for _, y in points], width * 0.92, label=label, color=COLOURS[number % len(COLOURS)]
        )
        axes.bar_label(drawn, fmt="{:.3g}", fontsize=8, padding=2)
    labels = [name.replace(" + ", "\n+ ").replace(" (", "\n(") for name in names]
    crowded = {"rotation": 30, "ha": "right"} if len(names) > MAX_LEVEL_LABELS else {}
    axes.set_xticks(range(len(names)), labels, **crowded)
    axes.grid(axis="x", visible=False)


def _lines(axes: pyplot.Axes, plot: Plot) -> None:
    for number, (label, points) in enumerate(plot.series.items()):
        colour = COLOURS[number % len(COLOURS)]
        axes.plot([x for x, _ in points], [y for _, y in points], marker="o", ms=4, label=label, color=colour)
