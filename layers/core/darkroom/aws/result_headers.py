"""Result headers: what a result has beside its bytes, as parameters of S3's requests. Pure; it must not call AWS.

S3 refuses a request whose headers have more than 8 KB together (S3 user guide, "Working with object metadata"). The user's
metadata and tags are each within their own limits, and may still be too long together.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode

from darkroom.model import SERVING_HEADERS
from darkroom.ports import ResultHeaders

MAX_HEADER_BYTES = 8192  # all headers of a request, names and values
# For what the SDK adds: host, dates, checksum and signature take about 800 bytes, the session token of a role the rest. AWS
# gives no limit for a token (IAM user guide, "Temporary security credentials"); a function's had about 1,000 bytes (2026-11).
SDK_BYTES = 3072
RESERVED_TAG_PREFIX = "aws:"  # only AWS itself may set such tags
# S3's answers to headers that it does not take (S3 API reference, "List of error codes").
REFUSED_HEADERS = frozenset({"RequestHeaderSectionTooLarge", "MetadataTooLarge", "InvalidTag"})
METADATA_PREFIX = "x-amz-meta-"


def parameters(headers: ResultHeaders) -> dict[str, Any]:
    """Return the parameters of PutObject and CreateMultipartUpload for these headers, without the tags."""
    served = {name.replace("-", ""): value for name, value in headers.serving_headers.items() if _fits_a_header(value)}
    return {"ContentType": headers.content_type, "Metadata": {**headers.receipt, **headers.metadata}, **served}


def bare_parameters(headers: ResultHeaders) -> dict[str, Any]:
    """Return the parameters for what a result must have: its content type and its receipt."""
    return {"ContentType": headers.content_type, "Metadata": dict(headers.receipt)}


def allowed_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that a program may set."""
    return {name: value for name, value in tags.items() if not name.startswith(RESERVED_TAG_PREFIX)}


def tagging(tags: Mapping[str, str], given: Mapping[str, Any]) -> str | None:
    """Return the tags as a header, or None if they must be set after the object is written: beside the parameters `given`, the
    request's headers would be too long."""
    header = urlencode(tags)
    return header if _header_bytes(given) + len(header) <= MAX_HEADER_BYTES - SDK_BYTES else None


def serving_headers(head: Mapping[str, Any]) -> dict[str, str]:
    """Return those of SERVING_HEADERS that an answer to HeadObject has. The SDK leaves out an Expires that is no date."""
    found = {name: head.get(name.replace("-", "")) for name in SERVING_HEADERS}
    return {
        name: value if isinstance(value, str) else format_datetime(value.astimezone(UTC), usegmt=True)
        for name, value in found.items()
        if value
    }


def _header_bytes(given: Mapping[str, Any]) -> int:
    """Return the bytes that the parameters take as headers. A metadata name stands in the list of signed headers too."""
    metadata: Mapping[str, str] = given["Metadata"]
    named = sum(2 * len(METADATA_PREFIX + name) + len(value) + len(": \r\n;") for name, value in metadata.items())
    return named + sum(len(name) + len(str(value)) for name, value in given.items() if name != "Metadata")


def _fits_a_header(value: str) -> bool:
    return value.isascii() and value.isprintable()
