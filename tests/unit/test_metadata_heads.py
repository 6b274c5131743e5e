"""Tests which metadata the new head of a result has. Pillow reads what the head says, and decodes the pixels."""

from __future__ import annotations

import io
import itertools

from PIL import Image, ImageOps, IptcImagePlugin
from tests.fakes import tagged_pictures as pictures
from tests.fakes.tagged_pictures import AUTHOR, CREDIT, ORIENTATION, RIGHTS, SECRETS
from tests.rows import each_row

from darkroom.images import metadata
from darkroom.model import IccRule, KeepMetadata

ALL, COPYRIGHT, NONE = KeepMetadata
SOURCES = {"JPEG": pictures.tagged_jpeg(), "PNG": pictures.tagged_png(), "big endian": pictures.tagged_jpeg(order=">")}
FORMS = ("JPEG", "PNG")


def spliced(
    source: bytes,
    result: bytes,
    keep: KeepMetadata = ALL,
    icc: IccRule = IccRule.AUTO,
    *,
    turns: bool = True,
) -> tuple[bytes, tuple[str, ...]]:
    """Return the published file and its notes."""
    given, head = metadata.read_source(source), metadata.read_head(result)
    assert given
    assert head
    new = metadata.new_head(given, head, keep=keep, icc_rule=icc, turns=turns)
    return (result if new.data is None else new.data + result[new.cut :]), new.notes


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def assert_same_pixels(published: bytes, result: bytes) -> None:
    """Check that the scan is the vendor's, byte for byte, and decodes to the vendor's pixels."""
    mark = b"\xff\xda" if result.startswith(b"\xff\xd8") else b"IDAT"
    assert published[published.rindex(mark) :] == result[result.rindex(mark) :]
    assert opened(published).tobytes() == opened(result).tobytes()


def iptc_of(data: bytes, form: str) -> dict[tuple[int, int], bytes]:
    if form == "JPEG":
        return IptcImagePlugin.getiptcinfo(opened(data)) or {}
    text = opened(data).text.get("Raw profile type iptc", "")
    raw = bytes.fromhex("".join(text.split("\n")[3:]))
    found = IptcImagePlugin.getiptcinfo(
        opened(pictures.plain()[:2] + pictures.segment(0xED, b"Photoshop 3.0\0" + raw) + pictures.plain()[2:])
    )
    return found or {}


@each_row(("source", "form"), list(itertools.product(SOURCES, FORMS)))
def test_all_blocks_of_the_source_are_kept(source: str, form: str) -> None:
    result = pictures.plain(form, (80, 120))
    published, notes = spliced(SOURCES[source], result)
    assert notes == ()
    assert_same_pixels(published, result)
    exif = opened(published).getexif()
    assert (exif[ORIENTATION], exif[0x013B], exif[0x8298]) == (1, AUTHOR, RIGHTS)
    details = exif.get_ifd(0x8769)
    assert (details[0xA002], details[0xA003], details[0x927C][:10]) == (80, 120, b"maker note")
    assert exif.get_ifd(0x8825)[2][0] == 60123456
    assert exif.get_ifd(1) == {}
    xmp = opened(published).info["xmp"]
    assert b'tiff:Orientation="1"' in xmp
    assert b"<exif:PixelXDimension>80<" in xmp
    assert b"tree &amp; sea" in xmp
    assert b"HasExtendedXMP" not in xmp
    assert iptc_of(published, form)[2, 110] == CREDIT.encode()


def test_the_thumbnail_is_cut_off() -> None:
    published, _ = spliced(SOURCES["JPEG"], pictures.plain(size=(80, 120)))
    assert pictures.small_jpeg((16, 12))[-40:] not in published
    assert len(published) < len(pictures.plain(size=(80, 120))) + len(pictures.exif()) + len(pictures.XMP) + 700


@each_row(("source", "form"), list(itertools.product(SOURCES, FORMS)))
def test_copyright_keeps_authors_rights_credits_and_dates_alone(source: str, form: str) -> None:
    result = pictures.plain(form, (80, 120))
    published, notes = spliced(SOURCES[source], result, COPYRIGHT)
    assert notes == ()
    assert_same_pixels(published, result)
    exif = opened(published).getexif()
    assert (set(exif), exif[0x013B], exif[0x8298]) == ({0x013B, 0x8298, 0x8769}, AUTHOR, RIGHTS)
    assert exif.get_ifd(0x8769) == {0x9003: pictures.DATE}
    xmp = opened(published).info["xmp"].decode()
    assert AUTHOR in xmp
    assert RIGHTS in xmp
    assert CREDIT in xmp
    assert set(iptc_of(published, form)) == {(2, 80), (2, 110), (2, 116)}
    assert secrets_in(published) == []


@each_row(("source", "form"), list(itertools.product(SOURCES, FORMS)))
def test_none_keeps_nothing(source: str, form: str) -> None:
    result = pictures.plain(form, (80, 120))
    published, notes = spliced(SOURCES[source], result, NONE)
    assert (published, notes) == (result, ())


@each_row("keep", [COPYRIGHT, NONE])
@each_row("form", FORMS)
def test_what_the_vendor_left_in_is_filtered_too(form: str, keep: KeepMetadata) -> None:
    comment = pictures.segment(0xFE, pictures.PERSON.encode()) + pictures.segment(0xE5, pictures.SERIAL.encode())
    left_in = pictures.tagged_jpeg(6, more=comment) if form == "JPEG" else pictures.tagged_png(6)
    published, _ = spliced(pictures.tagged_jpeg(6), left_in, keep)
    assert_same_pixels(published, left_in)
    assert opened(published).getexif()[ORIENTATION] == 6  # the vendor's own tag wins
    assert secrets_in(published) == []
    assert (AUTHOR.encode() in published) == (keep is COPYRIGHT)


def secrets_in(data: bytes) -> list[str]:
    number = (60123456).to_bytes(4, "little"), (60123456).to_bytes(4, "big")
    texts = [text for text in SECRETS if text.encode() in data or text.encode().hex().encode() in data]
    return texts + ["coordinate" for pattern in number if pattern in data]


@each_row("form", FORMS)
def test_a_block_of_the_vendor_stays(form: str) -> None:
    own = Image.Exif()
    own[0x013B] = "the vendor"
    result = pictures.plain(form, (80, 120), exif=own)
    published, _ = spliced(SOURCES["JPEG"], result)
    assert opened(published).getexif()[0x013B] == "the vendor"
    assert b"tree &amp; sea" in published


@each_row("form", FORMS)
@each_row("orientation", [1, 6])
def test_a_block_that_encoders_write_by_themselves_gives_way(form: str, orientation: int) -> None:
    own = Image.Exif()
    own[0x0131], own[0x011A], own[ORIENTATION] = "an encoder", 72.0, orientation
    own.get_ifd(0x8769)[0xA001] = 1
    published, notes = spliced(SOURCES["JPEG"], pictures.plain(form, (80, 120), exif=own))
    exif = opened(published).getexif()
    assert (exif[0x013B], exif[ORIENTATION], notes) == (AUTHOR, orientation, ())


SIDES = {"turned": (80, 120), "ignored": (120, 80)}


@each_row("keep", [ALL, COPYRIGHT, NONE])
@each_row("form", FORMS)
@each_row("turns", [True, False])
@each_row(("orientation", "vendor"), list(itertools.product((5, 6, 7, 8), SIDES)))
def test_the_sides_show_whether_the_vendor_turned_the_pixels(
    orientation: int, vendor: str, turns: bool, form: str, keep: KeepMetadata
) -> None:
    result = pictures.plain(form, SIDES[vendor])
    published, notes = spliced(pictures.tagged_jpeg(orientation), result, keep, turns=turns)
    expected = orientation if vendor == "ignored" else 1
    assert opened(published).getexif().get(ORIENTATION, 1) == expected
    assert (ImageOps.exif_transpose(opened(published)).size, notes) == ((80, 120), ())


@each_row("turns", [True, False])
@each_row(("orientation", "side"), [(2, 60), (3, 60), (4, 60), (6, 40), (8, 40)])
def test_where_the_sides_show_nothing_the_catalog_decides_and_a_note_says_so(
    orientation: int, side: int, turns: bool
) -> None:
    source = pictures.tagged_jpeg(orientation, (side, 40))
    published, notes = spliced(source, pictures.plain(size=(side * 2, 80)), NONE, turns=turns)
    assert opened(published).getexif().get(ORIENTATION, 1) == (1 if turns else orientation)
    assert notes == ("orientation=assumed",)


def test_the_colours_of_a_source_are_lost_or_attached() -> None:
    source, result = pictures.tagged_jpeg(1, profile=pictures.wide_gamut()), pictures.plain()
    published, notes = spliced(source, result)
    assert ("icc_profile" in opened(published).info, notes) == (False, ("icc=lost",))
    for form in FORMS:
        published, notes = spliced(source, pictures.plain(form), NONE, IccRule.KEEP)
        assert (opened(published).info["icc_profile"], notes) == (pictures.wide_gamut(), ("icc=source",))


def test_a_profile_of_the_result_stays() -> None:
    source, own = (
        pictures.tagged_jpeg(1, profile=pictures.wide_gamut()),
        pictures.wide_gamut().replace(b"wide", b"owns"),
    )
    for keep, rule in itertools.product(KeepMetadata, IccRule):
        published, notes = spliced(source, pictures.plain(icc_profile=own), keep, rule)
        assert (opened(published).info["icc_profile"], notes) == (own, ())


def test_a_profile_for_other_samples_is_not_attached() -> None:
    source = pictures.tagged_jpeg(1, profile=pictures.wide_gamut())
    out = io.BytesIO()
    Image.new("L", (60, 40)).save(out, "JPEG")
    assert spliced(source, out.getvalue(), NONE, IccRule.KEEP) == (out.getvalue(), ("icc=lost",))


def test_a_manifest_of_the_source_is_not_copied() -> None:
    manifest = pictures.segment(0xEB, b"JP\0\1\0\0\0\1\0\0\0\x20jumbc2pa secret manifest")
    published, notes = spliced(pictures.tagged_jpeg(more=manifest), pictures.plain(size=(80, 120)))
    assert (b"secret manifest" in published, notes) == (False, ("c2pa=dropped",))


def test_a_signed_result_stays_as_it_is_unless_it_must_change() -> None:
    signed = pictures.plain(size=(80, 120))
    signed = signed[:2] + pictures.segment(0xEB, b"JP\0\1\0\0\0\1\0\0\0\x20jumbc2pa signature") + signed[2:]
    assert spliced(SOURCES["JPEG"], signed) == (signed, ("metadata=signed",))
    published, notes = spliced(SOURCES["JPEG"], signed, NONE)
    assert (b"jumbc2pa" in published, notes) == (False, ("c2pa=dropped",))


@each_row("whole", [True, False])
def test_extended_xmp_is_kept_whole_or_dropped_whole(whole: bool) -> None:
    def part(offset: int, data: bytes) -> bytes:
        numbers = (6).to_bytes(4, "big") + offset.to_bytes(4, "big")
        return pictures.segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"A" * 32 + numbers + data)

    source = pictures.tagged_jpeg(more=part(0, b"one") + (part(3, b"two") if whole else b""))
    published, _ = spliced(source, pictures.plain(size=(80, 120)))
    assert (b"HasExtendedXMP" in published, b"xmp/extension/" in published) == (whole, whole)
