"""Makes the pictures that tests send. Noise cannot be compressed, so its result is longer than the first read of a link."""

from __future__ import annotations

import io
import random
from functools import cache

from PIL import Image


@cache
def noise(side: int) -> bytes:
    """Return a PNG with random pixels. Each side has `side` pixels."""
    buffer = io.BytesIO()
    Image.frombytes("RGB", (side, side), random.Random(7).randbytes(side * side * 3)).save(buffer, "PNG")
    return buffer.getvalue()


@cache
def drawn(width: int, height: int) -> bytes:
    """Return a PNG of this size whose left half is transparent."""
    image = Image.linear_gradient("L").resize((width, height)).convert("RGBA")
    image.paste((10, 20, 30, 0), (0, 0, width // 2, height))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def opened(content: bytes) -> Image.Image:
    """Return the decoded picture."""
    image = Image.open(io.BytesIO(content))
    image.load()
    return image
