"""Pictures to try Darkroom on, drawn here: text, edges, gradients and noise, where an enlargement can be judged.

The same files come out every time. It must not read a picture from anywhere.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont, ImageOps

Picture = Image.Image
_SEED = 1
_INK, _PAPER = (24, 24, 28), (246, 243, 236)
_PANGRAM = "Sphinx of black quartz, judge my vow. 0123456789"


@dataclass(frozen=True)
class Sample:
    """A picture to make: how it is drawn and saved, the settings it is uploaded with, and what to look for."""

    name: str
    draw: Callable[[], Picture]
    settings: Mapping[str, str]
    look_for: str
    save: Mapping[str, Any] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """Draws it into `folder`."""
        path = folder / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.draw().save(path, **self.save)
        return path


def lettering() -> Picture:
    """A page of text at falling sizes, with hairlines."""
    page = Image.new("RGB", (480, 360), _PAPER)
    pen = ImageDraw.Draw(page)
    top = 14.0
    for size in (34, 26, 20, 16, 13, 11, 9, 8, 7):
        pen.text((16, top), _PANGRAM, fill=_INK, font=ImageFont.load_default(size))
        top += size * 1.45
    for step in range(12):
        pen.line([(16 + step * 38, top + 12), (46 + step * 38, 345)], fill=_INK, width=1 + step // 4)
    return page


def zone_plate() -> Picture:
    """Rings that grow finer outwards (every edge direction and spacing), beside bars and a fan of lines."""
    side = 256
    rings = Image.new("L", (side, side))
    rings.putdata([_ring(x - side / 2, y - side / 2, side) for y in range(side) for x in range(side)])
    page = Image.new("RGB", (side * 2, side), _PAPER)
    page.paste(ImageOps.colorize(rings, _INK, _PAPER), (0, 0))
    pen = ImageDraw.Draw(page)
    for degrees in range(0, 91, 6):
        angle = math.radians(degrees)
        end = (side + 10 + math.cos(angle) * 230, 10 + math.sin(angle) * 230)
        pen.line([(side + 10, 10), end], fill=_INK, width=1 + degrees // 45)
    return page


def gradients() -> Picture:
    """Smooth colour ramps: an enlargement that bands or rings shows it here."""
    across = Image.linear_gradient("L").rotate(90).resize((480, 320), Image.Resampling.BICUBIC)
    down = Image.linear_gradient("L").resize((480, 320), Image.Resampling.BICUBIC)
    round_one = Image.radial_gradient("L").resize((480, 320), Image.Resampling.BICUBIC)
    page = Image.merge("RGB", (across, down, round_one))
    pen = ImageDraw.Draw(page)
    pen.ellipse((150, 70, 330, 250), outline=_PAPER, width=3)
    pen.text((190, 146), "gradients", fill=_PAPER, font=ImageFont.load_default(22))
    return page


def blurred_street() -> Picture:
    """House fronts with lettered signs, out of focus: something to sharpen."""
    page = Image.new("RGB", (480, 320), (150, 180, 205))
    pen = ImageDraw.Draw(page)
    chance = random.Random(_SEED)  # noqa: S311 (a drawing)
    for number in range(6):
        left, height = number * 80, chance.randint(150, 260)
        wall = (chance.randint(120, 220), chance.randint(90, 160), chance.randint(80, 140))
        pen.rectangle((left, 320 - height, left + 76, 320), fill=wall)
        for row in range(height // 50):
            for column in range(3):
                x, y = left + 8 + column * 23, 330 - height + row * 44
                pen.rectangle((x, y, x + 14, y + 24), fill=(250, 236, 170), outline=_INK)
        pen.text((left + 6, 296), f"No. {number + 1}", fill=_PAPER, font=ImageFont.load_default(15))
    return page.filter(ImageFilter.GaussianBlur(2.2))


def tiny_face() -> Picture:
    """A drawn face of few pixels with grain: something for a generative model to work out."""
    big = Image.new("RGB", (480, 480), (92, 120, 150))
    pen = ImageDraw.Draw(big)
    pen.ellipse((90, 60, 390, 440), fill=(236, 200, 172), outline=(120, 84, 60), width=6)
    pen.chord((84, 30, 396, 260), 180, 360, fill=(70, 46, 30))
    for x in (170, 310):
        pen.ellipse((x - 34, 210, x + 34, 256), fill=_PAPER, outline=_INK, width=4)
        pen.ellipse((x - 14, 216, x + 14, 248), fill=(60, 90, 70))
        pen.arc((x - 44, 176, x + 44, 230), 200, 340, fill=(70, 46, 30), width=9)
    pen.line([(240, 240), (224, 316), (256, 316)], fill=(170, 120, 92), width=6, joint="curve")
    pen.chord((178, 330, 302, 396), 0, 180, fill=(176, 60, 62))
    return _grain(big.resize((160, 160), Image.Resampling.LANCZOS), strength=18)


def _ring(x: float, y: float, side: int) -> int:
    return round(127.5 + 127.5 * math.cos(math.pi * (x * x + y * y) / side))


def _grain(picture: Picture, strength: int) -> Picture:
    chance = random.Random(_SEED)  # noqa: S311 (a drawing)
    noise = Image.new("L", picture.size)
    noise.putdata([128 + chance.randint(-strength, strength) for _ in range(picture.width * picture.height)])
    return ImageChops.add(picture, Image.merge("RGB", (noise, noise, noise)), scale=1, offset=-128)


SAMPLES = (
    Sample(
        "lettering.png", lettering, {"model": "Text Refine", "scale": "2", "label": "demo"},
        "small letters stay letters, hairlines stay one line",
    ),
    Sample(
        "edges/zone-plate.tiff", zone_plate, {"model": "High Fidelity V2", "scale": "2"},
        "rings stay rings to the rim, no coarse ghosts", {"compression": "tiff_lzw"},
    ),
    Sample(
        "gradients.jpg", gradients, {"scale": "3", "output_format": "png"},
        "ramps stay smooth, no bands; a jpeg in, a png out", {"quality": 90},
    ),
    Sample(
        "street.jpg", blurred_street, {"model": "Lens Blur V2", "strength": "0.8"},
        "signs and window frames come into focus at the same size", {"quality": 92},
    ),
    Sample(
        "portraits/tiny-face.png", tiny_face, {"model": "Redefine", "scale": "4", "creativity": "2"},
        "the face stays the same face, eyes and mouth keep clean edges",
    ),
    Sample(
        "typo.jpg", gradients, {"sclae": "2"},
        "rejected before any credit is spent: the tag is misspelt", {"quality": 90},
    ),
)  # fmt: skip
