"""The facts that the vendor publishes, as data. Where the vendor says nothing, assumed facts follow in their own section.

The sources, read in 2026-11, are the pages Sharpen, Sharpen Generative, Request Tracing and Cost Headers, Usage Logs,
Account Balance and Errors on docs.aimlapi.com. This module holds facts only. It must not read requests or touch pictures.
It must not import the application either, because a simulator that shared the application's tables would repeat the
application's mistakes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """A field whose value must be one of the words."""

    words: tuple[str, ...]
    default: str | None = None


@dataclass(frozen=True)
class Switch:
    """A field that is true or false."""

    default: bool | None = None


@dataclass(frozen=True)
class Number:
    """A field that is a number from `lowest` to `highest`, both included. With `whole`, only whole numbers are allowed."""

    lowest: float | None = None
    highest: float | None = None
    default: float | None = None
    whole: bool = False


Rule = Choice | Switch | Number

# --- published ---

_COMMON: Mapping[str, Rule] = {
    "output_format": Choice(("jpeg", "jpg", "png", "tiff", "tif"), "jpeg"),
    "subject_detection": Choice(("All", "Foreground", "Background"), "All"),
    "face_enhancement": Switch(True),
    "face_enhancement_creativity": Number(0.0, 1.0, 0.0),
    "face_enhancement_strength": Number(0.0, 1.0, 0.8),
}
SHARPEN, SHARPEN_GEN = "topaz-labs/sharpen", "topaz-labs/sharpen-gen"
MODELS: Mapping[str, Mapping[str, Rule]] = {
    SHARPEN_GEN: {
        "mode": Choice(("Super Focus", "Super Focus V2")),
        **_COMMON,
        "strength": Number(0.0, 1.0),
        "focus_boost": Number(0.25, 1.0),
        "seed": Number(whole=True),
    },
    SHARPEN: {
        "mode": Choice(("Standard", "Strong", "Lens Blur", "Lens Blur V2", "Motion Blur", "Natural", "Refocus")),
        **_COMMON,
        "strength": Number(0.01, 1.0),
        "minor_denoise": Number(0.01, 1.0),
    },
}
OTHER_MODEL = "flux/dev"  # stands for the models of other makers, which the vendor's list has too
# The page Sharpen Generative shows this model and mode in an example with a successful answer, although the schema of the
# model does not allow the mode. The simulator follows the example.
EXAMPLE_PAIR = (SHARPEN, "Super Focus V2")
FORMATS: Mapping[str, str] = {"jpeg": "jpeg", "jpg": "jpeg", "png": "png", "tiff": "tiff", "tif": "tiff"}

CREDITS_PER_USD = 2_000_000
EXAMPLE_CREDITS = 210_000  # the price of the published examples of both models
RESULT_LIFETIME_SECONDS = 604_800.0  # X-Amz-Expires of the published links
CLIENT_ID_PATTERN = r"[A-Za-z0-9._:-]{1,128}"  # an id from the client that does not match this is ignored
SUCCEEDED, FAILED = "succeeded", "failed"
LOG_LIMIT_DEFAULT, LOG_LIMIT_HIGHEST = 50, 100
LOG_WINDOW_DAYS, LOG_MODELS_HIGHEST = 92, 50
LOG_CALLS, LOG_CALLS_SECONDS = 200, 60.0
LOW_BALANCE_CREDITS = 10_000

# --- assumed ---

# The pages have examples of prices but no rule. It is assumed that every picture costs the same.
AVAILABLE_CREDITS = 20_000_000
SHORTEST_SECONDS: Mapping[str, float] = {SHARPEN: 5.0, SHARPEN_GEN: 10.0}
LONGEST_SECONDS: Mapping[str, float] = {SHARPEN: 30.0, SHARPEN_GEN: 120.0}
SECONDS_PER_MP: Mapping[str, float] = {SHARPEN: 0.5, SHARPEN_GEN: 2.0}
LOG_DELAY_SECONDS = (
    2.0  # the log comes "from the analytics pipeline" after the answer; the pages do not say how long after
)
FETCH_LIMIT_SECONDS = 10.0  # the longest time to fetch the whole picture
FETCH_LIMIT_BYTES = 100_000_000
INPUT_LIMIT_MP = 256.0
KEY_PREFIX_LENGTH = 8  # as in the published example of `key_prefix`
DEFAULT_SHARPENING = 0.5  # used if the request names no strength; the real model then chooses one
