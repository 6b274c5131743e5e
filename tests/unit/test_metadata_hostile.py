"""Tests that damaged and hostile metadata raise nothing, do not grow, and leave the pixels alone."""

from __future__ import annotations

import io
import itertools
import struct
import warnings
import zlib

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.fakes import tagged_pictures as pictures
from tests.rows import each_row

from darkroom.images import metadata
from darkroom.model import IccRule, KeepMetadata

SOURCES = (pictures.tagged_jpeg(6, profile=pictures.wide_gamut()), pictures.tagged_png())
RESULTS = (pictures.plain("JPEG", (80, 120)), pictures.plain("PNG", (80, 120)))
WAYS = list(itertools.product(RESULTS, KeepMetadata, IccRule))
MOST = metadata.MAX_HEAD_BYTES + 64 * 1024
EMPTY = metadata.Source(metadata.Blocks(), 1, 0, 0)


def read_source(data: bytes) -> metadata.Source:
    try:
        return metadata.read_source(data) or EMPTY
    except metadata.UnreadableMetadata:
        return EMPTY


def publish(source: metadata.Source, result: bytes, keep: KeepMetadata, rule: IccRule) -> metadata.NewHead:
    """Make the new head, and check that the published file is the vendor's picture and not much longer."""
    head = metadata.read_head(result)
    assert head is not None
    new = metadata.new_head(source, head, keep=keep, icc_rule=rule, turns=True)
    if new.data is not None:
        assert len(new.data) <= len(result) + MOST
        written = metadata.read_head(new.data + result[new.cut :])
        assert written is not None
        assert (written.width, written.height, written.is_complete) == (head.width, head.height, True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, about odd values of tags
            published = Image.open(io.BytesIO(new.data + result[new.cut :]))
            assert published.tobytes() == Image.open(io.BytesIO(result)).tobytes()
    return new


def damaged(data: bytes, changes: list[tuple[int, bytes]], cut: int) -> bytes:
    changed = bytearray(data)
    for at, piece in changes:
        at %= len(data)
        changed[at : at + len(piece)] = piece
    return bytes(changed[: len(data) - cut % len(data)])


CHANGES = st.lists(st.tuples(st.integers(2, 1400), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6)


@given(st.sampled_from(SOURCES), CHANGES, st.integers(0, 300), st.sampled_from(WAYS))
def test_a_damaged_source_costs_no_picture(
    source: bytes, changes: list[tuple[int, bytes]], cut: int, way: tuple[bytes, KeepMetadata, IccRule]
) -> None:
    publish(read_source(damaged(source, changes, cut)), *way)


BLOCKS = {"exif": pictures.exif(), "xmp": pictures.XMP, "iptc": pictures.IPTC, "icc": pictures.wide_gamut()}


@given(st.sampled_from(sorted(BLOCKS)), CHANGES, st.integers(0, 300), st.sampled_from(WAYS), st.integers(1, 8))
def test_each_damaged_block_is_left_out_or_carried(
    name: str,
    changes: list[tuple[int, bytes]],
    cut: int,
    way: tuple[bytes, KeepMetadata, IccRule],
    orientation: int,
) -> None:
    blocks = metadata.Blocks(**{name: damaged(BLOCKS[name], changes, cut)})
    publish(metadata.Source(blocks, orientation, 60, 40), *way)


@given(st.sampled_from(sorted(BLOCKS)), st.binary(max_size=200), st.sampled_from(WAYS))
def test_blocks_of_any_bytes_cost_no_picture(name: str, data: bytes, way: tuple[bytes, KeepMetadata, IccRule]) -> None:
    publish(metadata.Source(metadata.Blocks(**{name: data}), 1, 60, 40), *way)


def rdf(inside: str, before: str = "") -> bytes:
    names = 'xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    return f"{before}<r:RDF {names}><r:Description>{inside}</r:Description></r:RDF>".encode()


BOMB = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
HOSTILE = {
    "10,000 tags": {"exif": b"II*\0\x08\0\0\0" + struct.pack("<H", 10_000) + bytes(12) * 5_000},
    "a directory that is its own thumbnail": {"exif": b"II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 274, 3, 1, 6, 8)},
    "a value at the end of the numbers": {
        "exif": b"II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 0x8769, 4, 1, 2**32 - 1, 0)
    },
    "nested XMP": {"xmp": rdf("<dc:a>" * 20_000 + "</dc:a>" * 20_000)},
    "entities": {"xmp": rdf("<dc:rights>&a11;</dc:rights>", f'<!DOCTYPE x [<!ENTITY a0 "aaaaaaaaaa">{BOMB}]>')},
    "text that grows when it is escaped": {"xmp": rdf(f"<dc:rights><![CDATA[{'<' * 60_000}]]></dc:rights>")},
    "a file of another machine": {
        "xmp": rdf("<dc:rights>&x;</dc:rights>", '<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/hostname">]>')
    },
    "an IPTC record that is too long": {"iptc": b"\x1c\x02\x50\x7f\xff" + bytes(10)},
    "an IPTC record of the long form": {"iptc": b"\x1c\x02\x50\x80\x04\xff\xff\xff\xff" + bytes(10)},
}


@each_row("name", HOSTILE)
@each_row(("result", "keep"), list(itertools.product(RESULTS, KeepMetadata)))
def test_hostile_blocks_are_left_out(name: str, result: bytes, keep: KeepMetadata) -> None:
    source = metadata.Source(metadata.Blocks(**HOSTILE[name]), 1, 60, 40)  # type: ignore[arg-type]
    new = publish(source, result, keep, IccRule.AUTO)
    assert new.data is None or len(new.data) < len(result) + 1000
    if keep is KeepMetadata.ALL and "thumbnail" not in name:
        assert new.notes[0] in ("metadata=unreadable", "metadata=oversized")


def test_a_block_of_the_source_that_fits_nowhere_is_noted() -> None:
    source = metadata.Source(metadata.Blocks(xmp=rdf(f"<dc:rights>{'x' * 70_000}</dc:rights>")), 1, 60, 40)
    assert publish(source, RESULTS[0], KeepMetadata.ALL, IccRule.AUTO).notes == ("metadata=oversized",)
    assert publish(source, RESULTS[1], KeepMetadata.ALL, IccRule.AUTO).notes == ()


def test_many_compressed_texts_are_inflated_once_each() -> None:
    bomb = pictures.chunk(b"zTXt", b"XML:com.adobe.xmp\0\0" + zlib.compress(bytes(10_000_000)))
    plain = pictures.plain("PNG")
    source = metadata.read_source(plain[:33] + bomb * 20 + plain[33:])
    assert source is not None
    assert source.blocks.xmp == b""


SECRET = f"<dc:creator>{pictures.AUTHOR}<dc:x>{pictures.PERSON}</dc:x></dc:creator>"
PLACES = {
    "inside of a kept property": rdf(SECRET),
    "an element between RDF and property": rdf(SECRET).replace(b"r:Description", b"dc:creator"),
    "a name of a namespace": rdf(f'<q:x xmlns:q="{pictures.SERIAL}"/>{SECRET}'),
    "text between the properties": rdf(f"{pictures.PERSON}{SECRET}{pictures.CITY}"),
    "a comment": rdf(f"<!-- {pictures.PERSON} -->{SECRET}<?pi {pictures.SERIAL}?>"),
    "an attribute": rdf(f'<dc:rights dc:place="{pictures.PLACE}">x</dc:rights>'),
}


@each_row("place", PLACES)
def test_copyright_leaves_out_names_in_odd_places(place: str) -> None:
    source = metadata.Source(metadata.Blocks(xmp=PLACES[place]), 1, 60, 40)
    new = publish(source, RESULTS[0], KeepMetadata.COPYRIGHT, IccRule.AUTO)
    assert [secret for secret in pictures.SECRETS if secret.encode() in (new.data or b"")] == []


def test_a_text_whose_length_lies_takes_no_coordinates_along() -> None:
    block = bytearray(pictures.exif())
    at = block.index(struct.pack("<HH", 0x013B, 2))
    block[at + 4 : at + 8] = struct.pack("<I", 400)
    source = metadata.Source(metadata.Blocks(exif=bytes(block)), 1, 60, 40)
    new = publish(source, RESULTS[0], KeepMetadata.COPYRIGHT, IccRule.AUTO)
    assert new.data is not None
    assert 0x013B not in Image.open(io.BytesIO(new.data + RESULTS[0][new.cut :])).getexif()
    assert struct.pack("<I", 60123456) not in new.data
