"""The facts that the vendor publishes, as data. Where the vendor says nothing, assumed facts follow in their own section.

The source is the uwear.ai API reference, with the pages Create Upscale (POST
https://api.uwear.ai/api/v1/generation-upscale) and Get All Generations
(docs.dev.uwear.ai/operations/external_read_generations). This module holds facts only. It must not read requests or touch
pictures. It must not import the application either, because a simulator that shared the application's tables would repeat
the application's mistakes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# --- published ---

CREDITS: Mapping[str, int] = {"recraft": 1, "topaz": 3}
CONFIGURABLE = "topaz"  # the only model that accepts generation_settings
RESULT_LIFETIME_SECONDS = 4 * 3_600.0
PREFIXES = ("", "/api/v1")  # the prefixes of paths; the pages disagree about which prefix generations have
CREATED, ONGOING, DONE, ERROR = "Created", "Ongoing", "Done", "Error"


@dataclass(frozen=True)
class Choice:
    """A setting whose value must be one of the words."""

    words: tuple[str, ...]
    default: str


@dataclass(frozen=True)
class Switch:
    """A setting that is true or false. It may be written as a JSON boolean or as a word."""

    default: bool


@dataclass(frozen=True)
class Number:
    """A setting that is a number from `lowest` to `highest`, both included. It may be a JSON number or text."""

    lowest: float
    highest: float
    default: float


SETTINGS: Mapping[str, Choice | Switch | Number] = {
    "enhance_model": Choice(("Standard V2", "Low Resolution V2", "High Fidelity V2"), "High Fidelity V2"),
    "upscale_factor": Choice(("2x", "4x", "6x"), "4x"),
    "face_enhancement": Switch(False),
    "subject_detection": Choice(("Foreground", "Background", "Auto"), "Foreground"),
    "face_enhancement_creativity": Number(0.0, 1.0, 0.5),
}

# --- seen by clients, but not published on these pages ---

SEEN_QUEUED, SEEN_FAILED = "Queued", "Failed"  # status words in addition to the four published ones
LONGEST_SECONDS = 20.0  # a generation usually takes 5 to 20 seconds
SHORTEST_SECONDS = 5.0

# --- assumed ---

RECRAFT_FACTOR = 4  # the page does not say how much recraft enlarges
CREATED_SECONDS = 1.0  # how long a generation waits before it is Ongoing
SECONDS_PER_OUTPUT_MP = 1.0
FETCH_LIMIT_SECONDS = 10.0  # the longest time to fetch the whole picture
FETCH_LIMIT_BYTES = 100_000_000
OUTPUT_LIMIT_MP = 512.0
# If the input has one of these formats, the result has it too. Else the result is a PNG.
KEPT_FORMATS = ("png", "jpeg")
OTHER_FORMAT = "png"
LIST_LIMIT_DEFAULT, LIST_LIMIT_HIGHEST = 20, 100
FEATURE = "upscale"  # the feature_name that the list gives to an upscale
