"""The facts that the vendor publishes, as data. Where the vendor says nothing, assumed facts follow in their own section.

The sources, read in 2026-11, are docs.oxen.ai with the pages Topaz Image Upscaler, Async Queue, Image Editing, Models and
Inference API Overview, and the OpenAPI file of hub.oxen.ai (0.243). This module holds facts only. It must not read requests
or touch pictures. It must not import the application either, because a simulator that shared the application's tables would
repeat the application's mistakes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# --- published ---

MODEL = "topazlabs-image-upscale"
MEDIA_TYPE = "image"
INPUT = "input_image"
INPUT_FORMATS = ("jpeg", "png", "gif", "webp")
QUEUED, PROCESSING, SUCCEEDED, FAILED, CANCELLED = "queued", "processing", "succeeded", "failed", "cancelled"
STATUSES = (QUEUED, PROCESSING, SUCCEEDED, FAILED, CANCELLED)
ACTIVE = (QUEUED, PROCESSING)
MEDIA_TYPES = ("image", "video")
GENERATIONS_HIGHEST = 4  # the most generations that one submit may ask for
PAGE_SIZE_DEFAULT, PAGE_SIZE_HIGHEST = 50, 1_000
AS_URL, AS_BASE64 = "url", "b64_json"  # the two forms in which a synchronous call may return the picture
EVENT = "media_generation_completed"
KEEP_ALIVE_SECONDS = 15.0
SHORTEST_SECONDS, LONGEST_SECONDS = 5.0, 30.0  # how long an image usually takes
SCHEMA_FIELDS = (
    "request_schema",
    "json_request_schema",
)  # the names that pages give to the field with a model's schema
UNITS_PER_USD = 10_000  # the simulator counts in this unit, so that every price is a whole number


@dataclass(frozen=True)
class Choice:
    """A parameter whose value must be one of the words."""

    title: str
    description: str
    words: tuple[str, ...]
    default: str


CHOICES: Mapping[str, Choice] = {
    "enhance_model": Choice(
        "Enhance Model",
        "Models to Use: Standard V2 (general purpose), Low Resolution V2 (for low-res images), CGI (for digital art),"
        " High Fidelity V2 (preserves details), Text Refine (optimized for text)",
        ("Standard V2", "Low Resolution V2", "CGI", "High Fidelity V2", "Text Refine"),
        "High Fidelity V2",
    ),
    "upscale_factor": Choice("Upscale Factor", "How much to upscale the image", ("4x", "2x"), "2x"),
    "output_format": Choice("Output Format", "Format of the output images", ("jpg", "png"), "png"),
}


@dataclass(frozen=True)
class Number:
    """A parameter that is a whole number from `lowest` to `highest`, both included."""

    title: str
    description: str
    lowest: int
    highest: int


@dataclass(frozen=True)
class Text:
    """A parameter that is any text up to a greatest length."""

    title: str
    description: str
    longest_characters: int


@dataclass(frozen=True)
class Switch:
    """A parameter that is true or false."""

    title: str
    description: str


Rule = Choice | Number | Text | Switch

# Each of the other models has its own page on docs.oxen.ai. The pages were not read completely. The words of `scale` (up to
# 6x), the ranges of numbers and the greatest length of a prompt are therefore assumed.
_SCALE = Choice("Scale", "How much to upscale the image", ("2x", "4x", "6x"), "2x")
_STRENGTH = Choice("Enhancement Strength", "How much detail is added", ("low", "medium", "high"), "high")
_PROMPT = Text("Prompt", "What guides the detail that is added", 1024)
_CREATIVITY = Number("Creativity", "How much is invented", 1, 9)
_TEXTURE = Number("Texture", "How much texture is added", 1, 5)
_AUTOPROMPT = Switch("Autoprompt", "Whether the model describes the image itself")
MODELS: Mapping[str, Mapping[str, Rule]] = {
    MODEL: CHOICES,
    "topazlabs-wonder-3-image": {"enhancement_strength": _STRENGTH, "scale": _SCALE},
    "topazlabs-wonder-3-5-image": {"enhancement_strength": _STRENGTH, "scale": _SCALE},
    "topazlabs-wonder-4-image": {"scale": _SCALE},
    "topazlabs-bloom-image": {"prompt": _PROMPT, "creativity": _CREATIVITY, "texture": _TEXTURE},
    "topazlabs-bloom-2-image": {"prompt": _PROMPT, "creativity": _CREATIVITY, "autoprompt": _AUTOPROMPT},
}
FACTOR_PARAMETERS = ("upscale_factor", "scale")

# --- seen in the answer of GET /ai/models/{id}, but on no page ---

PRICE_UNITS = 500  # 0.05 USD for each image, at any factor

# --- assumed ---

OTHER_FACTOR = 2  # how much a model enlarges if it has no parameter for the factor

NAMESPACE = "simulated"  # the name of the account
UNKNOWN_STATUS = "expired"  # a status word that is not among the five published ones
RESULT_LIFETIME_SECONDS = 3_600.0  # the page only says "a temporary link"
QUEUED_SECONDS = 1.0  # how long a generation waits before it is processed
SECONDS_PER_OUTPUT_MP = 1.0
FETCH_LIMIT_SECONDS = 10.0  # the longest time to fetch the whole picture
FETCH_LIMIT_BYTES = 100_000_000
OUTPUT_LIMIT_MP = 512.0
