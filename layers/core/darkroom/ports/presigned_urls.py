"""The port for presigned URLs of uploads, which providers fetch."""

from __future__ import annotations

from typing import Protocol

from darkroom.model import SourceObject


class PresignedUrls(Protocol):
    """Presigned GETs for providers that fetch the image themselves instead of receiving its bytes."""

    def sign(self, source: SourceObject, filename: str, content_type: str, valid_seconds: int) -> str:
        """Return a link to that version, valid for `valid_seconds` (1–1,800). Its query contains `filename`, by which the
        provider's list shows the job. The answer to it has that content type. Raises NothingSent if the link cannot be
        signed."""
