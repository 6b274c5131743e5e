"""Reads the chunks of a PNG's head, and writes chunks of metadata. Section numbers are those of the PNG specification, third
edition."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator

from darkroom.images.metadata import iptc
from darkroom.images.metadata.blocks import GRAY, RGB, Blocks, Head, Piece, UnreadableMetadata
from darkroom.images.png import SIGNATURE
from darkroom.images.tiff_directories import EXIF_PREFIX
from darkroom.model import ImageFormat

XMP_KEYWORD = b"XML:com.adobe.xmp"  # XMP specification part 3, 1.1.5
RAW_PROFILE = b"Raw profile type "  # the prefix of ImageMagick's and exiftool's keywords
MAX_INFLATED = 256 * 1024  # our limit on one compressed text or profile
TEXTS = (b"tEXt", b"zTXt", b"iTXt")  # 11.3.3
# What changes how the pixels look (11.2, 11.3.2 and 11.3.4.3). All other chunks are metadata.
PICTURE = frozenset(
    {
        b"IHDR",
        b"PLTE",
        b"tRNS",
        b"cHRM",
        b"gAMA",
        b"iCCP",
        b"sBIT",
        b"sRGB",
        b"cICP",
        b"mDCV",
        b"cLLI",
        b"bKGD",
        b"hIST",
    }
    | {b"pHYs", b"acTL", b"fcTL"}
)
GRAY_TYPES = (0, 4)  # 11.2.1, table 12
# The blocks by the type of their chunk (11.3.2, 11.3.4.5; C2PA specification 2.1, appendix A), and by the keyword of their text
KINDS = {b"eXIf": "exif", b"iCCP": "icc", b"sRGB": "colour", b"cICP": "colour", b"caBX": "c2pa"}
KEYWORDS = {XMP_KEYWORD: "xmp"}
KEYWORDS |= {RAW_PROFILE + word: "exif" for word in (b"exif", b"APP1")}
KEYWORDS |= {RAW_PROFILE + word: "iptc" for word in (b"iptc", b"8bim")}


def read_head(data: bytes) -> Head:
    """Return the head of the PNG that begins with `data`. Raises UnreadableMetadata if it does not begin with a PNG's header."""
    pieces: list[Piece] = []
    end, is_complete = len(SIGNATURE), False
    for piece in _pieces(data):
        if piece.kind == b"IDAT":
            is_complete = True
            break
        pieces.append(piece)
        end += len(piece.data)
    if not pieces or pieces[0].kind != b"IHDR" or len(pieces[0].payload) != 13:
        raise UnreadableMetadata("a PNG does not begin with its header")
    width, height, _, colour_type = struct.unpack_from(">IIBB", pieces[0].payload)
    colour = GRAY if colour_type in GRAY_TYPES else RGB
    return Head(ImageFormat.PNG, _blocks(pieces), width, height, colour, tuple(pieces), end, is_complete)


def _pieces(data: bytes) -> Iterator[Piece]:
    """Yield the chunks, as far as they are whole, and at last the beginning of the first IDAT chunk."""
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if kind == b"IDAT":
            yield Piece(kind, b"", 0, 0)
            return
        if kind == b"IEND" or not kind.isalpha():
            raise UnreadableMetadata("a PNG chunk does not begin with a length and a type")
        if end > len(data):
            return
        yield Piece(kind, data[at:end], 8, 8 + length)
        at = end


def _blocks(pieces: Iterable[Piece]) -> Blocks:
    found: dict[str, Piece] = {}  # the first one of each block counts, and only that one is inflated
    for piece in pieces:
        name = _block_name(piece)
        found.setdefault("raw exif" if name == "exif" and piece.kind != b"eXIf" else name, piece)
    exif = found["exif"].payload.removeprefix(EXIF_PREFIX) if "exif" in found else b""
    if not exif and "raw exif" in found:
        profile = _raw_profile(_text(found["raw exif"]))
        exif = profile.removeprefix(EXIF_PREFIX) if profile.startswith(EXIF_PREFIX) else b""
    records = _records(_raw_profile(_text(found["iptc"]))) if "iptc" in found else b""
    icc = _inflated(found["icc"].payload.partition(b"\x00")[2][1:]) if "icc" in found else b""
    xmp = _text(found["xmp"]) if "xmp" in found else b""
    return Blocks(exif, xmp, (), records, icc, "icc" in found or "colour" in found, "c2pa" in found)


def _block_name(piece: Piece) -> str:
    """Return the name of the block that the chunk is; an empty text for any other chunk."""
    if piece.kind in TEXTS:
        return KEYWORDS.get(piece.payload[:80].partition(b"\x00")[0], "")
    return KINDS.get(piece.kind, "")


def _records(profile: bytes) -> bytes:
    try:
        return iptc.records_of(profile) if profile.startswith(iptc.RESOURCE) else iptc.carried(profile)
    except UnreadableMetadata:
        return b""


def _text(piece: Piece) -> bytes:
    """Return the text of a text chunk, inflated. A text that cannot be inflated is empty."""
    rest = piece.payload.partition(b"\x00")[2]
    if piece.kind == b"tEXt":
        return rest
    if piece.kind == b"zTXt":
        return _inflated(rest[1:])
    text = rest[2:].split(b"\x00", 2)[-1]
    return _inflated(text) if rest[:1] == b"\x01" else text


def _inflated(stream: bytes) -> bytes:
    """Return the inflated bytes; no bytes if they are damaged or more than MAX_INFLATED."""
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(stream, MAX_INFLATED)
    except zlib.error:
        return b""
    return data if inflater.eof else b""


def _raw_profile(text: bytes) -> bytes:
    """Return the bytes of a raw profile: an empty line, the name, the length, and lines of hexadecimal digits."""
    try:
        return bytes.fromhex(b"".join(text.split(b"\n")[3:]).decode("ascii"))
    except ValueError:
        return b""


def is_picture(piece: Piece) -> bool:
    """Return whether the chunk changes how the pixels look. All other chunks are metadata."""
    return piece.kind in PICTURE


def is_block(piece: Piece, name: str) -> bool:
    """Return whether the chunk is the block `exif`, `xmp`, `iptc` or `c2pa`."""
    return _block_name(piece) == name


def is_first(piece: Piece) -> bool:
    """Return whether the chunk must stay before the metadata (5.6)."""
    return piece.kind == b"IHDR"


def write_start() -> bytes:
    """Return the bytes before the first chunk."""
    return SIGNATURE


def write_exif(exif: bytes) -> bytes:
    """Return the chunk for an EXIF block (11.3.4.5)."""
    return _chunk(b"eXIf", exif)


def write_xmp(xmp: bytes, extended: Iterable[bytes]) -> bytes:
    """Return the chunk for an XMP packet. PNG has no place for its extension, so the packet must not name one."""
    return _chunk(b"iTXt", XMP_KEYWORD + bytes(5) + xmp)


def write_iptc(records: bytes) -> bytes:
    """Return the chunk for IPTC records: a raw profile, as ImageMagick and exiftool write and read it."""
    resources = iptc.resources_with(records)
    digits = resources.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    return _chunk(b"iTXt", RAW_PROFILE + b"iptc" + bytes(5) + f"\niptc\n{len(resources):8}\n{lines}\n".encode())


def write_icc(profile: bytes) -> bytes:
    """Return the chunk for a colour profile (11.3.2.3)."""
    return _chunk(b"iCCP", b"ICC profile" + bytes(2) + zlib.compress(profile))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
