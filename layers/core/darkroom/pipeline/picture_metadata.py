"""Gives a result the metadata, the orientation and the colour profile of its source. No failure here prevents a result."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from darkroom import images
from darkroom.errors import ResultNotReady, SourceDenied, SourceGone
from darkroom.images import metadata
from darkroom.model import IccRule, ImageFormat, Job, KeepMetadata, SourceObject
from darkroom.pipeline.spliced_result import SplicedResult
from darkroom.ports import InputBucket, ResultLink

FIRST_READ_BYTES = 64 * 1024  # most heads are shorter
MAX_RESULT_HEAD_BYTES = 1024 * 1024  # a provider's head that is longer stays as it is
GONE, UNREADABLE = "metadata=source-gone", metadata.UNREADABLE
BEHIND_PIXELS = "metadata=behind-pixels"  # other pictures or a video stand behind the pixels, and stay there
NOT_FOR_TIFF = "metadata=not-for-tiff"  # a TIFF result gets no metadata, and keeps its own
FORMATS = (ImageFormat.JPEG, ImageFormat.PNG)
NOTHING = metadata.Source(metadata.Blocks(), 1, 0, 0)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Spliced:
    """The result to write, and notes about what it does not have, such as `icc=lost`."""

    link: ResultLink
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PictureMetadata:
    """Reads the head of a source and of its result, and splices the result. Repeat safe; it writes nothing."""

    sources: InputBucket

    def __call__(self, job: Job, source: SourceObject | None, link: ResultLink, form: ImageFormat) -> Spliced:
        """Return the result with its new head. `source` is None if it is gone or may not be read.

        Reads at most 256 KiB of a JPEG or PNG source and 1 MiB of the result. Raises ResultNotReady if the result cannot be read.
        Any other failure leaves the result as it is, with a note.
        """
        try:
            return self._splice(job, source, link, form)
        except ResultNotReady:
            raise
        except Exception as error:  # of any type, because the result is paid for
            log.warning(
                "a result lacks its source's metadata", extra={"job_id": job.job_id, "why": type(error).__name__}
            )
            return Spliced(link, (UNREADABLE,))

    def _splice(self, job: Job, source: SourceObject | None, link: ResultLink, form: ImageFormat) -> Spliced:
        keep = KeepMetadata(job.settings.get("keep_metadata", KeepMetadata.ALL))
        rule = IccRule(job.settings.get("icc", IccRule.AUTO))
        given, notes = self._read_source(source)
        if form not in FORMATS:
            return Spliced(link, (*notes, *_notes_of_tiff(given, keep)))
        if given == NOTHING and keep is KeepMetadata.ALL:
            return Spliced(link, notes)
        head = _read_head(link.read, link.size_bytes)
        if head is None:
            return Spliced(link, (*notes, UNREADABLE))
        new = metadata.new_head(given, head, keep=keep, icc_rule=rule, turns=_turns_pixels(job))
        end: metadata.NewEnd | None = metadata.UNCHANGED
        if keep is not KeepMetadata.ALL:
            tail_at = max(0, link.size_bytes - metadata.TAIL_BYTES)
            end = metadata.new_end(head, link.read(tail_at, link.size_bytes - tail_at), link.size_bytes)
        if end is None:
            notes, end = (*notes, BEHIND_PIXELS), metadata.UNCHANGED
        notes = (*notes, *new.notes)
        if new.data is None and end == metadata.UNCHANGED:
            return Spliced(link, notes)
        return Spliced(SplicedResult(link, new.data or b"", new.cut, end.data, end.cut), notes)

    def _read_source(self, source: SourceObject | None) -> tuple[metadata.Source, tuple[str, ...]]:
        """Return what the result may take over, and notes. A source that cannot be read gives nothing."""
        if source is None:
            return NOTHING, (GONE,)
        read = self.sources.reader(source)
        try:
            data = read(0, min(FIRST_READ_BYTES, source.size_bytes))
            found = metadata.read_source(data)
            if found is not None and not found.is_complete and len(data) < source.size_bytes:
                end = min(metadata.MAX_HEAD_BYTES, source.size_bytes)
                found = metadata.read_source(data + read(len(data), end - len(data)))
            if found is None:  # of another format: only its orientation is read
                facts = images.inspect(read, source.size_bytes)
                found = replace(NOTHING, orientation=facts.orientation, width=facts.stored[0], height=facts.stored[1])
        except (SourceGone, SourceDenied):
            return NOTHING, (GONE,)
        except Exception as error:  # of any type, because the result is paid for
            log.warning("the metadata of a source cannot be read", extra={"why": type(error).__name__})
            return NOTHING, (UNREADABLE,)
        is_empty = found.orientation == 1 and found.is_complete and found.blocks == metadata.Blocks()
        return (NOTHING if is_empty else found), ()


def _read_head(read: images.ReadRange, size_bytes: int) -> metadata.Head | None:
    """Return the complete head of the result; None if it is too long or has another form than expected."""
    data = b""
    for end in (FIRST_READ_BYTES, MAX_RESULT_HEAD_BYTES):
        end = min(end, size_bytes)
        data += read(len(data), end - len(data))
        try:
            head = metadata.read_head(data)
        except metadata.UnreadableMetadata:
            return None
        if head is None or head.is_complete:
            return head
    return None


def _notes_of_tiff(source: metadata.Source, keep: KeepMetadata) -> tuple[str, ...]:
    is_affected = source.blocks != metadata.Blocks() or keep is not KeepMetadata.ALL
    turned = (metadata.ORIENTATION_ASSUMED,) if source.orientation != 1 else ()
    return (*turned, NOT_FOR_TIFF) if is_affected else turned


def _turns_pixels(job: Job) -> bool:
    """Return the catalog's fact: whether the provider turns the pixels by the source's orientation."""
    from darkroom import catalog  # not at the top, so that the function starts without the catalogs

    return catalog.load(job.require_provider()).turns_pixels
