"""An in-memory S3 with the client calls that the adapters make. It is fast, and its errors are S3's.

Any other call, argument or form of an argument raises an error, so that no test passes because something was ignored.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote_plus
from uuid import uuid4

from botocore.response import StreamingBody

from tests.fakes import s3_objects
from tests.fakes.s3_answers import Unsupported, head, listed, metadata, of_version, s3_error
from tests.fakes.s3_objects import Bucket, Upload, Version
from tests.fakes.s3_requests import (
    acknowledged,
    byte_range,
    check_condition,
    checked_key,
    kept_headers,
    listed_parts,
    md5,
    tags_of_header,
    unique_tags,
)

OWNER = "123456789012"
MOST_LISTED = 1000  # entries on one page of a listing


class InMemoryS3:
    """Replaces `boto3.client("s3")`. `buckets` maps the name of each bucket to whether it is versioned. `meta` is that of a real
    client, which an adapter may ask for the region and for the SDK's model of the service.
    """

    def __init__(self, buckets: Mapping[str, bool], meta: Any) -> None:
        self.meta = meta
        self._buckets = {name: Bucket(versioned) for name, versioned in buckets.items()}

    def head_bucket(self, *, Bucket: str, ExpectedBucketOwner: str = OWNER) -> dict[str, Any]:
        """Say whether the bucket exists and is the owner's. A header of the answer names its region."""
        self._bucket("HeadBucket", Bucket)
        if ExpectedBucketOwner != OWNER:
            raise s3_error("HeadBucket", "AccessDenied")
        return {"ResponseMetadata": metadata(**{"x-amz-bucket-region": self.meta.region_name})}

    def create_bucket(self, *, Bucket: str, CreateBucketConfiguration: Mapping[str, str]) -> dict[str, Any]:
        """Create a bucket without versioning in the client's region."""
        if Bucket in self._buckets or CreateBucketConfiguration != {"LocationConstraint": self.meta.region_name}:
            raise Unsupported(f"no bucket {Bucket!r} can be created with {CreateBucketConfiguration}")
        self._buckets[Bucket] = s3_objects.Bucket(versioned=False)
        return {"ResponseMetadata": metadata()}

    def delete_bucket(self, *, Bucket: str) -> dict[str, Any]:
        """Delete an empty bucket."""
        if next(self._bucket("DeleteBucket", Bucket).listed(), None) is not None:
            raise s3_error("DeleteBucket", "BucketNotEmpty")
        del self._buckets[Bucket]
        return {"ResponseMetadata": metadata()}

    def put_object(
        self,
        *,
        Bucket: str,
        Key: str,
        Body: Any = b"",
        Tagging: str = "",
        IfMatch: str | None = None,
        IfNoneMatch: str | None = None,
        **kept: Any,
    ) -> dict[str, Any]:
        """Write an object if the condition is met."""
        bucket = self._bucket("PutObject", Bucket)
        check_condition("PutObject", bucket.current(checked_key(Key)), IfMatch, IfNoneMatch)
        body = Body if isinstance(Body, bytes) else Body.read()
        etag = f'"{md5(body).hex()}"'
        version = Version(Key, bucket.new_version_id(), body, etag, kept_headers(**kept), tags_of_header(Tagging))
        bucket.add(version)
        return {"ETag": etag, **of_version(version.version_id), "ResponseMetadata": metadata()}

    def head_object(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> dict[str, Any]:
        """Return what an object has beside its bytes."""
        return head(self._object("HeadObject", Bucket, Key, VersionId))

    def get_object(
        self,
        *,
        Bucket: str,
        Key: str,
        VersionId: str | None = None,
        Range: str | None = None,
        IfMatch: str | None = None,
        IfNoneMatch: str | None = None,
    ) -> dict[str, Any]:
        """Return an object as a stream, or one range of it."""
        version = self._object("GetObject", Bucket, Key, VersionId)
        if IfMatch not in (None, version.etag):
            raise s3_error("GetObject", "PreconditionFailed")
        if IfNoneMatch == version.etag:
            raise s3_error("GetObject", "304")
        body = version.body or b""
        answer = head(version)
        if Range is not None:
            first, end = byte_range(Range, len(body))
            answer["ContentRange"] = f"bytes {first}-{end - 1}/{len(body)}"
            body = body[first:end]
        answer["ContentLength"] = len(body)
        return {**answer, "Body": StreamingBody(io.BytesIO(body), len(body))}

    def delete_object(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> dict[str, Any]:
        """Delete a version for good. Without `VersionId`, a versioned bucket hides the object behind a delete marker."""
        bucket = self._bucket("DeleteObject", Bucket)
        if bucket.versioned and VersionId is None:
            marker = Version(Key, bucket.new_version_id(), None)
            bucket.add(marker)
            return {"VersionId": marker.version_id, "ResponseMetadata": metadata()}
        found = bucket.current(Key) if VersionId is None else bucket.version(Key, VersionId)
        if found is not None:
            bucket.remove(found)
        return {**({"VersionId": VersionId} if VersionId else {}), "ResponseMetadata": metadata()}

    def get_object_tagging(self, *, Bucket: str, Key: str, VersionId: str | None = None) -> dict[str, Any]:
        """Return the tags of an object."""
        version = self._object("GetObjectTagging", Bucket, Key, VersionId)
        tags = [{"Key": name, "Value": value} for name, value in version.tags.items()]
        return {"TagSet": tags, **of_version(version.version_id), "ResponseMetadata": metadata()}

    def put_object_tagging(self, *, Bucket: str, Key: str, Tagging: Mapping[str, Any]) -> dict[str, Any]:
        """Replace the tags of an object."""
        version = self._object("PutObjectTagging", Bucket, Key, None)
        tags = unique_tags((tag["Key"], tag["Value"]) for tag in Tagging["TagSet"])
        self._buckets[Bucket].replace(version, replace(version, tags=tags))
        return {"ResponseMetadata": metadata()}

    def list_objects_v2(self, *, Bucket: str) -> dict[str, Any]:
        """Return the keys of a bucket, if one page has them all."""
        bucket = self._bucket("ListObjectsV2", Bucket)
        current = [one for one in bucket.listed() if one is bucket.current(one.key) and one.body is not None]
        if len(current) > MOST_LISTED:
            raise Unsupported(f"{len(current)} objects, but list_objects_v2 has only one page of {MOST_LISTED}")
        found = [
            {"Key": one.key, "ETag": one.etag, "Size": len(one.body or b""), "LastModified": one.last_modified}
            for one in current
        ]
        contents = {"Contents": found} if found else {}
        return {"IsTruncated": False, "KeyCount": len(found), **contents, "ResponseMetadata": metadata()}

    def list_object_versions(
        self,
        *,
        Bucket: str,
        Prefix: str = "",
        KeyMarker: str | None = None,
        VersionIdMarker: str | None = None,
        MaxKeys: int = MOST_LISTED,
    ) -> dict[str, Any]:
        """Return one page of the versions and delete markers. It begins behind the version that the two markers name."""
        bucket = self._bucket("ListObjectVersions", Bucket)
        entries = list(bucket.listed(Prefix))
        if KeyMarker is not None:
            last = next(
                (n for n, one in enumerate(entries) if (one.key, one.version_id) == (KeyMarker, VersionIdMarker)), None
            )
            if last is None:
                raise Unsupported(f"no version is at the markers {KeyMarker!r} and {VersionIdMarker!r}")
            entries = entries[last + 1 :]
        page = entries[: min(MaxKeys, MOST_LISTED)]
        found = {
            "Versions": [listed(one, is_latest=one is bucket.current(one.key)) for one in page if one.body is not None],
            "DeleteMarkers": [
                listed(one, is_latest=one is bucket.current(one.key)) for one in page if one.body is None
            ],
        }
        more = (
            {"NextKeyMarker": page[-1].key, "NextVersionIdMarker": page[-1].version_id}
            if len(entries) > len(page)
            else {}
        )
        shown = {name: one for name, one in found.items() if one}
        return {"IsTruncated": bool(more), **more, **shown, "ResponseMetadata": metadata()}

    def create_multipart_upload(
        self, *, Bucket: str, Key: str, Tagging: str = "", ChecksumAlgorithm: str | None = None, **kept: Any
    ) -> dict[str, Any]:
        """Begin an upload in parts, without checksums or with CRC-32."""
        if ChecksumAlgorithm not in (None, "CRC32"):
            raise Unsupported(f"the only checksum algorithm is CRC32, not {ChecksumAlgorithm!r}")
        bucket = self._bucket("CreateMultipartUpload", Bucket)
        upload = Upload(
            checked_key(Key), uuid4().hex, ChecksumAlgorithm is not None, kept_headers(**kept), tags_of_header(Tagging)
        )
        bucket.uploads[upload.upload_id] = upload
        return {"Bucket": Bucket, "Key": Key, "UploadId": upload.upload_id, "ResponseMetadata": metadata()}

    def upload_part(self, *, Bucket: str, Key: str, UploadId: str, PartNumber: int, Body: Any) -> dict[str, Any]:
        """Keep one part of an upload."""
        body = Body if isinstance(Body, bytes) else Body.read()
        self._upload("UploadPart", Bucket, Key, UploadId).parts[PartNumber] = body
        return {**acknowledged(body), "ResponseMetadata": metadata()}

    def complete_multipart_upload(
        self,
        *,
        Bucket: str,
        Key: str,
        UploadId: str,
        MultipartUpload: Mapping[str, Any],
        IfMatch: str | None = None,
        IfNoneMatch: str | None = None,
    ) -> dict[str, Any]:
        """Put an object together from the listed parts, if the condition is met."""
        upload = self._upload("CompleteMultipartUpload", Bucket, Key, UploadId)
        bucket = self._buckets[Bucket]
        parts = listed_parts(upload, MultipartUpload["Parts"])
        check_condition("CompleteMultipartUpload", bucket.current(Key), IfMatch, IfNoneMatch)
        etag = f'"{md5(b"".join(map(md5, parts))).hex()}-{len(parts)}"'
        version = Version(Key, bucket.new_version_id(), b"".join(parts), etag, upload.headers, upload.tags)
        bucket.add(version)
        del bucket.uploads[UploadId]
        return {"Key": Key, "ETag": etag, **of_version(version.version_id), "ResponseMetadata": metadata()}

    def abort_multipart_upload(self, *, Bucket: str, Key: str, UploadId: str) -> dict[str, Any]:
        """Delete an upload and its parts."""
        self._upload("AbortMultipartUpload", Bucket, Key, UploadId)
        del self._buckets[Bucket].uploads[UploadId]
        return {"ResponseMetadata": metadata()}

    def list_multipart_uploads(self, *, Bucket: str, EncodingType: str = "") -> dict[str, Any]:
        """Return the unfinished uploads, if one page has them all."""
        uploads = sorted(
            self._bucket("ListMultipartUploads", Bucket).uploads.values(), key=lambda one: (one.key, one.initiated_at)
        )
        if len(uploads) > MOST_LISTED or EncodingType not in ("", "url"):
            raise Unsupported(f"{len(uploads)} uploads, encoding {EncodingType!r}: list_multipart_uploads has one page")
        found = [
            {
                "Key": quote_plus(one.key, safe="/") if EncodingType else one.key,
                "UploadId": one.upload_id,
                "Initiated": one.initiated_at,
            }
            for one in uploads
        ]
        encoding = {"EncodingType": EncodingType} if EncodingType else {}
        contents = {"Uploads": found} if found else {}
        return {"IsTruncated": False, **encoding, **contents, "ResponseMetadata": metadata()}

    def _bucket(self, operation: str, name: str) -> Bucket:
        if name not in self._buckets:
            raise s3_error(operation, "NoSuchBucket")
        return self._buckets[name]

    def _object(self, operation: str, bucket: str, key: str, version_id: str | None) -> Version:
        contents = self._bucket(operation, bucket)
        if version_id and not contents.versioned:
            raise Unsupported(f"{bucket!r} has no versions, so none can be {version_id!r}")
        found = contents.version(key, version_id) if version_id else contents.current(key)
        if found is None:
            raise s3_error(operation, "NoSuchVersion" if version_id else "NoSuchKey")
        if found.body is None:
            is_allowed = version_id is None and operation != "PutObjectTagging"
            raise s3_error(operation, "NoSuchKey" if is_allowed else "MethodNotAllowed")
        return found

    def _upload(self, operation: str, bucket: str, key: str, upload_id: str) -> Upload:
        upload = self._bucket(operation, bucket).uploads.get(upload_id)
        if upload is None or upload.key != key:
            raise s3_error(operation, "NoSuchUpload")
        return upload
