"""What the vendor publishes, as data; and separately, what is assumed where the vendor is silent.

Sources, as of 2026-11: docs.oxen.ai, pages Topaz Image Upscaler, Async Queue, Image Editing, Models and Inference API
Overview, and the OpenAPI file of hub.oxen.ai (0.243). This module holds facts only. It must not read requests or
touch pictures, and it must not import the application: a simulator that shared the application's tables would repeat
its mistakes.
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
GENERATIONS_HIGHEST = 4  # of one submit
PAGE_SIZE_DEFAULT, PAGE_SIZE_HIGHEST = 50, 1_000
AS_URL, AS_BASE64 = "url", "b64_json"  # what a synchronous call may return
EVENT = "media_generation_completed"
KEEP_ALIVE_SECONDS = 15.0
SHORTEST_SECONDS, LONGEST_SECONDS = 5.0, 30.0  # how long an image usually takes
SCHEMA_FIELDS = ("request_schema", "json_request_schema")  # the pages disagree about the name
UNITS_PER_USD = 10_000  # our own unit, so that every price is a whole number


@dataclass(frozen=True)
class Choice:
    """A parameter that is one of a fixed set of words."""

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

# --- seen in the model's own entry, not on a page ---

PRICE_UNITS = 500  # 0.05 USD for each image, at any factor

# --- assumed ---

NAMESPACE = "simulated"  # the account's name
UNKNOWN_STATUS = "expired"  # a word that is not among the five published ones
RESULT_LIFETIME_SECONDS = 3_600.0  # "a temporary link"
QUEUED_SECONDS = 1.0  # how long a generation waits before it is processed
SECONDS_PER_OUTPUT_MP = 1.0
FETCH_LIMIT_SECONDS = 10.0  # for the whole picture
FETCH_LIMIT_BYTES = 100_000_000
OUTPUT_LIMIT_MP = 512.0
