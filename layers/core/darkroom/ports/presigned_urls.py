"""Presigned URLs of uploads, for providers that fetch the image themselves."""

from __future__ import annotations

from typing import Protocol

from darkroom.model import SourceObject


class PresignedUrls(Protocol):
    """Presigned GETs for providers that fetch the image themselves."""

    def mint(self, source: SourceObject, filename: str, valid_seconds: int) -> str:
        """A link to that version, good for `valid_seconds` (1–1,800), whose query carries `filename` as the name to
        answer with. Raises NothingSent when it cannot be signed now."""
