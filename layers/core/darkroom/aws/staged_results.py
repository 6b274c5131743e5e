"""Keeps the result of a synchronous call in the output bucket until finalize has published it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from darkroom import output_keys
from darkroom.aws import streaming_put
from darkroom.aws.input_bucket import S3InputBucket
from darkroom.errors import ResultNotReady, SourceDenied, SourceGone
from darkroom.model import Handle, SourceObject
from darkroom.ports import Reader

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

HANDLE, PROCESS = "darkroom-handle", output_keys.RECEIPT_PROCESS
CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True)
class S3StagedResults:
    """Keeps staged results under `_darkroom/incoming/`, where the bucket's lifecycle removes objects after a day. Implements
    `ports.StagedResults`."""

    client: S3Client
    bucket: str

    def stage(self, handle: Handle, process_id: str, chunks: Iterator[bytes]) -> None:
        """Write the object once all chunks have come. Its metadata has the handle and the process id."""
        parameters = {
            "Bucket": self.bucket,
            "Key": output_keys.incoming_key(handle.job_id),
            "Metadata": {HANDLE: str(handle), PROCESS: process_id},
        }
        streaming_put.put(self.client, parameters, chunks)

    def find(self, handle: Handle) -> str | None:
        """Return the process id from the object's metadata, or None unless the object belongs to the handle's run."""
        staged_object = self._find_object(handle.job_id)
        if staged_object is None or not staged_object.metadata.get(HANDLE, "").startswith(handle.prefix):
            return None
        return staged_object.metadata.get(PROCESS)

    @contextmanager
    def open(self, job_id: str, process_id: str) -> Iterator[StagedResult]:
        """Open the staged result of that process. Raises ResultNotReady if there is none, or only a result of another process."""
        staged_object = self._find_object(job_id)
        if staged_object is None or staged_object.metadata.get(PROCESS) != process_id:
            raise ResultNotReady("the result that was staged is no longer there")
        yield StagedResult(S3InputBucket(self.client), staged_object, staged_object.size_bytes)

    def drop(self, job_id: str, process_id: str) -> None:
        """Delete the staged result if it is the result of that process. In a versioned bucket, the lifecycle removes the old
        version later."""
        staged_object = self._find_object(job_id)
        if staged_object is not None and staged_object.metadata.get(PROCESS) == process_id:
            self.client.delete_object(Bucket=self.bucket, Key=output_keys.incoming_key(job_id))

    def _find_object(self, job_id: str) -> SourceObject | None:
        try:
            head: Any = self.client.head_object(Bucket=self.bucket, Key=output_keys.incoming_key(job_id))
        except ClientError as error:
            if error.response["Error"]["Code"] in streaming_put.ABSENT_CODES:
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
    """Reads a staged result, as long as its ETag stays the same; implements `ports.ResultLink`."""

    objects: S3InputBucket
    staged_object: SourceObject
    size_bytes: int
    has_parts: bool = True

    @contextmanager
    def part(self, offset: int, length: int) -> Iterator[Reader]:
        """Open one part by a ranged GET. Raises ResultNotReady."""
        with _as_result_errors(), self.objects.part(self.staged_object, offset, length) as body:
            yield body

    def read(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes by a ranged GET. Raises ResultNotReady."""
        with _as_result_errors():
            return self.objects.reader(self.staged_object)(offset, length)

    def stream(self) -> Iterator[bytes]:
        """Yield all bytes of one GET. Raises ResultNotReady if the stream breaks or ends early."""
        with _as_result_errors():
            body = self.objects.open(self.staged_object)
            try:
                while chunk := body.read(CHUNK_BYTES):
                    yield chunk
            finally:
                body.close()


@contextmanager
def _as_result_errors() -> Iterator[None]:
    try:
        yield
    except (SourceGone, OSError) as error:
        raise ResultNotReady(f"the staged result cannot be read: {error}") from None
    except SourceDenied:
        raise ResultNotReady("the staged result may not be read: see the policy of the output bucket") from None
