"""What the vendor publishes, as data: endpoints, models, parameters, limits and prices.

Source: the Topaz Labs Image API reference (OpenAPI 1.0.0) and the Lens Blur 2 model page,
https://developer.topazlabs.com/image-models/removal-and-cleanup/sharpen/lens-blur-2.md ; the endpoints from
sharpen-gen on come from the later reference, OpenAPI 1.2.0. What no page of the vendor says is marked `assumed`. This
module holds facts only. It must not read requests, touch pictures or know about faults, and it must not import the
application: a simulator that shared the application's tables would repeat its mistakes.
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
LIST_WINDOW_SECONDS = 7 * 86_400.0
PAGE_LIMIT_HIGHEST = 100
FETCH_LIMIT_SECONDS = 10.0  # for a picture that is given by its URL; assumed


@dataclass(frozen=True)
class Number:
    """A numeric parameter and its closed range."""

    lowest: float
    highest: float
    whole: bool = False


@dataclass(frozen=True)
class Choice:
    """A parameter that is one of a fixed set of words."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class Text:
    """A free text parameter and its greatest length."""

    longest_characters: int


@dataclass(frozen=True)
class Switch:
    """A parameter that is exactly `true` or `false`."""


Parameter = Number | Choice | Text | Switch


@dataclass(frozen=True)
class Model:
    """One model: its settings, and its own input limit if it has one."""

    name: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    input_limit_mp: float | None = None


@dataclass(frozen=True)
class Endpoint:
    """One submit endpoint. The first model is the default."""

    name: str
    models: tuple[Model, ...]
    mp_per_credit: float
    input_limit_mp: float
    output_limit_mp: float
    takes_size: bool
    output_formats: tuple[str, ...] = ("jpeg", "png", "tiff")  # the first is the default
    longest_scale: float | None = None  # how many times as long a side may become

    def model(self, name: str) -> Model | None:
        """Return the model of that exact name, or None."""
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
    "subject_detection": Choice(("All", "Foreground", "Background")),
}
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
    "creativity": Number(1, 6, whole=True),
    "texture": Number(1, 5, whole=True),
    "denoise": UNIT,
    "sharpen": UNIT,
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
_ADJUST: Mapping[str, Parameter] = {
    "exposure": FACTOR,
    "highlight": FACTOR,
    "shadow": FACTOR,
    "color_correction": Switch(),
}
_WHITE_BALANCE: Mapping[str, Parameter] = {"temperature": STRENGTH, "opacity": STRENGTH}

# Assumed: the vendor publishes no limits for the newer endpoints. The generative ones get those of enhance-gen, and
# the others get those of enhance.
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
            Model("Text Refine", _ENHANCE),
        ),
        mp_per_credit=24,
        input_limit_mp=512,
        output_limit_mp=512,
        takes_size=True,
    ),
    "enhance-gen": Endpoint(
        name="enhance-gen",
        models=(
            Model("Redefine", _REDEFINE),
            Model("Recovery", input_limit_mp=16),
            Model("Recovery V2"),
            Model("Wonder"),
            Model("Standard MAX"),
        ),
        mp_per_credit=4,
        input_limit_mp=256,
        output_limit_mp=256,
        takes_size=True,
    ),
    "sharpen": Endpoint(
        name="sharpen",
        models=tuple(
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
        mp_per_credit=24,
        input_limit_mp=512,
        output_limit_mp=512,
        takes_size=False,
    ),
    "sharpen-gen": Endpoint(
        name="sharpen-gen",
        models=(Model("Super Focus", _SUPER_FOCUS), Model("Super Focus V2", _SUPER_FOCUS)),
        mp_per_credit=20,  # assumed: clients of the API agree, the vendor does not say
        input_limit_mp=_ASSUMED_GENERATIVE_LIMIT_MP,
        output_limit_mp=_ASSUMED_GENERATIVE_LIMIT_MP,
        takes_size=False,
    ),
    "denoise": Endpoint(
        name="denoise",
        models=(Model("Normal", _DENOISE), Model("Strong", _DENOISE), Model("Extreme", _DENOISE)),
        mp_per_credit=24,
        input_limit_mp=_ASSUMED_LIMIT_MP,
        output_limit_mp=_ASSUMED_LIMIT_MP,
        takes_size=False,
    ),
    "restore-gen": Endpoint(
        name="restore-gen",
        models=(Model("Dust-Scratch"), Model("Dust-Scratch V2")),
        mp_per_credit=24,  # assumed: clients agree
        input_limit_mp=_ASSUMED_GENERATIVE_LIMIT_MP,
        output_limit_mp=_ASSUMED_GENERATIVE_LIMIT_MP,
        takes_size=False,
    ),
    "lighting": Endpoint(
        name="lighting",
        models=(
            Model("Adjust", _ADJUST),
            Model("Adjust V2", _ADJUST),
            Model("White Balance", _WHITE_BALANCE),
            Model("Colorize"),
        ),
        mp_per_credit=24,  # assumed: clients agree
        input_limit_mp=_ASSUMED_LIMIT_MP,
        output_limit_mp=_ASSUMED_LIMIT_MP,
        takes_size=False,
    ),
    "matting": Endpoint(
        name="matting",
        models=(Model("Object"),),
        mp_per_credit=24,  # assumed: one client says so
        input_limit_mp=_ASSUMED_LIMIT_MP,
        output_limit_mp=_ASSUMED_LIMIT_MP,
        takes_size=False,
        output_formats=("png",),
    ),
    "tool": Endpoint(
        name="tool",
        models=(Model("Transparency Upscale"),),
        mp_per_credit=24,  # assumed: clients agree
        input_limit_mp=_ASSUMED_LIMIT_MP,
        output_limit_mp=_ASSUMED_LIMIT_MP,
        takes_size=True,
        output_formats=("png",),
        longest_scale=4,
    ),
}
