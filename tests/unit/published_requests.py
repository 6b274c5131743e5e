"""The example requests that vendors publish, as data. Each one has its source and the reasons why our request differs from it.

Each field is written as on its page. `differs` names every field of ours that differs or is missing. No other field may
differ. Fields in Topaz' forms are texts where its OpenAPI document has numbers and booleans, because
multipart/form-data carries texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.unit.wire_support import LINK

LEFT_OUT = object()
IMAGE = "<the image>"  # stands for the content of a multipart form's part that has a filename
INPUT_FIELDS = {"aimlapi": "image_url", "oxen": "input_image", "uwear": "image_url"}
BEARER = {"authorization": "Bearer <KEY>", "content-type": "application/json"}
# Headers that HTTP itself or our client adds to every request. No vendor's page mentions them.
TRANSPORT = frozenset({"host", "accept", "accept-encoding", "connection", "user-agent", "content-length"})

OUR_LINK = (LINK, "our image is behind a presigned link, not at the example's address")
ALWAYS_NAMED = "the vendor's default format could change, so our request always names a format"
TRACED = "the request log shows it as the name of the call (request tracing page, docs.aimlapi.com)"


@dataclass(frozen=True)
class Published:
    """A request as its vendor's page shows it. `tags` are the upload's tags that make Darkroom send the same request.
    The fields with `differ` in their names hold our differences with the reasons.
    """

    cited: str
    provider: str
    url: str
    fields: Mapping[str, Any]
    tags: Mapping[str, str]
    differs: Mapping[str, tuple[Any, str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=lambda: BEARER)
    headers_differ: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    call: str = "submit"
    url_differs: tuple[str, str] | None = None  # the URL that our request uses instead, and the reason

    def expected(self) -> dict[str, Any]:
        """Return the fields that our request should have: the published ones, changed by the differences."""
        changed = {**self.fields, **{name: ours for name, (ours, _) in self.differs.items()}}
        return {name: value for name, value in changed.items() if value is not LEFT_OUT}

    def expected_headers(self) -> dict[str, str]:
        """Return the headers that our request should have, without those in TRANSPORT."""
        return {**self.headers, **{name: ours for name, (ours, _) in self.headers_differ.items()}}


AIMLAPI_PAGE = "docs.aimlapi.com, Topaz Labs, Sharpen Generative: Quick Example, Python"
OXEN_PAGE = "docs.oxen.ai, Topaz Image Upscaler: Example request"
UWEAR_PAGE = "uwear.ai API reference, Create Upscale: Request Body"
LENS_BLUR_PAGE = "developer.topazlabs.com, Lens Blur 2: Endpoint"
OPENAPI = "Topaz Image Enhancement API, OpenAPI 1.0.0"

BLOXY = "https://hub.oxen.ai/api/repos/ox/Oxen-Character-Simple-Vector-Graphic/file/main/images/reference/bloxy_white_bg.png"
OXEN_MINIMAL = {"model": "topazlabs-image-upscale", "input_image": BLOXY}
OXEN_FULL = {**OXEN_MINIMAL, "enhance_model": "High Fidelity V2", "upscale_factor": "2x", "output_format": "png"}
OXEN_TAGS = {"enhance_model": "High Fidelity V2", "upscale_factor": "2x", "output_format": "png"}
QUEUE, EDIT = "https://hub.oxen.ai/api/ai/queue", "https://hub.oxen.ai/api/ai/images/edit"
HELD = {"synchronous": "true"}
OXEN_LINK = {"input_image": OUR_LINK}
OXEN_MINIMAL_DIFFERS = {**OXEN_LINK, "output_format": ("png", ALWAYS_NAMED)}

# uwear.ai's page has a template with placeholders for values, and a table of settings with their defaults.
UWEAR_SKELETON = {
    "generation_result_id": 0, "image_url": "", "model_name": "string",
    "generation_settings": {"additionalProperties": "string"},
}  # fmt: skip
UWEAR_DEFAULTS = {
    "enhance_model": "High Fidelity V2", "upscale_factor": "4x", "face_enhancement": "false",
    "subject_detection": "Foreground", "face_enhancement_creativity": "0.5",
}  # fmt: skip
UWEAR_DIFFERS = {
    "generation_result_id": (
        LEFT_OUT,
        "the page requires only one of the two fields, and we send an image, not an earlier result",
    ),
    "image_url": OUR_LINK,
}
WITHOUT_PREFIX = (
    "https://api.uwear.ai/generation-upscale",
    "the vendor's summary page says that /api/v1 is not used for generation; our adapter tries it after a 404",
)
UNSAID = "the page's `Authorizations` name HTTPBearer, but its samples leave it out"

X_API_KEY = {"x-api-key": "<KEY>", "content-type": "multipart/form-data"}
NAMED = {"output_format": ("jpeg", ALWAYS_NAMED)}
PROCESS_REQUEST = {
    "output_height": "1080", "output_width": "1920", "output_format": "jpeg", "crop_to_fill": "false",
    "face_enhancement": "true", "face_enhancement_creativity": "0",
}  # fmt: skip
# The example sets face_enhancement to true. Newer pages require a strength with that setting.
FACES = {"face_enhancement_strength": ("0.8", "newer pages of models require it with face_enhancement=true")}
KIND = {"category": ("Enhance", "OpenAPI 1.2.0 has it to distinguish models with the same name")}
NO_IMAGE_SENT = {"input_height": "1080", "input_width": "1920"}


def topaz(
    cited: str,
    path: str,
    fields: Mapping[str, Any],
    differs: Mapping[str, tuple[Any, str]],
    call: str = "submit",
    **how: str,
) -> Published:
    """Return a published form of Topaz. Its tags are its fields and `how`, the tags that say how the image is sent."""
    tags = {name: value for name, value in fields.items() if value != IMAGE and name not in NO_IMAGE_SENT}
    url = f"https://api.topazlabs.com/image/v1/{path}"
    return Published(cited, "topaz", url, fields, {**tags, **how}, differs, X_API_KEY, call=call)


EXAMPLES: list[Published] = [
    Published(
        AIMLAPI_PAGE, "aimlapi", "https://api.aimlapi.com/v1/images/generations",
        {"model": "topaz-labs/sharpen",
         "image_url": "https://raw.githubusercontent.com/aimlapi/api-docs/main/reference-files/blurred-landscape.png",
         "mode": "Super Focus V2", "strength": 0.6, "output_format": "jpeg"},
        {"model": "topaz-labs/sharpen-gen", "mode": "Super Focus V2", "strength": "0.6", "output_format": "jpeg"},
        {"image_url": OUR_LINK,
         "model": ("topaz-labs/sharpen-gen", "in the schema of the same page only sharpen-gen has this mode")},
        headers_differ={"x-client-request-id": ("0123456789abcdef0123456789abcdef-2-3", TRACED)},
    ),
    Published(f"{OXEN_PAGE}, Async, Minimal", "oxen", QUEUE, OXEN_MINIMAL, {}, OXEN_MINIMAL_DIFFERS),
    Published(f"{OXEN_PAGE}, Async, All parameters", "oxen", QUEUE, OXEN_FULL, OXEN_TAGS, OXEN_LINK),
    Published(f"{OXEN_PAGE}, Sync, Minimal", "oxen", EDIT, OXEN_MINIMAL, HELD, OXEN_MINIMAL_DIFFERS),
    Published(f"{OXEN_PAGE}, Sync, All parameters", "oxen", EDIT, OXEN_FULL, {**OXEN_TAGS, **HELD}, OXEN_LINK),
    Published(
        f"{UWEAR_PAGE}, model recraft", "uwear", "https://api.uwear.ai/api/v1/generation-upscale", UWEAR_SKELETON, {},
        {**UWEAR_DIFFERS, "model_name": ("recraft", "a placeholder on the page"),
         "generation_settings": (LEFT_OUT, "the page says that recraft does not accept custom generation_settings")},
        {"content-type": "application/json"}, {"authorization": ("Bearer <KEY>", UNSAID)},
        url_differs=WITHOUT_PREFIX,
    ),
    Published(
        f"{UWEAR_PAGE}, model topaz with the table's defaults", "uwear",
        "https://api.uwear.ai/api/v1/generation-upscale",
        {**UWEAR_SKELETON, "generation_settings": UWEAR_DEFAULTS}, {"model": "topaz", **UWEAR_DEFAULTS},
        {**UWEAR_DIFFERS, "model_name": ("topaz", "a placeholder on the page")},
        {"content-type": "application/json"}, {"authorization": ("Bearer <KEY>", UNSAID)},
        url_differs=WITHOUT_PREFIX,
    ),
    topaz(LENS_BLUR_PAGE, "sharpen/async", {"model": "Lens Blur V2", "image": IMAGE}, NAMED),
    topaz(
        f"{LENS_BLUR_PAGE}, every parameter of the page", "sharpen/async",
        {"model": "Lens Blur V2", "image": IMAGE, "denoise_strength": "0.5", "face_enhancement": "true",
         "face_enhancement_strength": "1", "face_enhancement_creativity": "0", "subject_detection": "Background",
         "strength": "0.01", "minor_denoise": "1"}, NAMED,
    ),
    topaz(
        f"{OPENAPI}, EnhanceRequest, the example of every field", "enhance/async",
        {"model": "Standard V2", "image": IMAGE, **PROCESS_REQUEST}, FACES,
    ),
    topaz(
        f"{OPENAPI}, /enhance, EnhanceRequest, the example of every field", "enhance",
        {"model": "Standard V2", "image": IMAGE, **PROCESS_REQUEST}, FACES, synchronous="true",
    ),
    topaz(
        f"{OPENAPI}, EnhanceRequest, with a link in the image's place", "enhance/async",
        {"model": "Standard V2", "image": IMAGE, **PROCESS_REQUEST},
        {**FACES, "image": (LEFT_OUT, "source_url replaces it"),
         "source_url": (LINK, "input_by=link asks for it; OpenAPI 1.0.0 has no such field")}, input_by="link",
    ),
    topaz(
        f"{OPENAPI}, EnhanceGenRequest, the example of every field", "enhance-gen/async",
        {"model": "Redefine", "image": IMAGE, "creativity": "3", **PROCESS_REQUEST}, FACES,
    ),
    topaz(
        f"{OPENAPI}, EstimateImageTaskRequest, the example of every field", "estimate",
        {"model": "Standard V2", **PROCESS_REQUEST, **NO_IMAGE_SENT}, {**FACES, **KIND}, "estimate",
    ),
    topaz(
        f"{OPENAPI}, EstimateImageTaskGenRequest, the example of every field", "estimate-gen",
        {"model": "Redefine", "creativity": "3", **PROCESS_REQUEST, **NO_IMAGE_SENT}, {**FACES, **KIND}, "estimate",
    ),
]  # fmt: skip
