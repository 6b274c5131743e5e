"""Draws the picture of the README: parts of the demo's pictures before and after, side by side at the same scale.

Usage, after `make demo`: python -m darkroom_local.samples.before_after demo-results docs/before-after.jpg

It reads only the demo's results. A part of the picture before is enlarged by repeating its pixels, which adds nothing to it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from darkroom_local.samples.demo import ENHANCED, ORIGINALS

# The picture before, the picture after, and the part that is shown: left, top, right and bottom, from 0 to 1.
PARTS = (
    ("clock.jpg", "clock.jpg", (0.05, 0.05, 0.95, 0.95)),
    ("lettering.png", "lettering.png", (0.02, 0.42, 0.34, 0.85)),
    ("street.jpg", "street.jpg", (0.3, 0.3, 0.75, 0.75)),
)
SIDE, GAP, LINE = 240, 6, 24  # pixels: a tile's side, between tiles, the line of words
_INK, _PAPER = (24, 24, 28), (255, 255, 255)
_QUALITY = 82


def tile(file: Path, part: tuple[float, float, float, float], resampling: Image.Resampling) -> Image.Image:
    """Return the part of a picture as a square."""
    with Image.open(file) as picture:
        left, top, right, bottom = part
        width, height = picture.size
        side = min((right - left) * width, (bottom - top) * height)
        box = (left * width, top * height, left * width + side, top * height + side)
        return picture.convert("RGB").resize((SIDE, SIDE), resampling, box=box)


def drawn(results: Path) -> Image.Image:
    """Return the picture: a column for each part, with the upper row before and the lower row after."""
    page = Image.new("RGB", (len(PARTS) * (SIDE + GAP) - GAP, 2 * (SIDE + LINE)), _PAPER)
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(14)
    rows = ((ORIGINALS, "before", Image.Resampling.NEAREST), (ENHANCED, "after", Image.Resampling.LANCZOS))
    for row, (folder, word, resampling) in enumerate(rows):
        top = row * (SIDE + LINE)
        for column, (before, after, part) in enumerate(PARTS):
            left = column * (SIDE + GAP)
            name = before if folder == ORIGINALS else after
            page.paste(tile(results / folder / name, part, resampling), (left, top + LINE))
            pen.text((left, top + 3), f"{word}: {name}", fill=_INK, font=font)
    return page


def main(results: str, to: str) -> None:
    """Draw the picture from the demo's folder, and write it as a JPEG."""
    drawn(Path(results)).save(to, "JPEG", quality=_QUALITY, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
