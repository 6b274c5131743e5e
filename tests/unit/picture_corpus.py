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
from tests.unit.test_images_webp_gif import in_blocks, large_gif, whole_gif

SEEDS = range(10)
SECOND = ("small", "grey", "baseline")  # the sizes of second pictures: a thumbnail, a gain map, a preview


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


def index(first_size: int, second_size: int) -> bytes:
    """Return the APP2 segment of a Multi-Picture Format file whose index is its first segment (CIPA DC-007)."""
    header = b"MM\x00*" + struct.pack(">I", 8)
    entry = struct.pack(">HHII", 0xB002, 7, 32, 8 + 2 + 12 + 4)
    second_at = first_size - 10  # counted from this header, which stands 10 bytes behind the picture's beginning
    pictures = struct.pack(">III4x", 0x20030000, first_size, 0) + struct.pack(">III4x", 0, second_size, second_at)
    return jpeg_segment(0xE2, b"MPF\x00" + header + struct.pack(">H", 1) + entry + bytes(4) + pictures)


def container(second_size: int) -> bytes:
    """Return the APP1 segment with the container directory of a gain map."""
    item = f'<Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg" Item:Length="{second_size}"/>'
    return jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\x00<rdf:Seq>" + item.encode() + b"</rdf:Seq>")


def _phones(missing: bool, knows: bool, by_index: bool) -> Callable[[], Iterator[bytes]]:
    """Return pictures with a second one behind them, of which the metadata tell. If `missing`, the scan data of the first end too
    early; `knows` says whether the index still agrees with where the second one is."""

    def files() -> Iterator[bytes]:
        for whole in PICTURES.values():
            for seed in SEEDS:
                second = PICTURES[SECOND[seed % len(SECOND)]]
                lead = len(index(10, 0) if by_index else container(len(second)))
                first = _cut(whole, seed) if missing else whole
                told = lead + len(first if knows else whole)
                segment = index(told, len(second)) if by_index else container(len(second))
                yield first[:2] + segment + first[2:] + second

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


LIBTIFF = ("raw", "packbits", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "jpeg", "zstd", "lzma")
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
    Layout("JPEG and a second JPEG", True, _pairs(lambda seed: PICTURES[SECOND[seed % 3]], False)),
    Layout("cut JPEG and a second JPEG", False, _pairs(lambda seed: PICTURES[SECOND[seed % 3]], True)),
    Layout("JPEG with an index of a second JPEG", True, _phones(missing=False, knows=True, by_index=True)),
    Layout("cut JPEG with an index of a second JPEG", False, _phones(missing=True, knows=True, by_index=True)),
    Layout("cut JPEG with an old index of a second JPEG", False, _phones(missing=True, knows=False, by_index=True)),
    Layout("JPEG with a gain map in a container", True, _phones(missing=False, knows=True, by_index=False)),
    Layout("cut JPEG with a gain map in a container", False, _phones(missing=True, knows=True, by_index=False)),
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
    Layout("TIFF whose next directory is itself", True, _built(_next(struct.unpack_from("<I", page().data, 4)[0]))),
    Layout("TIFF as libtiff writes it", True, _built(*(_saved("TIFF", compression=name) for name in LIBTIFF))),
    Layout("TIFF with one strip without length", True, _built(*(_tiff(**ONE_STRIP, t279=c) for c in (None, (LONG, [0]))))),
    Layout("TIFF pyramid without flags", True, _built(_tiff((2, 2)))),
    Layout("TIFF of two pages", False, _built(_tiff((4, 4)), _saved("TIFF", 2))),
    Layout("camera raw", False, _built(*(_tiff(**tags) for tags in RAW))),
    Layout("TIFF of odd depth", False, _built(*(_tiff(t258=(SHORT, [bits] * 3)) for bits in (5, 12, 24, 32)))),
    Layout("TIFF of a compression nobody reads", False, _built(*(_tiff(t259=(SHORT, [code])) for code in (9, 32895, 65000)))),
    Layout("TIFF with strips shorter than rows", False, _built(_tiff(t279=(LONG, [20, 24])), _tiff(**FOUR))),
    Layout("WebP and GIF, still", True, _built(_saved("WEBP"), _saved("WEBP", lossless=True), _saved("GIF"))),
    Layout("WebP and GIF, animated", False, _built(_saved("WEBP", 3), _saved("GIF", 3))),
    Layout("GIF of more than 1 MiB", True, _built(whole_gif, lambda: in_blocks(whole_gif(), 254))),
    Layout("GIF of more than 1 MiB, cut or animated", False, _built(lambda: whole_gif()[:-300], lambda: large_gif(2))),
)  # fmt: skip
