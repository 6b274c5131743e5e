"""The output bucket: results, failure reports, receipts read back."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from botocore.exceptions import ClientError

from darkroom.aws import streaming_put
from darkroom.aws.multipart import MultipartCopy
from darkroom.model import UnfinishedUpload
from darkroom.ports import ResultLink

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

SMALL_BYTES = streaming_put.PART_BYTES  # goes by one PUT
MAX_UNFINISHED = 10_000  # multipart uploads looked at in one round
RESERVED = "aws:"  # tags that only AWS itself may set
MAX_TAGGING_BYTES = 4096  # of 8 KiB of headers, in which the user's metadata has 2 KiB
REPORT_ORDER = "darkroom-order"  # of the version that failed, see `SourceObject.order`

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class S3OutputBucket:
    """Fulfils `ports.OutputBucket` on one bucket."""

    client: S3Client
    bucket: str
    pump: MultipartCopy | None = None  # for results larger than a part; none where nothing so large is written

    def receipt(self, key: str) -> Mapping[str, str]:
        """HeadObject's user metadata; empty when the key is free."""
        return self._metadata(key) or {}

    def write(
        self, key: str, link: ResultLink, content_type: str, metadata: Mapping[str, str], tags: Mapping[str, str]
    ) -> None:
        """All bytes of the link, with what describes them; an upload that breaks leaves nothing.

        Tags too long for a header are put behind the object. A process that dies between leaves the result without them: it
        is settled all the same, since what is paid for is the picture, and no retry copies it again for its tags."""
        described: dict[str, Any] = {
            "Bucket": self.bucket,
            "Key": key,
            "ContentType": content_type,
            "Metadata": dict(metadata),
        }
        header = urlencode({name: value for name, value in tags.items() if not name.startswith(RESERVED)})
        if header and len(header) <= MAX_TAGGING_BYTES:
            described["Tagging"] = header
        if link.size_bytes <= SMALL_BYTES or self.pump is None:
            streaming_put.put(self.client, described, link.stream())
        else:
            self.pump.write(described, link)
        if len(header) > MAX_TAGGING_BYTES:
            self._tag(key, dict(parse_qsl(header, keep_blank_values=True)))

    def write_report(self, key: str, report: Mapping[str, object], order: str) -> None:
        """`_failed/<key>.json`, unless a newer version of the source left one there."""
        if self._report_order(key) > order:
            return
        body = json.dumps(report, ensure_ascii=False, indent=2, sort_keys=True).encode()
        described: Any = {"ContentType": "application/json", "Metadata": {REPORT_ORDER: order}}
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body, **described)

    def remove_report(self, key: str, order: str) -> None:
        """Deletes the report, if there is one and it is not a newer version's: a bare delete would leave a marker."""
        if "" < self._report_order(key) <= order:
            self.client.delete_object(Bucket=self.bucket, Key=key)

    def unfinished(self) -> list[UnfinishedUpload]:
        """At most ten pages of ListMultipartUploads."""
        bounds: Any = {"MaxItems": MAX_UNFINISHED}
        pages = self.client.get_paginator("list_multipart_uploads").paginate(
            Bucket=self.bucket, PaginationConfig=bounds
        )
        uploads = [one for page in pages for one in page.get("Uploads", [])]
        return [UnfinishedUpload(one["Key"], one["UploadId"], one["Initiated"]) for one in uploads]

    def abort(self, upload: UnfinishedUpload) -> None:
        """AbortMultipartUpload; one that is no longer there is as good as aborted."""
        try:
            self.client.abort_multipart_upload(Bucket=self.bucket, Key=upload.key, UploadId=upload.upload_id)
        except ClientError as error:
            if error.response["Error"]["Code"] not in streaming_put.ABSENT:
                raise

    def _tag(self, key: str, tags: Mapping[str, str]) -> None:
        """Tags what stands there. A refusal is logged and nothing else: it must not keep a result from being settled."""
        named: Any = [{"Key": name, "Value": value} for name, value in tags.items()]
        try:
            self.client.put_object_tagging(Bucket=self.bucket, Key=key, Tagging={"TagSet": named})
        except ClientError as error:
            code = error.response["Error"]["Code"]
            log.warning("a result stands without its source's tags", extra={"key": key, "why": code})

    def _report_order(self, key: str) -> str:
        """Empty when there is no report; one without an order is older than all."""
        metadata = self._metadata(key)
        return "" if metadata is None else metadata.get(REPORT_ORDER, "0")

    def _metadata(self, key: str) -> Mapping[str, str] | None:
        try:
            return self.client.head_object(Bucket=self.bucket, Key=key).get("Metadata", {})
        except ClientError as error:
            if error.response["Error"]["Code"] in streaming_put.ABSENT:
                return None
            raise
