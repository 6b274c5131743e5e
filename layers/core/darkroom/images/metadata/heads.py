"""Makes the new head of a result: which blocks it takes over from its source, and in which orientation it is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType

from darkroom.images.inspection import sniff
from darkroom.images.metadata import exif, icc, iptc, jpeg, png, xmp
from darkroom.images.metadata.blocks import (
    Head,
    OversizedMetadata,
    Source,
    UnreadableMetadata,
)
from darkroom.model import IccRule, ImageFormat, KeepMetadata

MAX_HEAD_BYTES = 256 * 1024  # how much of a source is read, and how much metadata a result takes over
MAX_RATIO_ERROR = 50  # sides agree if their ratios differ by less than a fiftieth; vendors round sides
FORMATS: dict[ImageFormat, ModuleType] = {ImageFormat.JPEG: jpeg, ImageFormat.PNG: png}
SMALLEST_SNIFF = 12  # bytes

ORIENTATION_ASSUMED = (
    "orientation=assumed"  # nothing shows whether the vendor turned the pixels; the catalog's fact decided
)
ICC_LOST, ICC_SOURCE = "icc=lost", "icc=source"
C2PA_DROPPED = "c2pa=dropped"
SIGNED = "metadata=signed"  # the vendor signed the result, so it was left as it is
UNREADABLE, OVERSIZED = "metadata=unreadable", "metadata=oversized"  # a block was left out


@dataclass(frozen=True)
class NewHead:
    """The bytes that replace the first `cut` bytes of a result; None if nothing changes. `notes` say what was left out."""

    data: bytes | None
    cut: int
    notes: tuple[str, ...]


def read_head(data: bytes) -> Head | None:
    """Return the head of the file that begins with `data`; None unless it is a JPEG or PNG. Raises UnreadableMetadata."""
    form = sniff(data.ljust(SMALLEST_SNIFF, b"\x00"))
    return FORMATS[form].read_head(data) if form in FORMATS else None


def read_source(data: bytes) -> Source | None:
    """Return what a result may take over from the source that begins with `data`; None unless it is a JPEG or PNG. Raises
    UnreadableMetadata."""
    head = read_head(data)
    if head is None:
        return None
    turned = exif.orientation(head.blocks.exif) or 1
    return Source(head.blocks, turned, head.width, head.height, head.is_complete)


def new_head(source: Source, result: Head, *, keep: KeepMetadata, icc_rule: IccRule, turns: bool) -> NewHead:
    """Return the head that the result gets.

    `turns` says whether the vendor is known to turn pixels by the orientation; it decides where the result itself shows nothing.
    The result must be complete. This raises nothing: a block that does not parse is left out and noted.
    """
    return _Builder(source, result, keep, icc_rule, turns).build()


def shown_orientation(source: Source, result: Head, turns: bool) -> tuple[int, bool]:
    """Return the orientation, 1 to 8, with which the result is upright, and True if it is only assumed.

    The result's own tag wins. Otherwise the sides of the result show whether its pixels were turned by a quarter.
    """
    own = exif.orientation(result.blocks.exif)
    if own is not None or source.orientation == 1:
        return own or 1, False
    if source.orientation >= 5 and source.width:
        is_as_stored = _agree(result, source.width, source.height)
        is_as_shown = _agree(result, source.height, source.width)
        if is_as_stored != is_as_shown:
            return (source.orientation if is_as_stored else 1), False
    return (1 if turns else source.orientation), True


def _agree(result: Head, width: int, height: int) -> bool:
    difference = abs(result.width * height - result.height * width)
    return difference * MAX_RATIO_ERROR <= result.width * height


@dataclass
class _Builder:
    source: Source
    result: Head
    keep: KeepMetadata
    icc_rule: IccRule
    turns: bool
    notes: dict[str, None] = field(default_factory=dict)  # in order, each once
    written: list[bytes] = field(default_factory=list)
    replaced: set[str] = field(default_factory=set)  # the result's own blocks that are left out

    @property
    def form(self) -> ModuleType:
        return FORMATS[self.result.format]

    def build(self) -> NewHead:
        turned, is_assumed = shown_orientation(self.source, self.result, self.turns)
        own = exif.orientation(self.result.blocks.exif) or 1
        if is_assumed:
            self._note(ORIENTATION_ASSUMED)
        if self.source.blocks.has_c2pa:
            self._note(C2PA_DROPPED)
        if self.result.blocks.has_c2pa:  # the vendor's signature covers the whole file
            if self.keep is KeepMetadata.ALL and turned == own:
                self._note(SIGNED)
                return NewHead(None, 0, tuple(self.notes))
            self._note(C2PA_DROPPED)
            self.replaced.add("c2pa")
        self._colour()
        if self.keep is KeepMetadata.ALL:
            self._take_all(turned)
        elif self.keep is KeepMetadata.COPYRIGHT:
            self._take_rights(turned)
        else:
            self._write(self.form.write_exif, exif.orientation_only(turned))
        kept = [piece for piece in self.result.pieces if self._keeps(piece)]
        if len(kept) == len(self.result.pieces) and not self.written:
            return NewHead(None, 0, tuple(self.notes))
        before = [piece.data for piece in kept if self.form.is_first(piece)]
        behind = [piece.data for piece in kept if not self.form.is_first(piece)]
        data = b"".join([self.form.write_start(), *before, *self.written, *behind])
        return NewHead(data, self.result.end, tuple(self.notes))

    def _keeps(self, piece: object) -> bool:
        if self.keep is not KeepMetadata.ALL:
            return bool(self.form.is_picture(piece))
        return not any(self.form.is_block(piece, name) for name in self.replaced)

    def _take_all(self, turned: int) -> None:
        """Take over each block that the result does not have."""
        own, blocks, result = self.result.blocks, self.source.blocks, self.result
        if not self.source.is_complete:
            self._note(OVERSIZED)
        self._take_exif(turned)
        if blocks.xmp and not own.xmp:
            extended = blocks.extended_xmp if result.format is ImageFormat.JPEG else ()
            self._write(
                lambda packet: self.form.write_xmp(packet, extended),
                lambda: xmp.carried(blocks.xmp, turned, result.width, result.height, with_extension=bool(extended)),
            )
        if blocks.iptc and not own.iptc:
            self._write(self.form.write_iptc, lambda: iptc.carried(blocks.iptc))

    def _take_exif(self, turned: int) -> None:
        """Take over EXIF, unless the result's own block says more than encoders write by themselves. A block must have the
        orientation that is needed; otherwise the orientation alone is written."""
        own, given, result = self.result.blocks.exif, self.source.blocks.exif, self.result
        is_right = bool(own) and (turned == 1 or exif.orientation(own) is not None)
        if is_right and not exif.is_technical(own):
            return
        has_tag = turned == 1 or exif.orientation(given) is not None
        is_carried = (
            bool(given)
            and has_tag
            and self._write(self.form.write_exif, lambda: exif.carried(given, turned, result.width, result.height))
        )
        if is_carried or not is_right:
            self.replaced.add("exif")
        if not is_carried and not is_right:
            self._write(self.form.write_exif, exif.orientation_only(turned))

    def _take_rights(self, turned: int) -> None:
        """Write authors, rights and dates of each block: the result's own block, or the source's if the result has none."""
        own, blocks = self.result.blocks, self.source.blocks
        self._write(self.form.write_exif, exif.rights_only(own.exif or blocks.exif, turned))
        self._write(lambda packet: self.form.write_xmp(packet, ()), xmp.rights_only(own.xmp or blocks.xmp))
        self._write(self.form.write_iptc, iptc.rights_only(own.iptc or blocks.iptc))

    def _colour(self) -> None:
        """Note that the source's colours are lost, or attach its profile if the setting says so."""
        profile = self.source.blocks.icc
        if self.result.blocks.has_colour or not profile or icc.is_srgb(profile):
            return
        fits = icc.describes(profile, self.result.colour)
        is_attached = self.icc_rule is IccRule.KEEP and fits and self._write(self.form.write_icc, profile)
        self._note(ICC_SOURCE if is_attached else ICC_LOST)

    def _write(self, write: Callable[[bytes], bytes], block: bytes | Callable[[], bytes]) -> bool:
        """Append a block, unless it is empty. Return whether it was appended. A block that does not parse or fit is noted."""
        try:
            data = block() if callable(block) else block
            if not data:
                return False
            piece = write(data)
            if sum(map(len, self.written)) + len(piece) > MAX_HEAD_BYTES:
                raise OversizedMetadata("the metadata are more than a result takes over")
        except OversizedMetadata:
            self._note(OVERSIZED)
            return False
        except UnreadableMetadata:
            self._note(UNREADABLE)
            return False
        self.written.append(piece)
        return True

    def _note(self, note: str) -> None:
        self.notes[note] = None
