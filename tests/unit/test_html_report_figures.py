"""Tests the figures of the report's charts and tables, and that any name can be drawn."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit import report_support
from tests.unit.showcase import MONTH

from darkroom.model import BudgetMonth
from darkroom_cli.console.errors import visible
from darkroom_cli.costs.totals import By
from darkroom_cli.html_report import charts, spend_figures
from darkroom_cli.html_report.spend_figures import Bar, DayOfMonth

PROVIDERS = ["topaz", "uwear", "oxen"]


def bar(group: str, usd: str, provider: str = "topaz") -> Bar:
    return Bar(group, provider, 1, 1, 0, Decimal(usd))


def month(unit: str, limit: int, spent: int, reserved: int = 0) -> BudgetMonth:
    return BudgetMonth(
        unit, MONTH, limit=Decimal(limit), reserved=Decimal(reserved), spent=Decimal(spent), overrun=Decimal(0), jobs=1
    )


def test_every_grouping_sums_up_to_the_same_dollars() -> None:
    sums = spend_figures.sums(report_support.many(300))
    totals = {spend_figures.total(bars) for bars in sums.values()}
    assert len(sums) == 5
    assert len(totals) == 1


def test_days_without_uploads_are_in_the_chart() -> None:
    first, second = (replace(report_support.completed(n), label=None) for n in (0, 1))
    later = replace(second, created_at=first.created_at.replace(day=first.created_at.day - 4))
    days = [each.group for each in spend_figures.sums(report_support.source([first, later]))[By.DAY]]
    assert days == ["2026-11-26", "2026-11-27", "2026-11-28", "2026-11-29", "2026-11-30"]


def test_the_most_expensive_groups_come_first_and_the_rest_is_one_group() -> None:
    jobs = [replace(report_support.completed(0), label=f"label {n:02}", cost_usd=Decimal(n)) for n in range(30)]
    bars = spend_figures.sums(report_support.source(jobs, runs=lambda job_id: []))[By.LABEL]
    assert [each.group for each in bars][:2] == ["label 29", "label 28"]
    assert [each.group for each in bars][-1] == "all others (19)"
    assert len(bars) == spend_figures.MOST_GROUPS
    assert spend_figures.total(bars) == sum(range(30))


def test_names_that_differ_in_the_middle_only_stay_apart() -> None:
    begin, end = "a" * 100, "z" * 100
    jobs = [replace(report_support.completed(0), label=f"{begin}{n}{end}") for n in range(3)]
    bars = spend_figures.sums(report_support.source(jobs))[By.LABEL]
    assert len({each.group for each in bars}) == 3


def test_a_month_near_or_over_its_limit_is_told_apart() -> None:
    found = spend_figures.budgets([month("topaz", 400, 200), month("usd", 50, 40, 8), month("oxen", 0, 7)])
    assert [(one.unit, one.share, one.is_limited) for one in found] == [
        ("USD", 96, True),
        ("credits of oxen", 0, False),
        ("credits of topaz", 50, True),
    ]


def test_a_month_adds_up_day_by_day_against_its_limit() -> None:
    bars = [bar("2026-10-31", "9"), bar("2026-11-01", "1"), bar("2026-11-01", "2", "oxen"), bar("2026-11-02", "4")]
    found = spend_figures.month_so_far(bars, [month("usd", 50, 7), month("topaz", 10, 7)])
    assert found is not None
    assert (found.month, found.limit) == (MONTH, 50)
    assert found.days == [DayOfMonth("2026-11-01", Decimal(3)), DayOfMonth("2026-11-02", Decimal(7))]
    assert spend_figures.month_so_far(bars, [month("usd", 0, 7)]) is None


def test_charts_are_drawings_without_style_script_or_reference() -> None:
    bars = [bar("2026-11-01", "1"), bar("2026-11-02", "4", "oxen")]
    drawn = [
        charts.by_day(bars, PROVIDERS),
        charts.by_group(bars, PROVIDERS),
        charts.against_limit([DayOfMonth("2026-11-01", Decimal(3))], Decimal(50)),
    ]
    for svg in drawn:
        elements = list(ElementTree.fromstring(svg).iter())
        names = {name for element in elements for name in element.attrib}
        assert {element.tag.partition("}")[2] for element in elements} <= {"svg", "g", "path", "line", "text", "rect"}
        assert [name for name in names if name == "style" or name.startswith("on") or "href" in name] == []
        assert elements[0].get("aria-hidden") == "true"
    assert "var(--bar-1)" in drawn[0]
    assert "var(--limit)" in drawn[2]


def test_a_name_is_never_part_of_an_expression_and_the_bars_keep_their_order() -> None:
    """As a list to sort by, the name `if` once ended the drawing; as a key of an object, `constructor` once had no bar."""
    names = [
        "z",
        "if",
        "constructor",
        "__proto__",
        "toString",
        '"',
        "'",
        "\\",
        '\\"',
        "' + if + '",
        '" ? datum.x : "',
        "datum['usd']",
        "a",
    ]
    svg = charts.by_group([bar(name, str(20 - number)) for number, name in enumerate(names)], PROVIDERS)
    elements = list(ElementTree.fromstring(svg).iter())
    texts = [(element.text or "").strip() for element in elements if element.tag.endswith("}text")]
    assert [text for text in texts if text in names] == names
    assert sum(element.get("aria-roledescription") == "bar" for element in elements) == len(names)


@settings(max_examples=25)
@given(st.lists(st.text(max_size=80), min_size=1, max_size=12, unique=True))
def test_any_name_can_be_drawn_and_is_a_text(names: list[str]) -> None:
    shown = spend_figures.distinct([visible(name) for name in names])
    svg = charts.by_group([bar(name, "1") for name in shown], PROVIDERS)
    elements = list(ElementTree.fromstring(svg).iter())
    assert {element.tag.partition("}")[2] for element in elements} <= {"svg", "g", "path", "line", "text", "rect"}


def test_a_name_with_a_half_of_a_character_at_its_cut_can_be_drawn() -> None:
    """Vega counts in halves of such characters, and its own cut once left half a character, which ended the drawing."""
    svg = charts.by_group([bar("\U0001f5bc" * 59 + "…", "1"), bar("漢" * 60, "2")], PROVIDERS)
    assert "\U0001f5bc" in svg
