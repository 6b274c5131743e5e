"""Makes the head of a result with the metadata of its source: EXIF, XMP, IPTC and the colour profile, and the right orientation.

Bytes in, bytes out. The entry points are `read_source`, `read_head`, `new_head` and `new_end`.
"""

from darkroom.images.metadata.blocks import Blocks, Head, Source, UnreadableMetadata
from darkroom.images.metadata.endings import TAIL_BYTES, UNCHANGED, NewEnd, new_end
from darkroom.images.metadata.heads import (
    MAX_HEAD_BYTES,
    ORIENTATION_ASSUMED,
    UNREADABLE,
    NewHead,
    new_head,
    read_head,
    read_source,
)

__all__ = [
    "MAX_HEAD_BYTES",
    "ORIENTATION_ASSUMED",
    "TAIL_BYTES",
    "UNCHANGED",
    "UNREADABLE",
    "Blocks",
    "Head",
    "NewEnd",
    "NewHead",
    "Source",
    "UnreadableMetadata",
    "new_end",
    "new_head",
    "read_head",
    "read_source",
]
