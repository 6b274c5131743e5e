"""The output bucket: results by multipart upload in constant memory, failure reports, receipts read back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from botocore.exceptions import ClientError

from darkroom.model import UnfinishedUpload
from darkroom.ports import ResultLink

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PART_BYTES = 8 * 1024 * 1024  # 10,000 parts allow 78 GiB; one part and its copy in flight stay under 20 MiB
MAX_UNFINISHED = 10_000  # multipart uploads looked at in one round
ABSENT = frozenset({"404", "NoSuchKey", "NotFound", "NoSuchUpload"})
REPORT_ORDER = "darkroom-order"  # of the version that failed, see `SourceObject.order`


@dataclass(frozen=True)
class S3Outputs:
    """Fulfils `ports.Outputs` on one bucket."""

    client: S3Client
    bucket: str

    def receipt(self, key: str) -> Mapping[str, str]:
        """HeadObject's user metadata; empty when the key is free."""
        return self._metadata(key) or {}

    def write(
        self, key: str, link: ResultLink, content_type: str, metadata: Mapping[str, str], tags: Mapping[str, str]
    ) -> None:
        """One PUT for a result of one part, else a multipart upload that is aborted when the stream breaks."""
        described: dict[str, Any] = {
            "Bucket": self.bucket,
            "Key": key,
            "ContentType": content_type,
            "Metadata": dict(metadata),
        }
        if tags:
            described["Tagging"] = urlencode(tags)
        if link.size_bytes <= PART_BYTES:
            self.client.put_object(Body=b"".join(link.stream()), **described)
        else:
            self._multipart(key, link, described)

    def _multipart(self, key: str, link: ResultLink, described: Mapping[str, Any]) -> None:
        upload_id = self.client.create_multipart_upload(**described)["UploadId"]
        target: Any = {"Bucket": self.bucket, "Key": key, "UploadId": upload_id}
        try:
            parts: list[Any] = []
            for number, piece in enumerate(_parts(link.stream()), start=1):
                answer = self.client.upload_part(PartNumber=number, Body=piece, **target)
                parts.append({k: v for k, v in answer.items() if k == "ETag" or k.startswith("Checksum")})
                parts[-1]["PartNumber"] = number
                parts[-1].pop("ChecksumType", None)
            self.client.complete_multipart_upload(MultipartUpload={"Parts": parts}, **target)
        except BaseException:
            self.client.abort_multipart_upload(**target)
            raise

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
            if error.response["Error"]["Code"] not in ABSENT:
                raise

    def _report_order(self, key: str) -> str:
        """Empty when there is no report; one without an order is older than all."""
        metadata = self._metadata(key)
        return "" if metadata is None else metadata.get(REPORT_ORDER, "0")

    def _metadata(self, key: str) -> Mapping[str, str] | None:
        try:
            return self.client.head_object(Bucket=self.bucket, Key=key).get("Metadata", {})
        except ClientError as error:
            if error.response["Error"]["Code"] in ABSENT:
                return None
            raise


def _parts(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Gathers small pieces into parts of PART_BYTES; the last may be shorter."""
    part = bytearray()
    for piece in pieces:
        part += piece
        if len(part) >= PART_BYTES:
            full, part = bytes(memoryview(part)[:PART_BYTES]), part[PART_BYTES:]  # the gathered bytes go before the upload
            yield full
    if part:
        yield bytes(part)
