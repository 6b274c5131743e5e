"""The data types of metadata: the blocks of a picture, the head of a file, and a source. This module must not parse bytes."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.model import ImageFormat

RGB, GRAY, CMYK = b"RGB ", b"GRAY", b"CMYK"  # ICC.1:2022, table 19


class UnreadableMetadata(ValueError):
    """A block breaks the rules of its format. The picture is published without the block."""


class OversizedMetadata(UnreadableMetadata):
    """A block does not fit into the place where it must go. The picture is published without the block."""


@dataclass(frozen=True)
class Blocks:
    """The metadata of one file. A block that the file does not have is empty."""

    exif: bytes = b""  # the TIFF structure, without the prefix `Exif`
    xmp: bytes = b""  # the packet
    extended_xmp: tuple[bytes, ...] = ()  # the payloads of a JPEG's segments; empty unless they are complete
    iptc: bytes = b""  # the IIM records
    icc: bytes = b""  # the profile
    has_colour: bool = False  # true if the file says what its colours mean, with a profile or in another way
    has_c2pa: bool = False  # true if the file has a manifest of the C2PA


@dataclass(frozen=True)
class Piece:
    """One segment of a JPEG or one chunk of a PNG, as it stands in the file. `kind` is the marker or the chunk's type."""

    kind: bytes
    data: bytes  # the whole piece, with its marker or length
    payload_at: int  # the offset of the payload in `data`
    payload_end: int

    @property
    def payload(self) -> bytes:
        """The bytes between the piece's header and its end."""
        return self.data[self.payload_at : self.payload_end]


@dataclass(frozen=True)
class Head:
    """The beginning of a JPEG or PNG, up to the scan or the first IDAT chunk."""

    format: ImageFormat
    blocks: Blocks
    width: int  # of the stored pixels; 0 if the head ends before the size
    height: int
    colour: bytes  # the colour space of the samples, in ICC's words
    pieces: tuple[Piece, ...]
    end: int  # the offset of the scan or of the first IDAT chunk; only meaningful if the head is complete
    is_complete: bool  # false if the given bytes end before the pixels


@dataclass(frozen=True)
class Source:
    """What a result may take over from its source."""

    blocks: Blocks
    orientation: int  # 1 to 8, EXIF 2.32, 4.6.4 A
    width: int  # of the stored pixels; 0 if it is not known
    height: int
    is_complete: bool = True  # false if the metadata are longer than the part of the file that was read
