"""The output bucket: results, failure reports, receipts read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from botocore.exceptions import ClientError

from darkroom.aws import transfers
from darkroom.aws.pump import Pump
from darkroom.model import UnfinishedUpload
from darkroom.ports import ResultLink

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

SMALL_BYTES = transfers.PART_BYTES  # goes by one PUT
MAX_UNFINISHED = 10_000  # multipart uploads looked at in one round
REPORT_ORDER = "darkroom-order"  # of the version that failed, see `SourceObject.order`


@dataclass(frozen=True)
class S3Outputs:
    """Fulfils `ports.Outputs` on one bucket."""

    client: S3Client
    bucket: str
    pump: Pump | None = None  # for results larger than a part; none where nothing so large is written

    def receipt(self, key: str) -> Mapping[str, str]:
        """HeadObject's user metadata; empty when the key is free."""
        return self._metadata(key) or {}

    def write(
        self, key: str, link: ResultLink, content_type: str, metadata: Mapping[str, str], tags: Mapping[str, str]
    ) -> None:
        """All bytes of the link, with what describes them; an upload that breaks leaves nothing."""
        described: dict[str, Any] = {
            "Bucket": self.bucket,
            "Key": key,
            "ContentType": content_type,
            "Metadata": dict(metadata),
        }
        if tags:
            described["Tagging"] = urlencode(tags)
        if link.size_bytes <= SMALL_BYTES or self.pump is None:
            transfers.put(self.client, described, link.stream())
        else:
            self.pump.write(described, link)

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
            if error.response["Error"]["Code"] not in transfers.ABSENT:
                raise

    def _report_order(self, key: str) -> str:
        """Empty when there is no report; one without an order is older than all."""
        metadata = self._metadata(key)
        return "" if metadata is None else metadata.get(REPORT_ORDER, "0")

    def _metadata(self, key: str) -> Mapping[str, str] | None:
        try:
            return self.client.head_object(Bucket=self.bucket, Key=key).get("Metadata", {})
        except ClientError as error:
            if error.response["Error"]["Code"] in transfers.ABSENT:
                return None
            raise
