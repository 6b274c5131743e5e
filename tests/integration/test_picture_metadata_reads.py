"""What is read of a source and of its result for the result's metadata, what is kept or cut off, and what the notes say."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from PIL import Image
from tests.fakes import tagged_pictures as pictures
from tests.fakes.application import picture
from tests.fakes.tagged_pictures import AUTHOR, ORIENTATION, PLACE
from tests.rows import each_row

from darkroom.errors import SourceDenied, SourceGone
from darkroom.images import metadata
from darkroom.model import ImageFormat, Job, JobStatus, SourceObject
from darkroom.pipeline.picture_metadata import (
    FIRST_READ_BYTES,
    GONE,
    NOT_FOR_TIFF,
    UNREADABLE,
    PictureMetadata,
    Spliced,
)

NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
ARTIST = 0x013B
PLAIN = pictures.plain()
FILLING = pictures.segment(0xEF, bytes(60_000)) * 2  # two segments of an application, longer than what is read at first


@dataclass
class Shelf:
    """A file in memory, both as the source of a job and as a result. `asked` has each range that was read. A range that is
    empty, or that ends behind the file, is an error."""

    body: bytes
    fault: Exception | None = None
    asked: list[tuple[int, int]] = field(default_factory=list)
    has_parts: bool = False

    @property
    def size_bytes(self) -> int:
        return len(self.body)

    def reader(self, source: SourceObject) -> Callable[[int, int], bytes]:
        return self.read

    def read(self, offset: int, length: int) -> bytes:
        self.asked.append((offset, length))
        if self.fault is not None:
            raise self.fault
        assert 0 <= offset < offset + length <= len(self.body)
        return self.body[offset : offset + length]


def spliced(
    source: Shelf | None, result: Shelf, form: ImageFormat = ImageFormat.JPEG, keep: str = "all"
) -> tuple[Spliced, bytes]:
    """Return what is published for a result, with its bytes."""
    job = Job(
        job_id="a" * 32, run=1, attempt=1, status=JobStatus.PROCESSING, source_bucket="in", source_key="a.jpg",
        source_version=None, source_order="1", created_at=NOW, deadline_at=NOW + timedelta(days=1), provider="topaz",
        settings={"keep_metadata": keep},
    )  # fmt: skip
    of = None if source is None else SourceObject("in", "a.jpg", "v1", "e", len(source.body), NOW)
    made = PictureMetadata(sources=source or Shelf(b""))(job, of, result, form)
    return made, made.link.read(0, made.link.size_bytes)


def exif_of(body: bytes) -> Image.Exif:
    return Image.open(io.BytesIO(body)).getexif()


# --- what is read of the source


def test_a_source_without_metadata_costs_no_read_of_the_result() -> None:
    source, result = Shelf(PLAIN), Shelf(PLAIN)
    made, _ = spliced(source, result)
    assert (made.link is result, made.notes, source.asked) == (True, (), [(0, len(PLAIN))])
    assert result.asked == [(0, len(PLAIN))]  # only by this test


def test_an_upright_source_gives_its_metadata() -> None:
    assert exif_of(spliced(Shelf(pictures.tagged_jpeg(1)), Shelf(PLAIN))[1])[ARTIST] == AUTHOR


def test_of_a_large_source_only_the_beginning_is_read() -> None:
    source = Shelf(pictures.tagged_jpeg(1) + bytes(FIRST_READ_BYTES))
    assert exif_of(spliced(source, Shelf(PLAIN))[1])[ARTIST] == AUTHOR
    assert source.asked == [(0, FIRST_READ_BYTES)]


def test_a_source_with_a_long_head_is_read_further() -> None:
    tagged = pictures.tagged_jpeg(1)
    source = Shelf(tagged[:2] + FILLING + tagged[2:])
    assert exif_of(spliced(source, Shelf(PLAIN))[1])[ARTIST] == AUTHOR
    assert source.asked == [(0, FIRST_READ_BYTES), (FIRST_READ_BYTES, len(source.body) - FIRST_READ_BYTES)]


def test_a_source_that_ends_in_its_head_is_read_once() -> None:
    source = Shelf(pictures.tagged_jpeg(1)[:-700])
    assert metadata.read_source(source.body).is_complete is False  # type: ignore[union-attr]
    made, body = spliced(source, Shelf(PLAIN))
    assert (source.asked, UNREADABLE in made.notes) == ([(0, len(source.body))], False)
    assert exif_of(body)[ARTIST] == AUTHOR


@pytest.mark.parametrize(("size", "orientation"), [((60, 40), 6), ((40, 60), None)], ids=["as stored", "turned"])
def test_the_orientation_of_a_source_in_another_format_is_kept(size: tuple[int, int], orientation: int | None) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    source = Shelf(pictures.plain("WEBP", exif=exif.tobytes()))  # stored 60×40, displayed 40×60
    made, body = spliced(source, Shelf(pictures.plain(size=size)))
    assert (made.notes, exif_of(body).get(ORIENTATION)) == ((), orientation)


@each_row(("fault", "note"), [(SourceGone("404"), GONE), (SourceDenied("403"), GONE), (ValueError("odd"), UNREADABLE)])
def test_a_source_that_cannot_be_read_does_not_keep_secrets_in_the_result(fault: Exception, note: str) -> None:
    result = Shelf(pictures.tagged_jpeg(1))
    made, body = spliced(Shelf(PLAIN, fault), result, keep="none")
    assert (made.notes, PLACE.encode() in result.body, PLACE.encode() in body) == ((note,), True, False)


# --- what is read of the result, and what is cut off


def test_a_result_with_a_long_head_keeps_all_of_it() -> None:
    result = Shelf(PLAIN[:2] + FILLING + PLAIN[2:])
    made, body = spliced(Shelf(pictures.tagged_jpeg(1)), result)
    assert (made.notes, exif_of(body)[ARTIST]) == ((), AUTHOR)
    assert body.endswith(PLAIN[20:])
    assert FILLING in body


def test_a_result_that_is_no_picture_stays_as_it_is_and_all_faults_are_noted() -> None:
    for body in (b"no picture at all", PLAIN[:2] + b"\xff\xe1\x00\x00" + PLAIN[2:]):
        made, left = spliced(None, Shelf(body), keep="none")
        assert (made.notes, left) == ((GONE, UNREADABLE), body)


@each_row(("keep", "is_cut"), [("all", False), ("none", True)])
@each_row("source", [PLAIN, pictures.tagged_jpeg(1)], ids=["plain", "tagged"])
def test_what_stands_behind_the_pixels_is_cut_off_if_the_setting_says_so(
    source: bytes, keep: str, is_cut: bool
) -> None:
    behind = b"taken at " + PLACE.encode()
    made, body = spliced(Shelf(source), Shelf(PLAIN + behind), keep=keep)
    assert (made.notes, body.endswith(behind), body.endswith(PLAIN[-300:])) == ((), not is_cut, is_cut)


def test_of_a_large_result_only_its_beginning_and_its_end_are_read() -> None:
    body = picture(600, 400, noise=99)
    assert len(body) > 2 * FIRST_READ_BYTES
    result = Shelf(body)
    made, published = spliced(Shelf(pictures.tagged_jpeg(1)), result, keep="none")
    begin, end, *_ = result.asked
    assert (begin, end) == ((0, FIRST_READ_BYTES), (len(body) - metadata.TAIL_BYTES, metadata.TAIL_BYTES))
    assert (made.notes, Image.open(io.BytesIO(published)).size) == ((), (600, 400))


# --- notes


@each_row(
    ("source", "keep", "notes"),
    [
        (None, "all", (GONE,)),
        (Shelf(PLAIN), "all", ()),
        (Shelf(PLAIN), "none", (NOT_FOR_TIFF,)),
        (Shelf(pictures.tagged_jpeg(1)), "all", (NOT_FOR_TIFF,)),
        (Shelf(pictures.tagged_jpeg(2)), "all", (metadata.ORIENTATION_ASSUMED, NOT_FOR_TIFF)),
    ],
)
def test_a_tiff_says_what_it_lacks(source: Shelf | None, keep: str, notes: tuple[str, ...]) -> None:
    result = Shelf(pictures.plain("TIFF"))
    assert spliced(source, result, ImageFormat.TIFF, keep) == (Spliced(result, notes), result.body)


def test_a_source_that_is_gone_is_not_assumed_to_be_turned() -> None:
    assert spliced(None, Shelf(PLAIN), keep="none")[0].notes == (GONE,)
