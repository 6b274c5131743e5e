"""The output bucket: results and failure reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from darkroom.model import UnfinishedUpload
from darkroom.ports.streams import ResultLink


class OutputBucket(Protocol):
    """The output bucket."""

    @property
    def bucket(self) -> str:
        """Its name."""

    def receipt(self, key: str) -> Mapping[str, str]:
        """The user metadata of what stands at the key; empty when nothing does."""

    def write(
        self, key: str, link: ResultLink, content_type: str, metadata: Mapping[str, str], tags: Mapping[str, str]
    ) -> None:
        """All bytes or nothing, in constant memory. Raises ResultNotReady when the stream breaks. Repeat safe. Tags that the
        bucket does not take are left out: they never keep a result from its place."""

    def write_report(self, key: str, report: Mapping[str, object], order: str) -> None:
        """Puts `_failed/<key>.json` unless one of a newer version (a greater `order`) stands there. Repeat safe."""

    def remove_report(self, key: str, order: str) -> None:
        """Removes `_failed/<key>.json` if it is there and not of a newer version. Repeat safe."""

    def unfinished(self) -> list[UnfinishedUpload]:
        """Up to 10,000 multipart uploads that were begun and neither completed nor aborted, whoever began them."""

    def abort(self, upload: UnfinishedUpload) -> None:
        """Aborts one. Repeat safe."""
