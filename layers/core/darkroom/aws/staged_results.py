"""Staging: results of synchronous calls in the output bucket, from their arrival until finalize has published them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from darkroom import output_keys
from darkroom.aws import streaming_put
from darkroom.aws.input_bucket import S3InputBucket
from darkroom.errors import ResultNotReady, SourceGone
from darkroom.model import Handle, SourceObject
from darkroom.ports import Reader

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

HANDLE, PROCESS = "darkroom-handle", "darkroom-process-id"
PIECE_BYTES = 256 * 1024


@dataclass(frozen=True)
class S3StagedResults:
    """Fulfils `ports.Staging` under `_darkroom/incoming/`, which the bucket's lifecycle clears after a day."""

    client: S3Client
    bucket: str

    def keep(self, handle: Handle, process_id: str, pieces: Iterator[bytes]) -> None:
        """In place only when all pieces came; whose it is stands in its metadata."""
        described = {
            "Bucket": self.bucket,
            "Key": output_keys.incoming_key(handle.job_id),
            "Metadata": {HANDLE: str(handle), PROCESS: process_id},
        }
        streaming_put.put(self.client, described, pieces)

    def find(self, handle: Handle) -> str | None:
        """HeadObject's metadata, if it is of the handle's run."""
        kept = self._kept(handle.job_id)
        if kept is None or not kept.metadata.get(HANDLE, "").startswith(handle.prefix):
            return None
        return kept.metadata.get(PROCESS)

    @contextmanager
    def open(self, job_id: str, process_id: str) -> Iterator[StagedResult]:
        """The result of that process. Raises ResultNotReady for any other's, or none."""
        kept = self._kept(job_id)
        if kept is None or kept.metadata.get(PROCESS) != process_id:
            raise ResultNotReady("the result that was staged is no longer there")
        yield StagedResult(S3InputBucket(self.client), kept, kept.size_bytes)

    def drop(self, job_id: str, process_id: str) -> None:
        """Deletes it, if it is that process'; the lifecycle removes what the versioned bucket keeps behind."""
        kept = self._kept(job_id)
        if kept is not None and kept.metadata.get(PROCESS) == process_id:
            self.client.delete_object(Bucket=self.bucket, Key=output_keys.incoming_key(job_id))

    def _kept(self, job_id: str) -> SourceObject | None:
        try:
            head: Any = self.client.head_object(Bucket=self.bucket, Key=output_keys.incoming_key(job_id))
        except ClientError as error:
            if error.response["Error"]["Code"] in streaming_put.ABSENT:
                return None
            raise
        return SourceObject(
            bucket=self.bucket,
            key=output_keys.incoming_key(job_id),
            version_id=None,
            etag=head["ETag"].strip('"'),
            size_bytes=head["ContentLength"],
            last_modified=head["LastModified"],
            metadata=head.get("Metadata", {}),
        )


@dataclass
class StagedResult:
    """Fulfils `ports.ResultLink` on a staged object, pinned by its ETag."""

    sources: S3InputBucket
    kept: SourceObject
    size_bytes: int
    has_parts: bool = True

    @contextmanager
    def part(self, offset: int, length: int) -> Iterator[Reader]:
        """One ranged GET."""
        with _as_result(), self.sources.part(self.kept, offset, length) as body:
            yield body

    def read(self, offset: int, length: int) -> bytes:
        """One ranged GET."""
        with _as_result():
            return self.sources.reader(self.kept)(offset, length)

    def stream(self) -> Iterator[bytes]:
        """All bytes by one GET; a stream that breaks or ends early is an OSError inside."""
        with _as_result():
            body = self.sources.open(self.kept)
            try:
                while piece := body.read(PIECE_BYTES):
                    yield piece
            finally:
                body.close()


@contextmanager
def _as_result() -> Iterator[None]:
    try:
        yield
    except (SourceGone, OSError) as broken:
        raise ResultNotReady(f"the staged result cannot be read: {broken}") from None
