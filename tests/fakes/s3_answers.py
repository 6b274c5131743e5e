"""The errors of the in-memory S3, and the parts that its answers have in common."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError

from tests.fakes.s3_objects import NO_VERSION, Version

# S3 API reference, "Error responses": each code's HTTP status and message.
ERRORS = {
    "NoSuchBucket": (HTTPStatus.NOT_FOUND, "The specified bucket does not exist"),
    "NoSuchKey": (HTTPStatus.NOT_FOUND, "The specified key does not exist."),
    "NoSuchVersion": (HTTPStatus.NOT_FOUND, "The specified version does not exist."),
    "NoSuchUpload": (HTTPStatus.NOT_FOUND, "The specified upload does not exist."),
    "MethodNotAllowed": (
        HTTPStatus.METHOD_NOT_ALLOWED,
        "The specified method is not allowed against this resource.",
    ),
    "PreconditionFailed": (
        HTTPStatus.PRECONDITION_FAILED,
        "At least one of the pre-conditions you specified did not hold",
    ),
    "InvalidRange": (HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "The requested range is not satisfiable"),
    "InvalidPart": (HTTPStatus.BAD_REQUEST, "One or more of the specified parts could not be found."),
    "EntityTooSmall": (HTTPStatus.BAD_REQUEST, "Your proposed upload is smaller than the minimum allowed object size."),
    "BucketNotEmpty": (HTTPStatus.CONFLICT, "The bucket you tried to delete is not empty"),
    "AccessDenied": (HTTPStatus.FORBIDDEN, "Access Denied"),
    "304": (HTTPStatus.NOT_MODIFIED, "Not Modified"),
}


class Unsupported(AssertionError):
    """Raised for a request that S3 refuses as invalid or that this fake does not support, so that the test fails."""


def s3_error(operation: str, code: str) -> ClientError:
    """Return an error as the SDK raises it. The answer to a HEAD request has no body, so its code is the HTTP status."""
    status, message = ERRORS[code]
    if operation.startswith("Head"):
        code, message = str(status.value), status.phrase
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata(status)}, operation)


def metadata(status: HTTPStatus = HTTPStatus.OK, **headers: str) -> Any:
    """Return the entry `ResponseMetadata` of an answer."""
    return {"HTTPStatusCode": status.value, "HTTPHeaders": headers, "RetryAttempts": 0}


def of_version(version_id: str) -> dict[str, str]:
    """Return the entry `VersionId`, which answers from a bucket without versioning do not have."""
    return {} if version_id == NO_VERSION else {"VersionId": version_id}


def head(version: Version) -> dict[str, Any]:
    """Return what HeadObject and GetObject have in common."""
    return {
        "ETag": version.etag,
        "LastModified": version.last_modified,
        "ContentLength": len(version.body or b""),
        **version.headers,
        "Metadata": dict(version.headers["Metadata"]),
        **of_version(version.version_id),
        "ResponseMetadata": metadata(),
    }


def listed(version: Version, *, is_latest: bool) -> dict[str, Any]:
    """Return the entry of a version or of a delete marker in ListObjectVersions."""
    entry: dict[str, Any] = {
        "Key": version.key,
        "VersionId": version.version_id,
        "IsLatest": is_latest,
        "LastModified": version.last_modified,
    }
    return entry if version.body is None else {**entry, "ETag": version.etag, "Size": len(version.body)}
