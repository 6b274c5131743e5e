"""The port for the output bucket, which holds results and failure reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from darkroom.model import UnfinishedUpload
from darkroom.ports.streams import ResultLink


@dataclass(frozen=True)
class ResultHeaders:
    """What a result has beside its bytes. The bucket may refuse all but the content type and the receipt, for instance because
    the headers of the request are too long together."""

    content_type: str
    receipt: Mapping[str, str]  # metadata by which the result is known
    metadata: Mapping[str, str] = field(default_factory=dict)  # the source's; ASCII
    serving_headers: Mapping[str, str] = field(default_factory=dict)  # the source's, see SERVING_HEADERS
    tags: Mapping[str, str] = field(default_factory=dict)  # the source's


@dataclass(frozen=True)
class StandingObject:
    """The object at a key of the output bucket. `etag` is None if it may not be read; then it has no metadata either."""

    etag: str | None
    metadata: Mapping[str, str]


class OutputBucket(Protocol):
    """Reads and writes the output bucket."""

    @property
    def bucket(self) -> str:
        """The bucket's name."""

    def find(self, key: str) -> StandingObject | None:
        """Return the object at the key, or None if there is no object."""

    def write(self, key: str, link: ResultLink, headers: ResultHeaders, replaced: StandingObject | None) -> None:
        """Write all bytes of the result or nothing, in constant memory. The object `replaced` must be at the key, or no object if
        it is None.

        Raises KeyTaken if another object is at the key, and ResultNotReady if the download breaks. Repeat safe. Headers and tags
        that the bucket does not take are left out, apart from the receipt, so that they never prevent a result.
        """

    def write_report(self, key: str, report: Mapping[str, object], order: str) -> None:
        """Write the report `_failed/<key>.json`, unless a report of a newer version (a greater `order`) is there. If the bucket
        refuses the report, it is left out, and no error is raised. Repeat safe."""

    def remove_report(self, key: str, order: str) -> None:
        """Remove the report `_failed/<key>.json`, unless the report is of a newer version. Repeat safe."""

    def list_unfinished(self) -> list[UnfinishedUpload]:
        """Return up to 10,000 multipart uploads that are neither completed nor aborted, including those of other programs."""

    def abort(self, upload: UnfinishedUpload) -> None:
        """Abort a multipart upload. Repeat safe."""
