"""Copies XMP packets (ISO 16684-1): corrects the orientation and the sizes, leaves out what is false for a result, and keeps only
authors, rights and dates.

A packet is read with expat, event by event, and written anew, so that nesting costs no recursion. A packet with a document type
is refused, because its entities could grow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from xml.parsers import expat

from darkroom.images.metadata.blocks import OversizedMetadata, UnreadableMetadata

X, RDF, XML = "adobe:ns:meta/", "http://www.w3.org/1999/02/22-rdf-syntax-ns#", "http://www.w3.org/XML/1998/namespace"
TIFF, EXIF = "http://ns.adobe.com/tiff/1.0/", "http://ns.adobe.com/exif/1.0/"
DC, XMP, RIGHTS = (
    "http://purl.org/dc/elements/1.1/",
    "http://ns.adobe.com/xap/1.0/",
    "http://ns.adobe.com/xap/1.0/rights/",
)
PHOTOSHOP, PLUS = "http://ns.adobe.com/photoshop/1.0/", "http://ns.useplus.org/ldf/xmp/1.0/"
NOTE = "http://ns.adobe.com/xmp/note/"
# The properties that `rights_only` keeps (IPTC Photo Metadata Standard 2023.2: creator, rights, credit lines and dates).
KEPT = frozenset(
    {
        (DC, "creator"),
        (DC, "rights"),
        (DC, "date"),
        (XMP, "CreateDate"),
        (XMP, "ModifyDate"),
        (EXIF, "DateTimeOriginal"),
    }
    | {(EXIF, "DateTimeDigitized")}
    | {(RIGHTS, name) for name in ("Certificate", "Marked", "Owner", "UsageTerms", "WebStatement")}
    | {(PHOTOSHOP, name) for name in ("AuthorsPosition", "Credit", "DateCreated", "Source")}
    | {(PLUS, name) for name in ("CopyrightOwner", "DataMining", "ImageCreator", "ImageSupplier", "Licensor")}
)
KNOWN = frozenset({X, RDF, XML} | {namespace for namespace, _ in KEPT})
FRAME = frozenset({(X, "xmpmeta"), (RDF, "RDF"), (RDF, "Description")})  # the elements around the properties
INSIDE = frozenset({RDF, XML, PLUS})  # the namespaces inside a property that `rights_only` keeps
# What describes other bytes than the result's: thumbnails, pictures and videos behind the source, its gain map, its manifest.
FALSE_NAMESPACES = (
    "http://ns.google.com/photos/1.0/container/",
    "http://ns.google.com/photos/1.0/camera/",
    "http://ns.adobe.com/hdr-gain-map/1.0/",
)
FALSE = frozenset({(XMP, "Thumbnails"), ("http://purl.org/dc/terms/", "provenance")})
EXTENDED = (NOTE, "HasExtendedXMP")
BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
END = '<?xpacket end="w"?>'
MAX_DEPTH = 64  # our limit; programs write about ten levels
MAX_GROWTH = 4096  # bytes; what is written may be so much longer than what was read

Name = tuple[str, str]  # namespace and local name
_TRAILING = re.compile(rb"<\?xpacket end.*", re.DOTALL)


def carried(packet: bytes, turned: int, width: int, height: int, *, with_extension: bool) -> bytes:
    """Return the packet for a picture with the orientation `turned` and stored pixels of that size. Raises UnreadableMetadata."""
    numbers = {
        (TIFF, "Orientation"): turned,
        (TIFF, "ImageWidth"): width,
        (TIFF, "ImageLength"): height,
        (EXIF, "PixelXDimension"): width,
        (EXIF, "PixelYDimension"): height,
    }
    dropped = FALSE if with_extension else FALSE | {EXTENDED}
    return _copied(_Copy(len(packet), {name: str(number) for name, number in numbers.items()}, dropped), packet)


def rights_only(packet: bytes) -> bytes:
    """Return a packet with the authors, rights, credit lines and dates alone; no bytes if it has none or does not parse."""
    copy = _Copy(len(packet), {}, FALSE, rights_only=True)
    try:
        written = _copied(copy, packet)
    except UnreadableMetadata:
        return b""
    return written if copy.properties else b""


def _copied(copy: _Copy, packet: bytes) -> bytes:
    parser = expat.ParserCreate("utf-8", " ")
    parser.namespace_prefixes = parser.ordered_attributes = parser.buffer_text = True
    parser.StartDoctypeDeclHandler = copy.refuse
    parser.StartNamespaceDeclHandler = copy.namespace
    parser.StartElementHandler = copy.start
    parser.EndElementHandler = copy.end
    parser.CharacterDataHandler = copy.text
    try:
        parser.Parse(_TRAILING.sub(b"", packet).rstrip(b"\x00"), True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        if isinstance(error, UnreadableMetadata):
            raise
        raise UnreadableMetadata("an XMP packet is no XML") from None
    if not copy.has_rdf:
        raise UnreadableMetadata("an XMP packet has no RDF")
    return f"{BEGIN}{''.join(copy.written)}{END}".encode()


@dataclass
class _Copy:
    """Writes each event of the parser that is kept."""

    size: int  # of the packet that is read
    numbers: Mapping[Name, str]  # property → its right value
    dropped: frozenset[Name]
    rights_only: bool = False
    written: list[str] = field(default_factory=list)
    properties: int = 0
    has_rdf: bool = False
    _length: int = 0
    _path: list[Name] = field(default_factory=list)
    _skipped_at: int = 0  # the depth of the element that is left out; 0 if none is
    _replaced_at: int = 0  # the depth of the element whose text was written already
    _property_at: int = 0  # the depth of the property that is being written; 0 outside of properties
    _namespaces: list[tuple[str, str]] = field(default_factory=list)

    def refuse(self, *_: object) -> None:
        """Raise UnreadableMetadata: no packet needs a document type."""
        raise UnreadableMetadata("an XMP packet has a document type")

    def namespace(self, prefix: str | None, uri: str) -> None:
        """Note the namespace for the element that begins next. Raises UnreadableMetadata if it contains a space, which separates
        the parts of a name."""
        if " " in (uri or ""):
            raise UnreadableMetadata("a namespace of an XMP packet contains a space")
        self._namespaces.append((prefix or "", uri or ""))

    def start(self, text: str, attributes: Sequence[str]) -> None:
        """Write the beginning of an element, unless it is left out."""
        namespaces, self._namespaces = self._namespaces, []
        name, written = _split(text)
        is_property = self._path[-2:] == [(RDF, "RDF"), (RDF, "Description")]
        is_description = self._path[-1:] == [(RDF, "RDF")]
        self._path.append(name)
        if len(self._path) > MAX_DEPTH:
            raise UnreadableMetadata("the elements of an XMP packet are nested too deeply")
        self.has_rdf = self.has_rdf or name == (RDF, "RDF")
        if self._skipped_at or self._replaced_at:
            return
        if not self._keeps(name, is_property=is_property):
            self._skipped_at = len(self._path)
            return
        if is_property:
            self.properties, self._property_at = self.properties + 1, len(self._path)
        self._write(f"<{written}")
        for prefix, uri in namespaces:
            if not self.rights_only or uri in KNOWN:
                self._write(f" xmlns{':' if prefix else ''}{prefix}={_quoted(uri)}")
        for key, value in zip(attributes[::2], attributes[1::2], strict=True):
            self._attribute(key, value, is_description=is_description)
        self._write(">")
        if is_property and name in self.numbers:
            self._write(self.numbers[name])
            self._replaced_at = len(self._path)

    def end(self, text: str) -> None:
        """Write the end of an element, unless it is left out."""
        depth = len(self._path)
        self._path.pop()
        if self._skipped_at:
            self._skipped_at = 0 if depth == self._skipped_at else self._skipped_at
            return
        if self._replaced_at and depth > self._replaced_at:
            return
        self._replaced_at = 0
        self._property_at = 0 if depth == self._property_at else self._property_at
        self._write(f"</{_split(text)[1]}>")

    def text(self, data: str) -> None:
        """Write text, unless its element is left out or has another text already."""
        if not self._skipped_at and not self._replaced_at and (not self.rights_only or self._property_at):
            self._write(_escaped(data).replace("]]>", "]]&gt;"))

    def _keeps(self, name: Name, *, is_property: bool) -> bool:
        if name in self.dropped or name[0].startswith(FALSE_NAMESPACES):
            return False
        if not self.rights_only or is_property:
            return not self.rights_only or name in KEPT
        return name[0] in INSIDE if self._property_at else name in FRAME

    def _attribute(self, text: str, value: str, *, is_description: bool) -> None:
        """Write an attribute. On a description at the top, an attribute is a property."""
        name, written = _split(text)
        is_property = is_description and name[0] not in (RDF, XML, "")
        is_detail = bool(self._property_at) or not self.rights_only
        if not (is_property or is_detail) or not self._keeps(name, is_property=is_property):
            return
        self.properties += is_property
        self._write(f" {written}={_quoted(self.numbers.get(name, value) if is_property else value)}")

    def _write(self, text: str) -> None:
        self._length += len(text.encode())
        if self._length > self.size + MAX_GROWTH:
            raise OversizedMetadata("an XMP packet grows when it is written")
        self.written.append(text)


def _split(text: str) -> tuple[Name, str]:
    """Return a name from the parser as namespace and local name, and as it is written. The parser gives `namespace local prefix`;
    the prefix and the namespace may be missing."""
    namespace, local, prefix = (*text.split(" "), "")[:3] if " " in text else ("", text, "")
    return (namespace, local), f"{prefix}:{local}" if prefix else local


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _quoted(text: str) -> str:
    escaped = _escaped(text).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;").replace("\r", "&#13;")
    return f'"{escaped}"'
