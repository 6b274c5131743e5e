"""The port for the output bucket, which holds results and failure reports."""

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
        """Return the user metadata of the object at the key, empty if there is none."""

    def write(
        self, key: str, link: ResultLink, content_type: str, metadata: Mapping[str, str], tags: Mapping[str, str]
    ) -> None:
        """Write all bytes or nothing, in constant memory. Raises ResultNotReady if the stream breaks. Repeat safe. Tags that
        the bucket does not take are left out; they never prevent a result from being published."""

    def write_report(self, key: str, report: Mapping[str, object], order: str) -> None:
        """Write `_failed/<key>.json`, unless there is one of a newer version (with a greater `order`). Repeat safe."""

    def remove_report(self, key: str, order: str) -> None:
        """Remove `_failed/<key>.json`, unless it is of a newer version. Repeat safe."""

    def list_unfinished(self) -> list[UnfinishedUpload]:
        """Return up to 10,000 multipart uploads that are neither completed nor aborted, including those of other programs."""

    def abort(self, upload: UnfinishedUpload) -> None:
        """Abort a multipart upload. Repeat safe."""
