"""Presets: each built-in one can be planned for pictures of 12 and 24 megapixels, and the command lists them all."""

from __future__ import annotations

import json
from datetime import date

import pytest
from tests.fakes.application import NO_LIMITS
from tests.rows import each_row
from tests.unit.cli_support import run

from darkroom import catalog, planning
from darkroom.errors import InvalidSetting
from darkroom.model import ImageFacts, ImageFormat, Plan
from darkroom.setting_layers import Settings, metadata_layer, parse_defaults, resolve, tag_layer

EVERY = [(provider, name) for provider in catalog.providers() for name in catalog.presets(provider)]
OWN = {"Shop Floor": {"model": "CGI", "scale": "2", "label": "shop"}}


def resolved(tags: dict[str, str], metadata: dict[str, str] | None = None, defaults: str = "") -> Settings:
    layers = [tag_layer(tags), metadata_layer(metadata or {}), parse_defaults(defaults)]
    providers = catalog.providers()
    return resolve(layers, default_provider="topaz", allowed_providers=providers, presets=OWN)


def planned(settings: Settings, form: ImageFormat = ImageFormat.JPEG) -> Plan:
    return planning.plan(settings, ImageFacts(form, 4000, 3000), 1_000_000, NO_LIMITS, date(2026, 11, 30))


def test_the_usual_presets_are_there() -> None:
    assert {"upscale-2x", "upscale-4x", "sharpen", "denoise", "restore", "web", "print"} <= set(
        catalog.presets("topaz")
    )


@each_row(("provider", "name"), EVERY)
@each_row(("width", "height"), [(4000, 3000), (6000, 4000), (3000, 4000)])
def test_each_preset_can_be_planned_and_drops_nothing(provider: str, name: str, width: int, height: int) -> None:
    settings = resolved({"provider": provider, "preset": name})
    plan = planning.plan(
        settings, ImageFacts(ImageFormat.JPEG, width, height), 1_000_000, NO_LIMITS, date(2026, 11, 30)
    )
    wanted = catalog.presets(provider)[name].settings
    assert plan.model == wanted["model"]
    assert {key: plan.layers[key] for key in wanted} == dict.fromkeys(wanted, f"preset {name} (tags)")
    assert not any("dropped" in note for note in plan.notes)


@each_row(("provider", "name"), EVERY)
def test_no_presets_model_is_announced_to_retire(provider: str, name: str) -> None:
    book = catalog.load(provider)
    assert book.models[catalog.presets(provider)[name].settings["model"]].lifecycle.warns_on is None


def test_what_is_set_beside_a_preset_wins_over_it() -> None:
    values = resolved({"preset": "upscale-2x", "scale": "3"}).values
    assert (values["scale"].value, values["scale"].layer) == ("3", "tags")
    assert (values["model"].value, values["model"].layer) == ("Standard V2", "preset upscale-2x (tags)")


def test_a_preset_wins_over_weaker_layers_and_loses_to_stronger_ones() -> None:
    settings = resolved({"label": "x"}, {"preset": "upscale-2x", "label": "y"}, "scale=4,label=z,denoise=0.5")
    assert settings.values["scale"].layer == "preset upscale-2x (metadata)"
    assert settings.values["label"].layer == "tags"
    assert settings.values["denoise"].layer == "stack"
    assert [lost.layer for lost in settings.overridden["label"]] == ["metadata", "stack"]
    assert settings.layers == ("tags", "metadata", "preset upscale-2x (metadata)", "stack")


def test_only_the_strongest_preset_counts() -> None:
    values = resolved({"preset": "sharpen"}, {"preset": "upscale-2x"}).values
    assert (values["preset"].value, values["model"].value) == ("sharpen", "Standard")
    assert "scale" not in values


@each_row("written", ["shop-floor", "Shop Floor", "SHOP_FLOOR"])
def test_a_users_own_preset_is_found_however_it_is_written(written: str) -> None:
    assert resolved({"preset": written}).values["label"].value == "shop"


def test_a_users_own_preset_comes_before_a_built_in_one() -> None:
    layers = [tag_layer({"preset": "web"})]
    own = {"web": {"model": "CGI"}}
    found = resolve(layers, default_provider="topaz", allowed_providers=["topaz"], presets=own)
    assert found.values["model"].value == "CGI"


def test_a_setting_of_a_preset_that_the_chosen_model_does_not_take_is_dropped() -> None:
    notes = planned(resolved({"preset": "denoise", "provider": "aimlapi", "model": "topaz-labs/sharpen-gen"})).notes
    (dropped,) = [note for note in notes if note.endswith("dropped")]
    assert "minor_denoise='0.5' in preset denoise (tags)" in dropped


@each_row(
    ("tags", "said"),
    [({"preset": "upscale-3x"}, "did you mean upscale-2x"), ({"preset": "zzz"}, "presets: denoise, "),
     ({"preset": "sharpen", "provider": "oxen"}, "aimlapi has it"), ({"preset": " "}, "the value is empty")],
)  # fmt: skip
def test_an_unknown_preset_is_refused(tags: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidSetting, match="preset=") as refused:
        resolved(tags)
    assert said in str(refused.value)


def test_a_near_miss_of_the_key_preset_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="did you mean preset"):
        resolved({"presett": "web"})


def test_the_command_lists_every_preset_with_its_price() -> None:
    told = [json.loads(line) for line in run("presets", "--json").output.splitlines()]
    assert [(row["provider"], row["preset"]) for row in told] == EVERY
    prices = {(row["provider"], row["preset"]): row["credits"] for row in told}
    assert prices["topaz", "upscale-2x"] == {"12": 2, "24": 4}
    assert prices["uwear", "print"] == {"12": 3, "24": 3}
    assert prices["oxen", "upscale-2x"] == {"12": None, "24": None}


def test_the_table_shows_one_provider_and_an_unknown_one_is_an_error() -> None:
    shown = run("presets", "topaz")
    assert (shown.exit_code, "upscale-4x" in shown.output, "uwear" in shown.output) == (0, True, False)
    wrong = run("presets", "topas")
    assert (wrong.exit_code, "providers: aimlapi" in wrong.stderr) == (2, True)


def test_a_default_preset_of_another_provider_is_left_out_with_a_note() -> None:
    settings = resolved({"provider": "oxen"}, defaults="preset=faces")
    assert settings.notes == ("preset='faces' in stack is a preset of topaz, not of oxen; dropped",)
    assert "model" not in settings.values
