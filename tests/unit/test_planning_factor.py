"""Tests models that choose their own enlargement. The settings `scale` and the vendor's own parameter for it may come
from any layer.
"""

from __future__ import annotations

import pytest
from tests.fakes import small_catalogs
from tests.rows import each_row
from tests.unit.planning_support import planned

from darkroom.errors import ImageTooLarge, InvalidSetting

CHOICES = 'kind = "choice"\nwire = "upscaleFactor"\nchoices = ["2x", "4x", "6x"]'
FACTS = 'factor_parameter = "upscale_factor"\ncredits = 1'


@pytest.fixture(autouse=True)
def by_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    known = small_catalogs.book(FACTS, own="max_output_mp = 40", upscale_factor=f'{CHOICES}\ndefault = "2x"')
    small_catalogs.use(monkeypatch, known)


@each_row(("scale", "word"), [("2", "2x"), ("4", "4x"), ("6", "6x"), ("2.0", "2x")])
def test_a_scale_is_sent_as_the_vendors_word(scale: str, word: str) -> None:
    plan = planned({"scale": scale})
    assert plan.parameters == {"model": "One", "upscaleFactor": word}
    assert (plan.output_width, plan.output_height) == (1200 * int(word[0]), 800 * int(word[0]))


@each_row("tags", [{"upscale_factor": "4x"}, {"Upscale-Factor": "4X"}])
def test_the_vendors_own_word_is_as_good(tags: dict[str, str]) -> None:
    plan = planned(tags)
    assert plan.parameters["upscaleFactor"] == "4x"
    assert (plan.output_width, plan.output_height) == (4800, 3200)


def test_nothing_is_sent_when_nobody_asks_and_the_vendors_default_is_measured() -> None:
    plan = planned()
    assert plan.parameters == {"model": "One"}
    assert (plan.output_width, plan.output_height) == (2400, 1600)


@each_row("scale", ["3", "1", "1.5", "16"])
def test_a_scale_that_is_not_offered_is_refused_with_those_that_are(scale: str) -> None:
    with pytest.raises(InvalidSetting, match=rf"scale='{scale}' in tags .* allowed: 2 or 4 or 6"):
        planned({"scale": scale})


@each_row("word", ["3x", "4", "x4", "16x"])
def test_a_factor_that_is_not_offered_is_refused_with_those_that_are(word: str) -> None:
    with pytest.raises(InvalidSetting, match=r"allowed: one of 2x, 4x, 6x"):
        planned({"upscale_factor": word})


def test_both_on_the_object_exclude_each_other_even_when_they_agree() -> None:
    with pytest.raises(InvalidSetting, match="exclude each other"):
        planned({"scale": "2", "upscale_factor": "2x"})


def test_both_in_the_defaults_exclude_each_other() -> None:
    with pytest.raises(InvalidSetting, match="exclude each other"):
        planned(defaults="scale=2,upscale_factor=4x")


@each_row(
    ("tags", "defaults", "word", "loser"),
    [
        ({"scale": "4"}, "upscale_factor=2x", "4x", "upscale_factor='2x'"),
        ({"upscale_factor": "4x"}, "scale=2", "4x", "scale='2'"),
    ],
)
def test_the_objects_factor_wins_over_the_stacks(tags: dict[str, str], defaults: str, word: str, loser: str) -> None:
    plan = planned(tags, defaults)
    assert plan.parameters["upscaleFactor"] == word
    assert plan.notes == (f"{loser} in stack gives way to {next(iter(tags))}; dropped",)


@pytest.mark.parametrize("tags", [{"scale": "6"}, {"upscale_factor": "6x"}])
def test_a_factor_that_makes_it_too_large_is_refused(tags: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book(FACTS, own="max_output_mp = 34", upscale_factor=CHOICES))
    with pytest.raises(ImageTooLarge, match="7200 by 4800"):
        planned(tags)


def test_a_model_without_factors_takes_no_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book("factor = 4\ncredits = 1"))
    with pytest.raises(InvalidSetting, match="does not take scale"):
        planned({"scale": "4"})
    assert planned(defaults="scale=2").output_width == 4800


def test_what_was_asked_for_is_kept_with_its_layer() -> None:
    plan = planned({"scale": "4"})
    assert (plan.settings["scale"], plan.layers["scale"]) == ("4", "tags")


# --- a factor that the vendor requires


@pytest.fixture
def required(monkeypatch: pytest.MonkeyPatch) -> None:
    small_catalogs.use(
        monkeypatch, small_catalogs.book(FACTS, upscale_factor=f'{CHOICES}\ndefault = "2x"\nrequired = true')
    )


@pytest.mark.usefixtures("required")
def test_a_required_factor_is_sent_though_nobody_asks() -> None:
    plan = planned()
    assert (plan.parameters["upscaleFactor"], plan.output_width) == ("2x", 2400)


@pytest.mark.usefixtures("required")
@each_row(("tags", "defaults"), [({"scale": "4"}, ""), ({}, "scale=4"), ({"upscale_factor": "4x"}, "")])
def test_any_layer_wins_over_the_default_of_a_required_factor(tags: dict[str, str], defaults: str) -> None:
    plan = planned(tags, defaults)
    assert (plan.parameters["upscaleFactor"], plan.output_width) == ("4x", 4800)
    assert plan.notes == ()
