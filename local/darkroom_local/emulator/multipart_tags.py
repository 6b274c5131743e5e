"""Lets the embedded cloud keep the tags of multipart uploads. ministack 1.5.33 drops the header x-amz-tagging of
CreateMultipartUpload, so that an upload's settings would be lost. S3 gives these tags to the object that is completed."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs

from darkroom_local.emulator.version import require

_UPLOAD_ID = re.compile(rb"<UploadId>([^<]+)</UploadId>")


def keep_tags() -> None:
    """Change ministack's S3. Call this once, before the cloud serves. Raises EmulatorChanged."""
    from ministack.services import s3

    require(
        s3, {"_create_multipart_upload": "headers", "_complete_multipart_upload": "query_params"}, ("_object_tags",)
    )
    create, complete = s3._create_multipart_upload, s3._complete_multipart_upload
    tags_of: dict[str, dict[str, str]] = {}

    def create_with_tags(bucket: str, key: str, headers: dict[str, str]) -> Any:
        status, answered, body = create(bucket, key, headers)
        upload_id = _UPLOAD_ID.search(body)
        if upload_id and (header := headers.get("x-amz-tagging")):
            parsed = parse_qs(header, keep_blank_values=True)
            tags_of[upload_id[1].decode()] = {name: values[0] for name, values in parsed.items()}
        return status, answered, body

    def complete_with_tags(bucket: str, key: str, body: bytes, query_params: dict[str, Any], headers: Any) -> Any:
        status, answered, text = complete(bucket, key, body, query_params, headers)
        given = query_params.get("uploadId", "")
        tags = tags_of.pop(given[0] if isinstance(given, list) else given, None) if status == 200 else None
        if tags:
            s3._object_tags[(bucket, key, answered.get("x-amz-version-id"))] = tags
        return status, answered, text

    s3._create_multipart_upload, s3._complete_multipart_upload = create_with_tags, complete_with_tags
