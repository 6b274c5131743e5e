"""Writes results and failure reports to the output bucket, reads receipts, and aborts unfinished multipart uploads."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from botocore.exceptions import ClientError

from darkroom.aws import refusals, result_headers, streaming_put
from darkroom.aws.multipart_put import MultipartPut
from darkroom.aws.refusals import is_refusal
from darkroom.aws.source_errors import DENIED_CODES
from darkroom.errors import KeyTaken, ResultRefused
from darkroom.model import UnfinishedUpload
from darkroom.ports import ResultHeaders, ResultLink, StandingObject

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

SINGLE_PUT_BYTES = streaming_put.PART_BYTES  # a result up to this size is written by one PUT
MAX_UNFINISHED = 10_000  # the most unfinished multipart uploads that are listed at once
# S3's answers if the condition of a write is not met, or if another write was made at the same time. If-Match of a key where
# nothing stands any more is answered with NoSuchKey (S3 user guide, "How to prevent object overwrites with conditional writes").
CONDITION_CODES = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict", "409", "NoSuchKey"})
REPORT_ORDER = "darkroom-order"  # metadata with the order of the version that failed, see `SourceObject.order`

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class S3OutputBucket:
    """Reads and writes one output bucket; implements `ports.OutputBucket`."""

    client: S3Client
    bucket: str
    multipart_put: MultipartPut | None = (
        None  # writes results larger than SINGLE_PUT_BYTES; if None, they are streamed too
    )

    def find(self, key: str) -> StandingObject | None:
        """HeadObject of the key. An object that may not be read has no ETag."""
        try:
            head = self.client.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in streaming_put.ABSENT_CODES:
                return None
            if code in DENIED_CODES:
                return StandingObject(None, {})
            raise
        return StandingObject(head["ETag"], head.get("Metadata", {}))

    def write(self, key: str, link: ResultLink, headers: ResultHeaders, replaced: StandingObject | None) -> None:
        """Write all bytes of the link, or nothing. Raises KeyTaken unless `replaced` is what stands at the key, and ResultRefused
        if the bucket refuses the result.

        If S3 refuses the headers, the result is written with its receipt alone. Tags that do not fit into the headers are set
        after the object is written. If the process dies in between, the result stays without them: it is settled all the same,
        because the picture is paid for, and no retry copies it again.
        """
        given, tags = result_headers.parameters(headers), result_headers.allowed_tags(headers.tags)
        header = result_headers.tagging(tags, given)
        try:
            self._put(key, link, given | ({"Tagging": header} if header else {}), replaced)
        except ClientError as error:
            if (code := error.response["Error"]["Code"]) not in result_headers.REFUSED_HEADERS:
                raise
            log.warning("a result stands without its source's headers", extra={"key": key, "why": code})
            self._put(key, link, result_headers.bare_parameters(headers), replaced)
            header = None
        if tags and header is None:
            self._tag(key, tags)

    def write_report(self, key: str, report: Mapping[str, object], order: str) -> None:
        """Write the report to `key`, unless a report of a newer version of the source is there. If the bucket refuses the
        report, it is left out, and no error is raised."""
        if self._report_order(key) > order:
            return
        body = json.dumps(report, ensure_ascii=False, indent=2, sort_keys=True).encode()
        parameters: Any = {"ContentType": "application/json", "Metadata": {REPORT_ORDER: order}}
        with _logging_refusals(key, "a report could not be written"):
            self.client.put_object(Bucket=self.bucket, Key=key, Body=body, **parameters)

    def remove_report(self, key: str, order: str) -> None:
        """Delete the report if there is one, unless it is of a newer version. Without the check, each call would leave a delete
        marker. A report that may not be deleted stays."""
        if "" < self._report_order(key) <= order:
            with _logging_refusals(key, "a report could not be removed"):
                self.client.delete_object(Bucket=self.bucket, Key=key)

    def list_unfinished(self) -> list[UnfinishedUpload]:
        """Return up to MAX_UNFINISHED uploads from ListMultipartUploads.

        The keys are requested URL-encoded. Otherwise the SDK could not parse a response with some control characters, because XML
        1.0 cannot contain them (S3 API reference, ListMultipartUploads, encoding-type). The SDK does this automatically only for
        other listings.
        """
        uploads: list[UnfinishedUpload] = []
        markers: dict[str, str] = {}
        while len(uploads) < MAX_UNFINISHED:
            page = self.client.list_multipart_uploads(Bucket=self.bucket, EncodingType="url", **markers)  # type: ignore[arg-type]
            decode = unquote_plus if page.get("EncodingType") == "url" else str
            found = page.get("Uploads", [])
            uploads += [UnfinishedUpload(decode(one["Key"]), one["UploadId"], one["Initiated"]) for one in found]
            if not page.get("IsTruncated"):
                break
            markers = {"KeyMarker": decode(page["NextKeyMarker"]), "UploadIdMarker": page["NextUploadIdMarker"]}
        return uploads[:MAX_UNFINISHED]

    def abort(self, upload: UnfinishedUpload) -> None:
        """Abort the multipart upload. An upload that no longer exists counts as aborted."""
        try:
            self.client.abort_multipart_upload(Bucket=self.bucket, Key=upload.key, UploadId=upload.upload_id)
        except ClientError as error:
            if error.response["Error"]["Code"] not in streaming_put.ABSENT_CODES:
                raise

    def _put(self, key: str, link: ResultLink, given: Mapping[str, Any], replaced: StandingObject | None) -> None:
        parameters = {"Bucket": self.bucket, "Key": key, **given}
        condition = {"IfMatch": replaced.etag} if replaced and replaced.etag else {"IfNoneMatch": "*"}
        try:
            if link.size_bytes <= SINGLE_PUT_BYTES or self.multipart_put is None:
                streaming_put.put(self.client, parameters, link.stream(), condition)
            else:
                self.multipart_put.write(parameters, link, condition)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in CONDITION_CODES:
                raise KeyTaken(
                    f"another object came to {key!r}, or the one there changed, while the result was copied"
                ) from None
            if is_refusal(error):
                raise ResultRefused(refusals.in_words(error)) from None
            raise

    def _tag(self, key: str, tags: Mapping[str, str]) -> None:
        """Set the object's tags. A failure is only logged, because it must not keep the job from being settled."""
        tag_set: Any = [{"Key": name, "Value": value} for name, value in tags.items()]
        try:
            self.client.put_object_tagging(Bucket=self.bucket, Key=key, Tagging={"TagSet": tag_set})
        except ClientError as error:
            code = error.response["Error"]["Code"]
            log.warning("a result was written without its source's tags", extra={"key": key, "why": code})

    def _report_order(self, key: str) -> str:
        """Return the order of the version that the report is about. Return "" if there is no report, and "0" if it has no
        order."""
        report = self.find(key)
        return "" if report is None else report.metadata.get(REPORT_ORDER, "0")


@contextmanager
def _logging_refusals(key: str, what: str) -> Iterator[None]:
    """Log that the bucket refuses. The job ends all the same: its row says what the report says, and repeating would not help."""
    try:
        yield
    except ClientError as error:
        if not is_refusal(error):
            raise
        log.warning(what, extra={"key": key, "why": error.response["Error"]["Code"]})
