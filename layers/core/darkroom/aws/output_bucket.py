"""Writes results and failure reports to the output bucket, reads receipts, and aborts unfinished multipart uploads."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote_plus, urlencode

from botocore.exceptions import ClientError

from darkroom.aws import streaming_put
from darkroom.aws.multipart_put import MultipartPut
from darkroom.model import UnfinishedUpload
from darkroom.ports import ResultLink

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

SINGLE_PUT_BYTES = streaming_put.PART_BYTES  # a result up to this size is written by one PUT
MAX_UNFINISHED = 10_000  # the most unfinished multipart uploads that are listed at once
RESERVED_TAG_PREFIX = "aws:"  # only AWS itself may set such tags
MAX_TAGGING_BYTES = 4096  # S3 allows 8 KiB of headers, of which the user's metadata takes 2 KiB
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

    def receipt(self, key: str) -> Mapping[str, str]:
        """Return the user metadata of the object at the key, or an empty mapping if there is no object."""
        return self._metadata(key) or {}

    def write(
        self, key: str, link: ResultLink, content_type: str, metadata: Mapping[str, str], tags: Mapping[str, str]
    ) -> None:
        """Write all bytes of the link with metadata and tags, or nothing.

        Tags that are too long for a header are set after the object is written. If the process dies in between, the result stays
        without tags. The job is still settled, because the picture is paid for, and no retry copies it again.
        """
        parameters: dict[str, Any] = {
            "Bucket": self.bucket,
            "Key": key,
            "ContentType": content_type,
            "Metadata": dict(metadata),
        }
        header = urlencode({name: value for name, value in tags.items() if not name.startswith(RESERVED_TAG_PREFIX)})
        if header and len(header) <= MAX_TAGGING_BYTES:
            parameters["Tagging"] = header
        if link.size_bytes <= SINGLE_PUT_BYTES or self.multipart_put is None:
            streaming_put.put(self.client, parameters, link.stream())
        else:
            self.multipart_put.write(parameters, link)
        if len(header) > MAX_TAGGING_BYTES:
            self._tag(key, dict(parse_qsl(header, keep_blank_values=True)))

    def write_report(self, key: str, report: Mapping[str, object], order: str) -> None:
        """Write the report to `key`, unless a report of a newer version of the source is there."""
        if self._report_order(key) > order:
            return
        body = json.dumps(report, ensure_ascii=False, indent=2, sort_keys=True).encode()
        parameters: Any = {"ContentType": "application/json", "Metadata": {REPORT_ORDER: order}}
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body, **parameters)

    def remove_report(self, key: str, order: str) -> None:
        """Delete the report if there is one, unless it is of a newer version. Without the check, each call would leave a delete
        marker."""
        if "" < self._report_order(key) <= order:
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
        metadata = self._metadata(key)
        return "" if metadata is None else metadata.get(REPORT_ORDER, "0")

    def _metadata(self, key: str) -> Mapping[str, str] | None:
        try:
            return self.client.head_object(Bucket=self.bucket, Key=key).get("Metadata", {})
        except ClientError as error:
            if error.response["Error"]["Code"] in streaming_put.ABSENT_CODES:
                return None
            raise
