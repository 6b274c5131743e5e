"""Tests how `resolve` treats keys, layers, prefixes and typos."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest
from tests.rows import each_row

from darkroom.errors import InvalidSetting
from darkroom.model import ResolvedSetting
from darkroom.setting_layers import (
    METADATA,
    Layer,
    Settings,
    canonical,
    known_keys,
    metadata_layer,
    parse_defaults,
    resolve,
    tag_layer,
)


def resolved(tags: Mapping[str, str], defaults: str = "", prefix: str = "") -> Settings:
    layers = [tag_layer(tags, prefix), parse_defaults(defaults)]
    return resolve(layers, default_provider="topaz", allowed_providers=["topaz"])


def refusal(tags: Mapping[str, str], defaults: str = "", prefix: str = "") -> str:
    with pytest.raises(InvalidSetting) as caught:
        resolved(tags, defaults, prefix)
    return str(caught.value)


def test_without_any_setting_only_the_provider_is_resolved() -> None:
    settings = resolved({})
    assert settings.values == {"provider": ResolvedSetting("topaz", "stack")}
    assert (settings.provider, settings.skip, settings.max_credits, settings.label) == ("topaz", False, None, None)
    assert settings.layers == ("tags", "stack")


@each_row("key", ["output_width", "Output-Width", "OUTPUT_WIDTH", "output-width"])
def test_keys_are_case_insensitive_and_dashes_are_underscores(key: str) -> None:
    assert canonical(key) == "output_width"
    assert resolved({key: "100"}).values["output_width"] == ResolvedSetting("100", "tags")


def test_the_stronger_layer_wins_and_the_weaker_fills_what_is_open() -> None:
    values = resolved({"Model": "CGI"}, "model=Redefine,denoise=0.2").values
    assert values["model"] == ResolvedSetting("CGI", "tags")
    assert values["denoise"] == ResolvedSetting("0.2", "stack")


def test_a_third_layer_needs_no_other_code() -> None:
    metadata = Layer(METADATA, {"model": "Wonder", "scale": "2"}, carried_by_object=True)
    layers = [tag_layer({"scale": "4"}), metadata, parse_defaults("scale=8,model=CGI,denoise=1")]
    values = resolve(layers, default_provider="topaz", allowed_providers=["topaz"]).values
    assert {name: values[name].layer for name in ("scale", "model", "denoise")} == {
        "scale": "tags",
        "model": "metadata",
        "denoise": "stack",
    }


@each_row(
    ("key", "nearest"),
    [
        ("sclae", "scale"), ("modle", "model"), ("denoize", "denoise"), ("out_put_width", "output_width"),
        ("Face-Enhancment", "face_enhancement"), ("max-credit", "max_credits"), ("skpi", "skip"), ("Lable", "label"),
    ],
)  # fmt: skip
def test_a_typo_on_the_object_is_refused_with_the_nearest_name(key: str, nearest: str) -> None:
    message = refusal({key: "1"})
    assert key in message
    assert nearest in message
    assert "tags" in message


@each_row("key", ["Project", "Stage", "State", "Style", "Name", "cost-center", "camera", ""])
def test_other_peoples_tags_are_left_alone(key: str) -> None:
    assert resolved({key: "", "scale": "2"}).values.keys() == {"scale", "provider"}


@each_row(("one", "other"), [("scale", "Scale"), ("max-credits", "max_credits"), ("Model", "MODEL"), ("skip", "SKIP")])
def test_the_same_key_twice_in_one_layer_is_refused(one: str, other: str) -> None:
    message = refusal({one: "1", other: "0"})
    assert one in message
    assert other in message


def test_strangers_that_differ_only_by_case_are_left_alone() -> None:
    assert resolved({"project": "a", "Project": "b"}).values.keys() == {"provider"}


@each_row("key", sorted(known_keys() - {"skip"}))
def test_an_empty_value_is_refused_for_every_known_key(key: str) -> None:
    assert "empty" in refusal({key: "  "})


def test_an_unknown_preset_is_refused_with_the_nearest_name() -> None:
    message = refusal({"preset": "upscale-3x"})
    assert "preset='upscale-3x' in tags" in message
    assert "did you mean upscale-2x" in message
    assert "stack" in refusal({}, "preset=portrait")


@each_row(
    ("key", "nearest"),
    [("upscale_facter", "upscale_factor"), ("enhance_modle", "enhance_model"), ("Upscale-Fctor", "upscale_factor")],
)
def test_a_typo_of_another_providers_long_key_is_refused_too(key: str, nearest: str) -> None:
    assert nearest in refusal({key: "1"})


@each_row("key", ["node", "code", "made"])
def test_short_keys_near_another_providers_are_left_alone(key: str) -> None:
    assert resolved({key: "1"}).values.keys() == {"provider"}


# --- metadata ---------------------------------------------------------------------------------------------------


def with_metadata(metadata: Mapping[str, str], tags: Mapping[str, str] | None = None, defaults: str = "") -> Settings:
    layers = [tag_layer(tags or {}, "only:"), metadata_layer(metadata), parse_defaults(defaults)]
    return resolve(layers, default_provider="topaz", allowed_providers=["topaz"])


def test_metadata_stands_between_tags_and_stack() -> None:
    settings = with_metadata({"scale": "4", "model": "CGI"}, {"only:scale": "2"}, "model=Redefine,denoise=1")
    assert settings.layers == ("tags", "metadata", "stack")
    assert {name: settings.values[name] for name in ("scale", "model", "denoise")} == {
        "scale": ResolvedSetting("2", "tags"),
        "model": ResolvedSetting("CGI", "metadata"),
        "denoise": ResolvedSetting("1", "stack"),
    }


def test_metadata_without_a_prefix_is_read_beside_tags_with_one() -> None:
    assert with_metadata({"output-width": "100"}).values["output_width"] == ResolvedSetting("100", "metadata")


CAMERA = {"model": "X-T5", "exposure": "1/60", "seed": "x", "mode": "manual", "provider": "acme", "scale": "big"}


@each_row(
    ("prefix", "name"),
    [("darkroom:", "darkroom-scale"), ("darkroom:", "Darkroom-Scale"), ("a/b@c:", "a-b-c-scale"), ("my_", "my-scale"),
     ("x.y+", "x.y+scale")],
)  # fmt: skip
def test_under_a_prefix_only_prefixed_metadata_is_read_and_a_cameras_is_left_alone(prefix: str, name: str) -> None:
    layers = [metadata_layer({**CAMERA, name: "2"}, prefix)]
    settings = resolve(layers, default_provider="topaz", allowed_providers=["topaz"])
    assert settings.values == {
        "scale": ResolvedSetting("2", "metadata"),
        "provider": ResolvedSetting("topaz", "stack"),
    }


def test_a_typo_under_the_prefix_is_refused_and_other_peoples_keys_under_it_are_left_alone() -> None:
    layers = [metadata_layer({"app-camera": "X-T5", "app-modle": "CGI"}, "app:")]
    with pytest.raises(InvalidSetting, match="app-modle"):
        resolve(layers, default_provider="topaz", allowed_providers=["topaz"])


def test_under_the_prefix_of_the_receipts_a_name_of_theirs_is_a_setting() -> None:
    layers = [metadata_layer({"darkroom-model": "CGI"}, "darkroom:")]
    settings = resolve(layers, default_provider="topaz", allowed_providers=["topaz"])
    assert settings.values["model"] == ResolvedSetting("CGI", "metadata")


def test_metadata_may_hold_what_tags_cannot() -> None:
    assert with_metadata({"prompt": "sharp, 'clear'"}).values["prompt"].value == "sharp, 'clear'"


@each_row(
    ("written", "meant"),
    [("=?UTF-8?B?Z3LDtsOfZXI=?=", "größer"), ("=?utf-8?q?gr=C3=B6=C3=9Fer,?= sharp", "größer, sharp"),
     ("=?UTF-8?B?Z3LDtg==?= =?UTF-8?B?w59lcg==?=", "größer"), ("=?ISO-8859-1?Q?gr=F6=DFer?=", "größer"),
     ("=?nonsense?B?AAAA?=", "=?nonsense?B?AAAA?="), ("=?UTF-8?B?/w==?=", "=?UTF-8?B?/w==?="), ("a =? b", "a =? b"),
     ("=?UTF-8?B?x?=", "=?UTF-8?B?x?="), ("a=b?=c", "a=b?=c")],
)  # fmt: skip
def test_encoded_words_are_read_and_what_is_none_stays(written: str, meant: str) -> None:
    assert metadata_layer({"prompt": written}).values == {"prompt": meant}


@each_row("key", ["sclae", "out-put-width", "modle", "lable"])
def test_a_typo_in_metadata_is_refused(key: str) -> None:
    with pytest.raises(InvalidSetting, match=f"{key}.*in metadata"):
        with_metadata({key: "1"})


FILE_TOOLS = [
    "s3cmd-attrs", "mtime", "atime", "ctime", "btime", "file-mtime", "file-atime", "file-owner", "file-group",
    "file-permissions", "user-agent", "user-agent-id", "uid", "gid", "uname", "gname", "md5", "md5chksum", "sha256",
    "filename", "original-filename", "originalname", "content-md5", "uploaded-by", "width", "height", "format", "author",
    "copyright", "camera", "source", "orientation", "cache-control", "qqfilename", "x-amz-iv", "tool", "quality",
]  # fmt: skip


@each_row("key", FILE_TOOLS)
def test_metadata_of_other_tools_is_left_alone(key: str) -> None:
    assert with_metadata({key: "33188"}).values.keys() == {"provider"}


def test_a_files_mode_is_no_setting_and_a_models_mode_is_one() -> None:
    assert with_metadata({"mode": "33188"}).values.keys() == {"provider"}
    assert with_metadata({"mode": "Super Focus"}).values["mode"] == ResolvedSetting("Super Focus", "metadata")


@each_row("key", ["darkroom-model", "darkroom-credits", "darkroom-process-id", "Darkroom_job"])
def test_receipts_are_neither_settings_nor_typos(key: str) -> None:
    assert metadata_layer({key: "x"}).values == {}


# --- prefix -----------------------------------------------------------------------------------------------------


def test_under_a_prefix_only_prefixed_tags_are_read() -> None:
    tags = {"Darkroom:Scale": "2", "scale": "4", "sclae": "1", "model": "nonsense", "provider": "nobody"}
    assert resolved(tags, prefix="darkroom:").values == {
        "scale": ResolvedSetting("2", "tags"),
        "provider": ResolvedSetting("topaz", "stack"),
    }


@each_row("key", ["app:Project", "app:Name", "app:", "app:x", "APP:Camera", "app:cost-center"])
def test_other_peoples_keys_under_a_prefix_are_left_alone(key: str) -> None:
    assert resolved({key: "1", "app:scale": "2"}, prefix="app:").values.keys() == {"scale", "provider"}


@each_row("key", ["app:sclae", "APP:Modle", "app:out_put_width"])
def test_a_typo_under_a_prefix_is_refused(key: str) -> None:
    assert key in refusal({key: "1"}, prefix="app:")


def test_the_nearest_name_is_offered_under_a_prefix_too() -> None:
    assert "did you mean scale" in refusal({"darkroom:sclae": "2"}, prefix="darkroom:")


def test_prefixed_keys_that_differ_by_case_are_the_same_key() -> None:
    assert "same setting" in refusal({"dr/scale": "2", "DR/Scale": "4"}, prefix="dr/")


def test_a_dash_in_the_prefix_is_an_underscore_too() -> None:
    assert resolved({"Dark_Room-scale": "2"}, prefix="dark-room-").values["scale"].value == "2"


def test_the_prefix_does_not_concern_the_stacks_defaults() -> None:
    assert resolved({}, "scale=2", prefix="darkroom:").values["scale"] == ResolvedSetting("2", "stack")


# --- the stack's defaults ---------------------------------------------------------------------------------------


@each_row("text", ["", "  "])
def test_empty_defaults_set_nothing(text: str) -> None:
    assert parse_defaults(text).values == {}


def test_defaults_are_trimmed_and_may_hold_spaces_and_equals_signs() -> None:
    assert parse_defaults(" model = Text Refine , prompt=a=b ").values == {"model": "Text Refine", "prompt": "a=b"}


@each_row("text", ["scale", "scale=", "=2", "scale=2,", ",", "scale=2,,model=CGI", "scale=2,model"])
def test_malformed_defaults_are_refused_with_the_right_shape(text: str) -> None:
    with pytest.raises(InvalidSetting, match="key=value"):
        parse_defaults(text)


def test_a_key_twice_in_the_defaults_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="twice"):
        parse_defaults("max-credits=2,Max_Credits=3")


@each_row("text", ["sclae=2", "project=x"])
def test_an_unknown_key_in_the_defaults_is_refused(text: str) -> None:
    assert "stack" in refusal({}, text)


# --- skip -------------------------------------------------------------------------------------------------------


@each_row("word", ["true", "True", "yes", "1", "on", "ON"])
def test_skip_wins_over_everything_else_that_is_wrong(word: str) -> None:
    wrong = {"sclae": "2", "provider": "nobody", "max_credits": "x", "scale": "", "Model": "a", "model": "b"}
    settings = resolved({**wrong, "Skip": word})
    assert settings.skip
    assert settings.values == {}


@each_row("word", ["false", "no", "0", "off"])
def test_the_object_may_undo_the_stacks_skip(word: str) -> None:
    assert not resolved({"skip": word}, "skip=true").skip
    assert resolved({}, "skip=true").skip


@each_row("word", ["maybe", "", "2", "truee"])
def test_a_skip_that_is_no_boolean_is_refused(word: str) -> None:
    assert "skip" in refusal({"skip": word})


# --- provider ---------------------------------------------------------------------------------------------------


@each_row("name", ["topaz", "Topaz", "TOPAZ", " topaz "])
def test_the_provider_is_case_insensitive(name: str) -> None:
    assert resolved({"provider": name}).values["provider"] == ResolvedSetting("topaz", "tags")


def test_an_unknown_provider_is_an_invalid_setting_with_the_nearest_name() -> None:
    message = refusal({"provider": "topas"})
    assert "did you mean topaz" in message
    assert "tags" in message


def test_a_provider_that_is_not_allowed_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="not allowed"):
        resolve([tag_layer({"provider": "topaz"})], default_provider="oxen", allowed_providers=["oxen"])


def test_a_default_provider_that_is_not_allowed_is_refused_too() -> None:
    with pytest.raises(InvalidSetting, match="stack"):
        resolve([tag_layer({})], default_provider="topaz", allowed_providers=[])


# --- max_credits and label --------------------------------------------------------------------------------------


@each_row(
    ("tag", "default", "least", "layer"),
    [("5", "max_credits=3", "3", "stack"), ("2", "max_credits=3", "2", "tags"), ("2.5", "", "2.5", "tags"),
     ("0", "max_credits=3", "0", "tags")],
)  # fmt: skip
def test_max_credits_is_the_least_of_all_layers(tag: str, default: str, least: str, layer: str) -> None:
    settings = resolved({"max_credits": tag}, default)
    assert settings.max_credits == Decimal(least)
    assert settings.values["max_credits"] == ResolvedSetting(least, layer)


@each_row("value", ["-1", "NaN", "inf", "1e3", "0x5", "five", "1_0"])
def test_a_bad_max_credits_is_refused_in_any_layer(value: str) -> None:
    assert "max_credits" in refusal({"max_credits": value})
    assert "stack" in refusal({"max_credits": "1"}, f"max_credits={value}")


def test_the_label_is_kept_for_reports() -> None:
    assert resolved({"label": " summer 2026 "}).label == "summer 2026"


@each_row("value", ["x" * 257, "a\x1b[31mb", "a\nb"])
def test_a_label_that_could_break_a_report_is_refused(value: str) -> None:
    assert "label" in refusal({"label": value})


def test_a_long_value_is_cut_and_escaped_in_the_message() -> None:
    message = refusal({"max_credits": "\x1b" + "9" * 200 + "x"})
    assert "\x1b" not in message
    assert len(message) < 250
