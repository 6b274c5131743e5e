"""The facts that the vendor publishes, as data: endpoints, models, parameters, limits and prices.

The sources are the Topaz Labs Image API reference (OpenAPI 1.0.0) and the page of the model Lens Blur 2,
https://developer.topazlabs.com/image-models/removal-and-cleanup/sharpen/lens-blur-2.md . The endpoints from `sharpen-gen`
on come from the later reference, OpenAPI 1.2.0. Later models come from their own pages on developer.topazlabs.com, read in
November 2026. A fact that no page of the vendor states is marked `assumed`.

This module holds facts only. It must not read requests, touch pictures or know about faults. It must not import the
application either, because a simulator that shared the application's tables would repeat the application's mistakes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

LEGACY_KEY_PREFIX = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJtYWNoaW5lX2lkIjoi"
REQUEST_LIMIT_BYTES = 500_000_000
SIDE_LIMIT_PIXELS = 32_000
SYNC_OUTPUT_LIMIT_MP = 96.0
LINK_LIFETIME_SECONDS = 3_600.0
RESULT_LIFETIME_SECONDS = 86_400.0
INPUT_LIFETIME_SECONDS = 7 * 86_400.0  # OpenAPI 1.2.0, Download Input
LIST_WINDOW_SECONDS = 7 * 86_400.0
PAGE_LIMIT_HIGHEST = 100
FETCH_LIMIT_SECONDS = 10.0  # the longest time to fetch a picture from its URL; assumed


@dataclass(frozen=True)
class Number:
    """A numeric parameter, from `lowest` to `highest`, both included. With `whole`, only whole numbers are allowed."""

    lowest: float
    highest: float
    whole: bool = False


@dataclass(frozen=True)
class Choice:
    """A parameter whose value must be one of the words."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class Text:
    """A parameter that is any text up to a greatest length."""

    longest_characters: int


@dataclass(frozen=True)
class Switch:
    """A parameter whose value must be the word `true` or `false`."""


Parameter = Number | Choice | Text | Switch


@dataclass(frozen=True)
class Model:
    """One model: its settings, and its limits and price where they differ from those of its endpoint."""

    name: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    input_limit_mp: float | None = None
    output_limit_mp: float | None = None
    mp_per_credit: float | None = None
    longest_scale: float | None = None
    takes_faces: bool = True  # whether the model accepts the settings for faces and subjects


@dataclass(frozen=True)
class Endpoint:
    """One endpoint that accepts submits. The first of its models is the default."""

    name: str
    models: tuple[Model, ...]
    mp_per_credit: float
    input_limit_mp: float
    output_limit_mp: float
    takes_size: bool
    output_formats: tuple[str, ...] = ("jpeg", "png", "tiff")  # the first is the default
    longest_scale: float | None = None  # how many times as long a side may become; None means no such limit
    category: str = "Enhance"  # the endpoint's category in estimates; every category except Enhance is assumed
    is_generative: bool = False  # whether /estimate-gen estimates requests to the endpoint; else /estimate does
    takes_faces: bool = True

    def model(self, name: str) -> Model | None:
        """Return the model that is called exactly `name`, or None."""
        return next((model for model in self.models if model.name == name), None)


UNIT = Number(0.0, 1.0)
STRENGTH = Number(0.01, 1.0)
FACTOR = Number(0.0, 2.0)
SIDE = Number(1, SIDE_LIMIT_PIXELS, whole=True)
FORMATS: Mapping[str, str] = {
    "jpeg": "jpeg",
    "jpg": "jpeg",
    "png": "png",
    "tiff": "tiff",
    "tif": "tiff",
}

COMMON_PARAMETERS: Mapping[str, Parameter] = {
    "output_format": Choice(tuple(FORMATS)),
    "face_enhancement": Switch(),
    "face_enhancement_creativity": UNIT,
    "face_enhancement_strength": UNIT,
    # Some pages write these words with a capital letter, others without.
    "subject_detection": Choice(("All", "Foreground", "Background", "all", "foreground", "background")),
}
FACE_PARAMETERS = tuple(name for name in COMMON_PARAMETERS if name != "output_format")
# All pages write these names in the same way. Other names of several words are in snake_case or in camelCase, by page.
FIXED_NAMES = ("output_format", "output_width", "output_height", "crop_to_fill", "input_width", "input_height")
SIZE_PARAMETERS: Mapping[str, Parameter] = {
    "output_width": SIDE,
    "output_height": SIDE,
    "crop_to_fill": Switch(),
}
INPUT_SIZE_PARAMETERS: Mapping[str, Parameter] = {
    "input_width": SIDE,
    "input_height": SIDE,
}

_ENHANCE: Mapping[str, Parameter] = {
    "denoise": UNIT,
    "sharpen": UNIT,
    "fix_compression": UNIT,
}
_CGI: Mapping[str, Parameter] = {"denoise": UNIT, "sharpen": UNIT}
_REDEFINE: Mapping[str, Parameter] = {
    "prompt": Text(1024),
    "autoprompt": Switch(),
    "creativity": Number(1, 9, whole=True),  # OpenAPI 1.0.0 allows up to 6
    "texture": Number(1, 5, whole=True),
    "denoise": UNIT,
    "sharpen": UNIT,
}
_HIGH_FIDELITY_3: Mapping[str, Parameter] = {**_ENHANCE, "recovery_strength": UNIT, "opacity": UNIT}
_WONDER_3: Mapping[str, Parameter] = {"enhancement_strength": Choice(("low", "medium", "high"))}
_BLOOM: Mapping[str, Parameter] = {
    "prompt": Text(1024),
    "autoprompt": Switch(),
    "creativity": Number(1, 9, whole=True),  # another page allows up to 10
    "color_preservation": Switch(),
}
_BLOOM_REALISM: Mapping[str, Parameter] = {
    "creativity": Number(1, 4, whole=True),
    "seed": Number(1, 2000, whole=True),
}
_SHARPEN: Mapping[str, Parameter] = {
    "strength": STRENGTH,
    "minor_denoise": STRENGTH,
    "denoise_strength": UNIT,
}
_SUPER_FOCUS: Mapping[str, Parameter] = {
    "strength": UNIT,
    "focus_boost": Number(0.25, 1.0),
    "seed": Number(-math.inf, math.inf, whole=True),  # an integer; the vendor publishes no bounds
}
_DENOISE: Mapping[str, Parameter] = {
    "strength": STRENGTH,
    "minor_deblur": STRENGTH,
    "original_detail": UNIT,
}
_EXTREME: Mapping[str, Parameter] = {
    **_DENOISE,
    "denoise_strength": UNIT,
    "sharpen_strength": UNIT,
    "opacity": UNIT,
}
_ADJUST: Mapping[str, Parameter] = {
    "exposure": FACTOR,
    "highlight": FACTOR,
    "shadow": FACTOR,
    "color_correction": Switch(),
}
_WHITE_BALANCE: Mapping[str, Parameter] = {"temperature": STRENGTH, "opacity": STRENGTH}

# The vendor publishes no limits for the newer endpoints. Assumed: each generative endpoint has the limit of enhance-gen,
# and each other endpoint has the input limit of enhance.
_ASSUMED_GENERATIVE_LIMIT_MP = 256
_ASSUMED_LIMIT_MP = 512

ENDPOINTS: Mapping[str, Endpoint] = {
    "enhance": Endpoint(
        name="enhance",
        models=(
            Model("Standard V2", _ENHANCE),
            Model("Low Resolution V2", _ENHANCE),
            Model("CGI", _CGI),
            Model("High Fidelity V2", _ENHANCE),
            Model("Upscale High Fidelity V3", _HIGH_FIDELITY_3),
            Model("Text Refine", _ENHANCE),
        ),
        mp_per_credit=24,
        input_limit_mp=512,
        output_limit_mp=1024,
        takes_size=True,
    ),
    "enhance-gen": Endpoint(
        name="enhance-gen",
        models=(
            Model("Redefine", _REDEFINE),
            Model("Recovery", input_limit_mp=16),
            Model("Recovery V2"),
            Model("Recover 3", input_limit_mp=24, output_limit_mp=384),
            Model("Wonder", input_limit_mp=128, output_limit_mp=128),
            Model("Wonder 2"),
            Model("Wonder 3", _WONDER_3, longest_scale=6),
            Model("Wonder 3.5", _WONDER_3, mp_per_credit=8, longest_scale=6),
            Model("Wonder 4", mp_per_credit=8, longest_scale=6, takes_faces=False),
            Model("Bloom 2", _BLOOM, mp_per_credit=2),
            Model("Bloom Realism", _BLOOM_REALISM, mp_per_credit=2),
            Model("Standard MAX", input_limit_mp=24, output_limit_mp=384),
        ),
        is_generative=True,
        mp_per_credit=4,
        input_limit_mp=256,
        output_limit_mp=256,
        takes_size=True,
    ),
    "sharpen": Endpoint(
        name="sharpen",
        models=(
            *(
                Model(name, _SHARPEN)
                for name in (
                    "Standard",
                    "Strong",
                    "Lens Blur",
                    "Lens Blur V2",
                    "Motion Blur",
                    "Natural",
                    "Refocus",
                    "Wildlife",
                    "Portrait",
                )
            ),
            Model("Noise-Aware Sharpen", {"denoise_strength": UNIT}),  # the name and the settings are assumed
        ),
        category="Sharpen",
        mp_per_credit=24,
        input_limit_mp=512,
        output_limit_mp=512,
        takes_size=False,
    ),
    "sharpen-gen": Endpoint(
        name="sharpen-gen",
        models=(
            Model("Super Focus", _SUPER_FOCUS),
            Model("Super Focus V2", _SUPER_FOCUS),
            Model("Super Focus V3"),  # the name is assumed, because clients use it; its page names no settings
        ),
        category="Sharpen",
        is_generative=True,
        mp_per_credit=20,
        input_limit_mp=_ASSUMED_GENERATIVE_LIMIT_MP,
        output_limit_mp=_ASSUMED_GENERATIVE_LIMIT_MP,
        takes_size=False,
    ),
    "denoise": Endpoint(
        name="denoise",
        models=(Model("Normal", _DENOISE), Model("Strong", _DENOISE), Model("Extreme", _EXTREME)),
        category="Denoise",
        mp_per_credit=24,
        input_limit_mp=_ASSUMED_LIMIT_MP,
        output_limit_mp=_ASSUMED_LIMIT_MP,
        takes_size=False,
    ),
    "denoise-gen": Endpoint(
        name="denoise-gen",
        models=(Model("Denoise Max"),),
        category="Denoise",
        is_generative=True,
        mp_per_credit=20,  # assumed, because a reseller charges this price
        input_limit_mp=_ASSUMED_GENERATIVE_LIMIT_MP,
        output_limit_mp=_ASSUMED_GENERATIVE_LIMIT_MP,
        takes_size=False,
        takes_faces=False,
    ),
    "restore-gen": Endpoint(
        name="restore-gen",
        category="Restore",
        is_generative=True,
        models=(Model("Dust-Scratch"), Model("Dust-Scratch V2")),
        mp_per_credit=24,  # assumed, because several clients use this price
        input_limit_mp=_ASSUMED_GENERATIVE_LIMIT_MP,
        output_limit_mp=_ASSUMED_GENERATIVE_LIMIT_MP,
        takes_size=False,
    ),
    "lighting": Endpoint(
        name="lighting",
        category="Lighting",
        models=(
            Model("Adjust", _ADJUST),
            Model("Adjust V2", _ADJUST),
            Model("White Balance", _WHITE_BALANCE),
            Model("Colorize"),
        ),
        mp_per_credit=24,  # assumed, because several clients use this price
        input_limit_mp=_ASSUMED_LIMIT_MP,
        output_limit_mp=_ASSUMED_LIMIT_MP,
        takes_size=False,
    ),
    "matting": Endpoint(
        name="matting",
        category="Matting",
        models=(Model("Object"), Model("RemoveBG")),  # the name RemoveBG is assumed
        mp_per_credit=24,  # assumed, because one client uses this price
        input_limit_mp=_ASSUMED_LIMIT_MP,
        output_limit_mp=_ASSUMED_LIMIT_MP,
        takes_size=False,
        output_formats=("png",),
    ),
    "tool": Endpoint(
        name="tool",
        category="Tool",
        models=(Model("Transparency Upscale"),),
        mp_per_credit=24,  # assumed, because several clients use this price
        input_limit_mp=_ASSUMED_LIMIT_MP,
        output_limit_mp=_ASSUMED_LIMIT_MP,
        takes_size=True,
        output_formats=("png",),
        longest_scale=4,
    ),
}
