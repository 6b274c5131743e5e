"""Tests models that a vendor retires. There is a warning before the last day. After that day, a job uses
the successor if its settings ask for that. Otherwise it is refused, and nothing is paid.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from tests.rows import each_row
from tests.unit.planning_support import NO_LIMITS, PHOTO, TOPAZ, planned
from tests.unit.test_catalog import MINIMAL

from darkroom import catalog, retirement
from darkroom.errors import ImageTooLarge, InvalidSetting, PriceAboveLimit, UnknownModel
from darkroom.model import ImageFacts, ImageFormat, Limits, Plan
from darkroom.planning import RetiredModel, plan
from darkroom.setting_layers import parse_defaults, resolve, tag_layer

# Two pages of Topaz name different days for the end of its Denoise models.
FIRST, LAST = date(2026, 12, 9), date(2027, 1, 1)
DAY = timedelta(days=1)
LARGE = ImageFacts(ImageFormat.PNG, 5_500, 4_000)  # 22 MP cost one credit with Denoise Normal and two with Denoise Max


@each_row(
    ("today", "words"),
    [(FIRST - DAY, "retires on 2026-12-09"), (FIRST, "may have retired on 2026-12-09"), (LAST - DAY, "2027-01-01")],
)
def test_before_its_last_day_a_model_is_planned_and_its_end_noted(today: date, words: str) -> None:
    result = planned({"model": "Denoise Normal"}, today=today)
    assert result.model == "Denoise Normal"
    assert words in result.notes[0]
    assert "its successor is Denoise Max" in result.notes[0]


def test_a_model_whose_end_nobody_announced_has_no_note() -> None:
    assert planned({"model": "Redefine"}, today=LAST).notes == ()


@each_row("today", [LAST, LAST + 365 * DAY])
def test_from_the_later_of_two_days_on_a_model_is_refused_and_its_successor_named(today: date) -> None:
    with pytest.raises(UnknownModel, match=r"retired Denoise Normal on 2027-01-01 .*Set model=Denoise Max") as caught:
        planned({"model": "denoise-normal"}, today=today)
    assert "Model Deprecations page" in str(caught.value)
    assert "in tags" in str(caught.value)


def test_a_retired_model_of_the_stack_is_refused_too() -> None:
    with pytest.raises(UnknownModel, match="in stack: topaz has retired Wonder"):
        planned({}, "model=Wonder", today=LAST)


@each_row("word", ["replace", "REPLACE"])
def test_replace_takes_the_successor_and_notes_it(word: str) -> None:
    result = planned({"model": "Denoise Normal", "retired": word}, today=LAST)
    assert (result.model, result.endpoint) == ("Denoise Max", "denoise-gen/async")
    assert result.parameters["model"] == "Denoise Max"
    assert result.settings["model"] == "Denoise Max"
    assert "Denoise Max took its place" in result.notes[-1]


def test_replace_of_the_stack_counts_for_all_objects() -> None:
    assert planned({"model": "Wonder"}, "retired=replace", today=LAST).model == "Wonder 3.5"


def test_a_default_that_nobody_named_is_replaced_by_its_successor() -> None:
    before, after = (_planned_at_aimlapi({}, day) for day in (LAST - DAY, LAST))
    assert (before.model, after.model) == ("topaz-labs/sharpen-gen", "topaz-labs/sharpen")
    assert after.credits == before.credits
    assert "topaz-labs/sharpen took its place" in after.notes[-1]


def test_a_default_that_nobody_named_is_refused_if_its_successor_does_not_take_a_setting() -> None:
    with pytest.raises(UnknownModel, match="sharpen cannot take its place: it does not take focus_boost"):
        _planned_at_aimlapi({"focus_boost": "0.5"}, LAST)


@each_row("tags", [{}, {"model": "topaz-labs/sharpen-gen", "retired": "replace"}], ids=["nobody named it", "replace"])
def test_a_value_that_the_successor_does_not_take_is_told_with_the_retirement(tags: dict[str, str]) -> None:
    words = (
        r"retired topaz-labs/sharpen-gen on 2027-01-01 .*sharpen cannot take its place: mode='Super Focus V2' in tags"
    )
    with pytest.raises(UnknownModel, match=words):
        _planned_at_aimlapi(tags | {"mode": "Super Focus V2"}, LAST)


def test_a_value_in_the_stacks_defaults_that_the_successor_does_not_take_is_a_wrong_default() -> None:
    with pytest.raises(RetiredModel) as caught:
        _planned_at_aimlapi({}, LAST, "mode=Super Focus V2")
    assert caught.value.is_wrong_default
    with pytest.raises(RetiredModel) as caught:
        _planned_at_aimlapi({"model": "topaz-labs/sharpen-gen", "retired": "replace"}, LAST, "mode=Super Focus V2")
    assert not caught.value.is_wrong_default


def _planned_at_aimlapi(tags: dict[str, str], today: date, defaults: str = "") -> Plan:
    layers = [tag_layer(tags), parse_defaults(defaults)]
    settings = resolve(layers, default_provider="aimlapi", allowed_providers=["aimlapi"])
    return plan(settings, PHOTO, 1000, NO_LIMITS, today)


def test_replace_changes_nothing_before_the_day() -> None:
    assert planned({"model": "Denoise Normal", "retired": "replace"}, today=LAST - DAY).model == "Denoise Normal"


def test_a_successor_that_would_cost_more_does_not_take_the_place() -> None:
    with pytest.raises(
        UnknownModel, match="Denoise Max cannot take its place: it costs 2 credits, Denoise Normal cost 1"
    ):
        planned({"model": "Denoise Normal", "retired": "replace"}, facts=LARGE, today=LAST)


def test_the_limits_of_a_job_are_those_of_the_successor_and_not_of_the_model_that_is_gone() -> None:
    tags = {"model": "Wonder", "retired": "replace", "scale": "2", "max_credits": "6"}
    picture = ImageFacts(ImageFormat.JPEG, 4000, 3000)
    limits = Limits({}, Decimal(0), {"topaz": Decimal(6)}, {})
    result = planned(tags, facts=picture, limits=limits, today=LAST)
    assert (result.model, result.credits) == ("Wonder 3.5", 6)
    with pytest.raises(PriceAboveLimit, match=r"6 credits with Wonder 3\.5; max_credits allows 5"):
        planned(tags | {"max_credits": "5"}, facts=picture, today=LAST)


def test_the_largest_size_is_the_successors() -> None:
    huge = ImageFacts(ImageFormat.JPEG, 32_001, 10)
    with pytest.raises(ImageTooLarge, match=r"Wonder 3\.5"):
        planned({"model": "Wonder", "retired": "replace"}, facts=huge, today=LAST)


def test_a_successor_that_does_not_take_a_setting_does_not_take_the_place() -> None:
    with pytest.raises(UnknownModel, match="Denoise Max cannot take its place: it does not take strength"):
        planned({"model": "Denoise Normal", "retired": "replace", "strength": "0.5"}, today=LAST)


def test_a_setting_that_neither_model_takes_is_refused_as_ever() -> None:
    with pytest.raises(InvalidSetting, match="does not take creativity"):
        planned({"model": "Wonder", "retired": "replace", "creativity": "3"}, today=LAST)


@each_row("value", ["", "yes", "replaced"])
def test_retired_is_refuse_or_replace(value: str) -> None:
    with pytest.raises(InvalidSetting, match="retired"):
        planned({"retired": value})


def test_a_line_of_successors_is_followed_to_the_first_that_is_offered() -> None:
    gone = 'retires = [{ on = 2026-01-01, source = "page" }]\nreplaced_by_source = "page"\n'
    text = MINIMAL.replace('name = "One"\n', f'name = "One"\n{gone}replaced_by = "Two"\n')
    text = text.replace('name = "Two"\n', f'name = "Two"\n{gone}replaced_by = "Three"\n')
    text += '\n[[models]]\nname = "Three"\nendpoint = "up"\nsource = "page"\n'
    book = catalog.parse(text)
    found = retirement.successor(book, book.models["One"], date(2026, 1, 1))
    assert found is book.models["Three"]
    circle = catalog.parse(text.replace('"Three"\nendpoint', f'"Three"\n{gone}replaced_by = "One"\nendpoint'))
    assert retirement.successor(circle, circle.models["One"], date(2026, 1, 1)) is None


def test_a_successor_must_be_another_model_of_the_catalog() -> None:
    for name in ("One", "Nobody"):
        text = MINIMAL.replace('name = "One"\n', f'name = "One"\nreplaced_by = "{name}"\nreplaced_by_source = "page"\n')
        with pytest.raises(ValueError, match="is no other model"):
            catalog.parse(text)


def test_the_models_that_are_gone_within_a_time_are_listed() -> None:
    soon = retirement.retiring([TOPAZ], FIRST - 30 * DAY, 30 * DAY)
    assert soon == {("topaz", f"Denoise {name}"): FIRST for name in ("Normal", "Strong", "Extreme")}
    assert ("topaz", "Wonder") in retirement.retiring([TOPAZ], LAST, 0 * DAY)


@each_row("provider", catalog.providers())
def test_every_announced_end_has_a_source_and_a_successor(provider: str) -> None:
    for model in catalog.load(provider).models.values():
        life = model.lifecycle
        assert all("2026-11" in each.source for each in (*life.retires, *filter(None, [life.since])))
        assert bool(life.retires) == bool(life.replaced_by) == bool(life.replaced_by_source)
