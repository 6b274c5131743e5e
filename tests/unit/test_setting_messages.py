"""The messages about wrong settings, word for word: key, value, layer, what is allowed, and the nearest valid value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pytest
from tests.fakes.application import NO_LIMITS
from tests.rows import each_row

from darkroom import folder_files, planning, setting_checks
from darkroom.errors import Refusal
from darkroom.model import ImageFacts, ImageFormat
from darkroom.setting_layers import metadata_layer, resolve, tag_layer

PROVIDERS = ("topaz", "aimlapi", "oxen", "uwear")
FACTS = ImageFacts(ImageFormat.JPEG, 4000, 3000)


def check(layer: str, content: Mapping[str, str] | str) -> None:
    """Raise the error for an upload whose only wrong layer is that one. `content` are tags or metadata, else a file's text."""
    if layer == "DefaultSettings":
        setting_checks.check_defaults(str(content), "topaz", PROVIDERS)
    elif isinstance(content, Mapping):
        made = tag_layer(content) if layer == "tags" else metadata_layer(content)
        settings = resolve([made], default_provider="topaz", allowed_providers=PROVIDERS)
        planning.plan(settings, FACTS, 1_000_000, NO_LIMITS, date(2026, 11, 30))
    else:
        folder_files.parse(layer, content.encode(), PROVIDERS)


# (layer, content, message)
CASES: list[tuple[str, Mapping[str, str] | str, str]] = [
    ("tags", {"sclae": "2"}, "setting sclae='2' in tags is not known; did you mean scale?"),
    (
        "tags",
        {"scale": "99"},
        "scale='99' in tags is not valid for model Standard V2; allowed: a decimal from 1 to 16; the nearest is 16",
    ),
    (
        "tags",
        {"model": "Standrd V2"},
        "model='Standrd V2' in tags is not a model of topaz; did you mean Standard V2, Standard, Standard "
        "MAX? Models: enhance: Standard V2, Low Resolution V2, CGI, High Fidelity V2, Upscale High Fidelity "
        "V3, Text Refine; enhance-gen: Redefine, Recovery, Recovery V2, Recover 3, Wonder, Wonder 2, Wonder "
        "3, Wonder 3.5, Wonder 4, Bloom 2, Bloom Realism, Standard MAX; sharpen: Standard, Strong, Lens "
        "Blur, Lens Blur V2, Motion Blur, Natural, Refocus, Wildlife, Portrait, Noise-Aware Sharpen; "
        "sharpen-gen: Super Focus, Super Focus V2, Super Focus 3; denoise: Denoise Normal, Denoise Strong, "
        "Denoise Extreme; denoise-gen: Denoise Max; restore-gen: Dust-Scratch, Dust-Scratch V2; lighting: "
        "Adjust, Adjust V2, White Balance, Colorize; matting: Object, RemoveBG; tool: Transparency Upscale",
    ),
    (
        "tags",
        {"output_format": "jpgg"},
        "output_format='jpgg' in tags is not valid for model Standard V2; allowed: one of jpeg, jpg, png, "
        "tiff, tif; the nearest is jpeg",
    ),
    (
        "tags",
        {"provider": "topas"},
        "provider='topas' from tags is not known; did you mean topaz? allowed: aimlapi, oxen, topaz, uwear",
    ),
    (
        "tags",
        {"max_credits": "1e3"},
        "max_credits='1e3' in tags is not valid; allowed: a plain number of credits, 0 or more",
    ),
    ("tags", {"scale": "2", "Scale": "3"}, "'scale' and 'Scale' in tags are the same setting; keep one of them"),
    (
        "tags",
        {"preset": "upscale-3x"},
        "preset='upscale-3x' in tags is not a preset of yours or of topaz; did you mean upscale-2x, "
        "upscale-4x? presets: denoise, faces, print, restore, sharpen, text, upscale-2x, upscale-4x, web",
    ),
    (
        "tags",
        {"retired": "replce"},
        "retired='replce' from tags is not valid; did you mean replace? allowed: refuse, replace",
    ),
    (
        "tags",
        {"model": "Object", "scale": "2"},
        "scale='2' in tags: model Object does not take scale; models that do: Standard V2, Low Resolution "
        "V2, CGI, High Fidelity V2, Upscale High Fidelity V3, Text Refine, Redefine, Recovery, Recovery V2, "
        "Recover 3, Wonder, Wonder 2, Wonder 3, Wonder 3.5, Wonder 4, Bloom 2, Bloom Realism, Standard MAX, "
        "Transparency Upscale",
    ),
    (
        "metadata",
        {"denoise": "9", "model": "Redefine"},
        "denoise='9' in metadata is not valid for model Redefine; allowed: a decimal from 0 to 1; the nearest is 1",
    ),
    (
        "metadata",
        {"crop_to_fill": "maybe", "output_width": "100"},
        "crop_to_fill='maybe' in metadata is not valid for model Standard V2; allowed: true or false (also "
        "yes/no, 1/0, on/off)",
    ),
    (
        "metadata",
        {"skip": "perhaps"},
        "skip='perhaps' in metadata is not valid; allowed: true or false (also yes/no, 1/0, on/off)",
    ),
    (
        "metadata",
        {"label": ""},
        "label='' in metadata is not valid; the value is empty; remove the key or give it a value",
    ),
    (
        "shop/darkroom.toml",
        'model = "CGI"\nscale 2',
        "shop/darkroom.toml: it is not valid TOML: Expected '=' after a key in a key/value pair (at line 2, column 7)",
    ),
    ("shop/darkroom.toml", "sclae = 2", "shop/darkroom.toml: sclae='2' is not known; did you mean scale?"),
    (
        "shop/darkroom.toml",
        "scale = [2]",
        "shop/darkroom.toml: scale is a list; allowed: a text, a number, true or false",
    ),
    (
        "shop/darkroom.toml",
        '[[rules]]\nmatch = "*.png"\nscale = 0.5',
        "scale='0.5' in shop/darkroom.toml rules[1] (match '*.png') is not valid for model Standard V2; "
        "allowed: a decimal from 1 to 16; the nearest is 1",
    ),
    (
        "shop/darkroom.toml",
        "[[rules]]\nscale = 2",
        'shop/darkroom.toml: rules[1].match is missing; allowed: a glob of 1 to 256 characters, as in match = "*.png"',
    ),
    (
        "shop/darkroom.toml",
        '[presets.shop]\nmodel = "Standrd V2"',
        "model='Standrd V2' in shop/darkroom.toml presets.shop is not a model of any provider; did you mean "
        "Standard V2, Standard, Standard MAX? `darkroom models` lists all",
    ),
    (
        "shop/darkroom.toml",
        '[output]\nkey = "{stm}.{ext}"',
        "shop/darkroom.toml: output.key='{stm}.{ext}': {stm} is not known; did you mean stem? allowed: "
        "{folder}, {stem}, {ext}, {model}, {provider}, {preset}, {width}, {height}",
    ),
    (
        "shop/darkroom.toml",
        '[output]\ntags = "dorp"',
        "shop/darkroom.toml: output.tags='dorp' is not valid; did you mean drop? allowed: keep, drop",
    ),
    (
        "shop/darkroom.toml",
        '[output]\nsuffix = { jpg = "jpg" }',
        "shop/darkroom.toml: output.suffix.'jpg' is not a format of results; did you mean jpeg? allowed: "
        "jpeg, png, tiff",
    ),
    (
        "shop/darkroom.toml",
        '[output]\nkey = "_failed/{stem}.{ext}"',
        "shop/darkroom.toml: output.key='_failed/{stem}.{ext}' is not valid; it must not begin with /, "
        "_failed/ or _darkroom/, and have no folder that is empty, . or ..",
    ),
    ("DefaultSettings", "sclae=2", "setting sclae='2' in DefaultSettings is not known; did you mean scale?"),
    (
        "DefaultSettings",
        "denoise=7",
        "denoise='7' in DefaultSettings is not valid for model Standard V2; allowed: a decimal from 0 to 1; "
        "the nearest is 1",
    ),
    (
        "DefaultSettings",
        "scale",
        "DefaultSettings: 'scale' is not key=value; write key=value,key=value without commas in values",
    ),
]


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 25


@each_row(("layer", "content", "message"), CASES)
def test_a_message_is_as_it_was_read_over(layer: str, content: Mapping[str, str] | str, message: str) -> None:
    with pytest.raises(Refusal) as refused:
        check(layer, content)
    assert str(refused.value) == message
