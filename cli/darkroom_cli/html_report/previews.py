"""Makes small previews of a picture before and after: the whole, and one pair of crops at 100 %.

The pictures come from buckets and are not trusted: their formats are those of `FORMATS`, and one with too many pixels is not
decoded.
"""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageFilter, ImageOps

from darkroom_cli.html_report.report_source import NotShown, Picture

FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP")
MOST_PIXELS = 120_000_000  # of one picture; it takes about 360 MB while it is decoded
WHOLE_SIDE = 800  # pixels of the longer side of a preview of the whole
CROP = (400, 300)  # pixels of the crop of the result
QUALITIES = (
    (82, 1.0),
    (70, 0.7),
    (55, 0.55),
    (40, 0.42),
)  # of WebP, and about which part of the first one's bytes they take
WHOLE_SHARE, CROP_SHARE = 0.32, 0.18  # of a picture's bytes, for each of its two wholes and two crops
MOST_PROFILE_BYTES = 4096
IPTC_IN_PHOTOSHOP, IPTC_TAG, XMP_TAG = 0x0404, 33723, 700  # of JPEG's resource block and of TIFF's directory


@dataclass(frozen=True)
class Side:
    """A picture file before or after. Width and height are in pixels, as displayed."""

    width: int
    height: int
    size_bytes: int
    format: str
    metadata: frozenset[str]  # of EXIF, XMP, IPTC, colour profile


@dataclass(frozen=True)
class Preview:
    """The two files, and WebP images of them. Both wholes show the same, and so do both crops."""

    before: Side
    after: Side
    whole: tuple[bytes, bytes]
    crop: tuple[bytes, bytes]
    crop_size: tuple[int, int]  # at which both crops are displayed, in pixels


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Ignore Pillow's warnings of large pictures and odd metadata in this block and in the threads that it starts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def make(before: Picture, after: Picture, most_bytes: int) -> Preview:
    """Return a preview whose images have at most `most_bytes` together. Raises NotShown."""
    first, shown_before = _opened(before, "the original")
    second, shown_after = _opened(after, "the result")
    crop_size = min(CROP[0], shown_after.width), min(CROP[1], shown_after.height)
    box = _most_detailed(shown_after, crop_size)
    scale = shown_before.width / shown_after.width, shown_before.height / shown_after.height
    box_before = (box[0] * scale[0], box[1] * scale[1], box[2] * scale[0], box[3] * scale[1])
    size_before = max(round(crop_size[0] * scale[0]), 1), max(round(crop_size[1] * scale[1]), 1)
    size_before = min(size_before[0], crop_size[0]), min(size_before[1], crop_size[1])
    crops = (
        shown_before.resize(size_before, Image.Resampling.LANCZOS, box=box_before),
        shown_after.crop(box),
    )
    whole_bytes, crop_bytes = int(most_bytes * WHOLE_SHARE), int(most_bytes * CROP_SHARE)
    return Preview(
        first,
        second,
        (_small(shown_before, whole_bytes), _small(shown_after, whole_bytes)),
        (_webp(crops[0], crop_bytes), _webp(crops[1], crop_bytes)),
        crop_size,
    )


def _opened(picture: Picture, what: str) -> tuple[Side, Image.Image]:
    """Return what the file is, and its pixels as displayed, in 8 bits a channel. Raises NotShown."""
    size_bytes = len(picture) if isinstance(picture, bytes) else picture.stat().st_size
    try:
        with Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else picture, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise NotShown(f"{what} has more than {MOST_PIXELS // 1_000_000} megapixels")
            metadata, name = _metadata(image), image.format or ""
            shown = _eight_bits(ImageOps.exif_transpose(image))
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        kind = "has too many pixels" if isinstance(error, Image.DecompressionBombError) else "cannot be decoded here"
        raise NotShown(f"{what} {kind}") from None
    return Side(shown.width, shown.height, size_bytes, name, metadata), shown


def _metadata(image: Image.Image) -> frozenset[str]:
    info = image.info
    tags = image.tag_v2 if hasattr(image, "tag_v2") else {}
    resources = info.get("photoshop")
    found = {
        "EXIF": bool(image.getexif()),
        "XMP": "xmp" in info or "XML:com.adobe.xmp" in info or XMP_TAG in tags,
        "IPTC": (isinstance(resources, dict) and IPTC_IN_PHOTOSHOP in resources) or IPTC_TAG in tags,
        "colour profile": bool(info.get("icc_profile")),
    }
    return frozenset(name for name, is_there in found.items() if is_there)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return the image as RGB or RGBA. A profile goes with RGB only, because it describes those channels."""
    profile = image.info.get("icc_profile") if image.mode in ("RGB", "RGBA") else None
    if image.mode.startswith("I;16"):
        image = image.point(lambda value: value / 256).convert("L")
    elif image.mode in ("I", "F"):
        image = image.convert("L")
    is_transparent = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    made = image.convert("RGBA" if is_transparent else "RGB")
    made.info = {"icc_profile": profile} if profile and len(profile) <= MOST_PROFILE_BYTES else {}
    return made


def _most_detailed(image: Image.Image, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the place of that size with the most edges, as left, upper, right and lower."""
    columns, rows = max(image.width // size[0], 1), max(image.height // size[1], 1)
    small = image.convert("L")
    small.thumbnail((1200, 1200))
    cells = list(small.filter(ImageFilter.FIND_EDGES).resize((columns, rows), Image.Resampling.BOX).tobytes())
    best = cells.index(max(cells))
    left, upper = (best % columns) * size[0], (best // columns) * size[1]
    return left, upper, left + size[0], upper + size[1]


def _small(image: Image.Image, most_bytes: int) -> bytes:
    copy = image.copy()
    copy.info = image.info
    copy.thumbnail((WHOLE_SIDE, WHOLE_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return _webp(copy, most_bytes)


def _webp(image: Image.Image, most_bytes: int) -> bytes:
    """Return the image as WebP: at the first quality that fits, or smaller."""
    best = data = _encoded(image, QUALITIES[0][0])
    for quality, share in QUALITIES:
        if len(data) <= most_bytes:
            return data
        if len(best) * share <= most_bytes:
            data = _encoded(image, quality)
    if len(data) <= most_bytes or max(image.size) <= 8:
        return data
    factor = min(math.sqrt(most_bytes / (len(best) * QUALITIES[-1][1])), 0.9)
    size = max(int(image.width * factor), 1), max(int(image.height * factor), 1)
    return _webp(image.resize(size, Image.Resampling.LANCZOS), most_bytes)


def _encoded(image: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    profile = image.info.get("icc_profile") or b""
    image.save(out, "WEBP", quality=quality, method=2, icc_profile=profile, exif=b"", xmp=b"")
    return out.getvalue()
