"""Generates pictures as phones, cameras and unusual programs write them. Each layout has some files and says whether
Darkroom should accept them. docs/pictures.md shows how many files of each layout are accepted.
"""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from PIL import Image
from tests.unit.test_images_jpeg import EOI, REST, SOI, frame
from tests.unit.test_images_jpeg import segment as jpeg_segment
from tests.unit.test_images_png import END, PIXELS, chunk, header, png, raw_profile
from tests.unit.test_images_tiff import LONG, ONE_STRIP, SHORT, page
from tests.unit.test_images_trailers import PICTURES, scan_at

SEEDS = range(10)


@dataclass(frozen=True)
class Layout:
    """A kind of picture file. `is_right` says whether its files should be accepted."""

    name: str
    is_right: bool
    files: Callable[[], Iterator[bytes]]


def _cut(data: bytes, seed: int) -> bytes:
    return data[: random.Random(seed).randrange(scan_at(data) + 1, len(data) - 1)]


def _pairs(trailer: Callable[[int], bytes], is_cut: bool) -> Callable[[], Iterator[bytes]]:
    def files() -> Iterator[bytes]:
        for whole in PICTURES.values():
            for seed in SEEDS:
                yield (_cut(whole, seed) if is_cut else whole) + trailer(seed)

    return files


def _videos(seed: int) -> bytes:
    return b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isommp42" + random.Random(seed).randbytes(70_000 * (seed + 1))


def _built(*files: Callable[[], bytes | bytearray]) -> Callable[[], Iterator[bytes]]:
    return lambda: (bytes(make()) for make in files)


def _tiff(size: tuple[int, int] | None = None, **changes: tuple[int, list[int]] | None) -> Callable[[], bytearray]:
    def make() -> bytearray:
        built = page(**changes)
        if size is not None:
            built.directory({256: (SHORT, [size[0]]), 257: (SHORT, [size[1]])})
        return built.data

    return make


def _next(offset: int) -> Callable[[], bytearray]:
    def make() -> bytearray:
        built = page()
        built.patch(built.link, "I", offset)
        return built.data

    return make


def _saved(name: str, frames: int = 1, **options: object) -> Callable[[], bytes]:
    def make() -> bytes:
        out = io.BytesIO()
        images = [Image.effect_noise((90, 60), 50 + 9 * turn).convert("RGB") for turn in range(frames)]
        more = {"save_all": True, "append_images": images[1:]} if frames > 1 else {}
        images[0].save(out, name, **more, **options)
        return out.getvalue()

    return make


ANIMATION = chunk(b"acTL", struct.pack(">II", 1, 0)) + chunk(b"fcTL", bytes(26))
RAW = ({"t262": (SHORT, [32803])}, {"t262": (SHORT, [34892])}, {"t50706": (1, [1, 4, 0, 0])})
STILL_PNG = png(header(), PIXELS, END)
APP0 = SOI + jpeg_segment(0xE0)
APP2 = jpeg_segment(0xE2, bytes(65_533))
FOUR = {"t258": (SHORT, [8] * 4), "t277": (SHORT, [4]), "t279": (LONG, [24, 24])}

LAYOUTS = (
    Layout("JPEG, whole", True, lambda: iter(PICTURES.values())),
    Layout("JPEG, cut", False, _pairs(lambda seed: b"", True)),
    Layout("JPEG and a video", True, _pairs(_videos, False)),
    Layout("cut JPEG and a video", False, _pairs(_videos, True)),
    Layout("JPEG and 256 KiB of zeroes", True, _pairs(lambda seed: bytes(2**18), False)),
    Layout("cut JPEG and 256 KiB of zeroes", False, _pairs(lambda seed: bytes(2**18), True)),
    Layout("JPEG, second JPEG and maker's record", True, _pairs(lambda seed: PICTURES["small"] + _videos(1), False)),
    Layout("JPEG with 64 to 400 APP segments", True, _built(*(lambda n=n: SOI + APP2 * n + frame() + REST for n in (64, 400)))),
    Layout("JPEG with up to 16 stray bytes", True, _built(*(lambda n=n: APP0 + bytes(n) + frame() + REST for n in (1, 16)))),
    Layout("JPEG with 2 KB of fill bytes", True, _built(lambda: SOI + b"\xff" * 2000 + frame() + REST)),
    Layout("JPEG of 12 bits", False, _built(lambda: SOI + frame(0xC1, precision=12) + REST)),
    Layout("JPEG without scan", False, _built(lambda: SOI + frame() + EOI)),
    Layout("PNG with 100 chunks of 20 KB", True, _built(lambda: png(header(), chunk(b"tEXt", bytes(20_000)) * 100, PIXELS, END))),
    Layout("PNG and 70 KB to 700 KB of anything", True, lambda: (STILL_PNG + _videos(seed) for seed in SEEDS)),
    Layout("PNG animation of one frame", True, _built(lambda: png(header(), ANIMATION, PIXELS, END))),
    Layout("PNG animation of more frames", False, _built(_saved("PNG", 2))),
    Layout("PNG with an old raw profile", True, _built(lambda: png(header(), raw_profile(b"zTXt"), PIXELS, END))),
    Layout("TIFF whose next directory is missing or past the end", True, _built(_next(2**31), lambda: page().data[:-4])),
    Layout("TIFF with one strip without length", True, _built(*(_tiff(**ONE_STRIP, t279=c) for c in (None, (LONG, [0]))))),
    Layout("TIFF pyramid without flags", True, _built(_tiff((2, 2)))),
    Layout("TIFF of two pages", False, _built(_tiff((4, 4)), _saved("TIFF", 2))),
    Layout("camera raw", False, _built(*(_tiff(**tags) for tags in RAW))),
    Layout("TIFF of odd depth", False, _built(*(_tiff(t258=(SHORT, [bits] * 3)) for bits in (5, 12, 24, 32)))),
    Layout("TIFF of a compression nobody reads", False, _built(*(_tiff(t259=(SHORT, [code])) for code in (9, 32895, 65000)))),
    Layout("TIFF with strips shorter than rows", False, _built(_tiff(t279=(LONG, [20, 24])), _tiff(**FOUR))),
    Layout("WebP and GIF, still", True, _built(_saved("WEBP"), _saved("WEBP", lossless=True), _saved("GIF"))),
    Layout("WebP and GIF, animated", False, _built(_saved("WEBP", 3), _saved("GIF", 3))),
)  # fmt: skip
