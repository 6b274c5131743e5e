"""The port for presigned URLs, by which providers fetch uploads."""

from __future__ import annotations

from typing import Protocol

from darkroom.model import SourceObject


class PresignedUrls(Protocol):
    """Signs URLs for providers that fetch the image themselves."""

    def sign(self, source: SourceObject, filename: str, content_type: str, valid_seconds: int) -> str:
        """Return a link to that version, valid for `valid_seconds` (1–1,800). The link's query contains `filename`, so that the
        provider's list shows which job sent it. The answer to the link has `content_type`. Raises NothingSent if the link cannot
        be signed."""
