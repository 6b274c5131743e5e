"""The port for the output bucket, which holds results and failure reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from darkroom.model import UnfinishedUpload
from darkroom.ports.streams import ResultLink


class OutputBucket(Protocol):
    """Reads and writes the output bucket."""

    @property
    def bucket(self) -> str:
        """The bucket's name."""

    def receipt(self, key: str) -> Mapping[str, str]:
        """Return the user metadata of the object at the key, or an empty mapping if there is no object."""

    def write(
        self, key: str, link: ResultLink, content_type: str, metadata: Mapping[str, str], tags: Mapping[str, str]
    ) -> None:
        """Write all bytes of the result or nothing, in constant memory. Raises ResultNotReady if the download breaks. Repeat
        safe. Tags that the bucket does not take are left out, so that they never prevent a result."""

    def write_report(self, key: str, report: Mapping[str, object], order: str) -> None:
        """Write the report `_failed/<key>.json`, unless a report of a newer version (a greater `order`) is there. Repeat safe."""

    def remove_report(self, key: str, order: str) -> None:
        """Remove the report `_failed/<key>.json`, unless the report is of a newer version. Repeat safe."""

    def list_unfinished(self) -> list[UnfinishedUpload]:
        """Return up to 10,000 multipart uploads that are neither completed nor aborted, including those of other programs."""

    def abort(self, upload: UnfinishedUpload) -> None:
        """Abort a multipart upload. Repeat safe."""
