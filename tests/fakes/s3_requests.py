"""Reads the parameters of requests to the in-memory S3, and refuses those that S3 refuses. All functions are pure."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from botocore.exceptions import ParamValidationError
from botocore.utils import parse_to_aware_datetime

from tests.fakes.s3_answers import Unsupported, s3_error
from tests.fakes.s3_objects import Upload, Version

MOST_KEY_BYTES = 1024
MOST_TAGS = 10
LEAST_PART_BYTES = 5 * 1024 * 1024  # of every part but the last
SERVED = frozenset({"CacheControl", "ContentDisposition", "ContentLanguage"})


def checked_key(key: str) -> str:
    """Return the key if it has a length that S3 allows."""
    if not 0 < len(key.encode()) <= MOST_KEY_BYTES:
        raise Unsupported(f"a key has 1 to {MOST_KEY_BYTES} bytes, not {len(key.encode())}")
    return key


def check_condition(operation: str, current: Version | None, if_match: str | None, if_none_match: str | None) -> None:
    """Raise the error of a write whose condition is not met."""
    if if_none_match not in (None, "*"):
        raise Unsupported(f"the only If-None-Match of a write is *, not {if_none_match!r}")
    etag = current.etag if current is not None and current.body is not None else None
    if if_match is not None and etag is None:
        raise s3_error(operation, "NoSuchKey")
    if if_match not in (None, etag) or (if_none_match is not None and etag is not None):
        raise s3_error(operation, "PreconditionFailed")


def kept_headers(
    *,
    ContentType: str = "binary/octet-stream",
    Metadata: Mapping[str, str] | None = None,
    Expires: Any = None,
    **served: str,
) -> dict[str, Any]:
    """Return the headers that an object keeps, as HeadObject returns them. Names of metadata are in lower case there."""
    if served.keys() - SERVED:
        raise Unsupported(f"an argument is not supported: {sorted(served.keys() - SERVED)}")
    given = {name.lower(): value for name, value in (Metadata or {}).items()}
    if any(value != value.strip() for value in given.values()):
        raise Unsupported(f"a header has no space around it: {given}")
    if not all(name.isascii() and value.isascii() for name, value in given.items()):
        raise ParamValidationError(report="Non ascii characters found in S3 metadata")
    expires = {} if Expires is None else {"Expires": parse_to_aware_datetime(Expires)}
    return {"ContentType": ContentType, "Metadata": given, **served, **expires}


def tags_of_header(text: str) -> dict[str, str]:
    """Return the tags that the parameter `Tagging` of a write has in the form of a query."""
    return unique_tags(parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text)))


def unique_tags(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the tags if S3 allows them for one object."""
    given = list(pairs)
    tags = dict(given)
    if len(tags) < len(given) or len(tags) > MOST_TAGS:
        raise Unsupported(f"an object has up to {MOST_TAGS} tags with different keys, not {given}")
    return tags


def acknowledged(part: bytes) -> dict[str, str]:
    """Return the ETag and the checksum of a part, as they stand in the answer to its upload and in the list of parts."""
    crc = base64.b64encode(zlib.crc32(part).to_bytes(4, "big")).decode()
    return {"ETag": f'"{md5(part).hex()}"', "ChecksumCRC32": crc}


def listed_parts(upload: Upload, entries: list[Mapping[str, Any]]) -> list[bytes]:
    """Return the parts that the entries name. Each entry must be as the part was acknowledged."""
    parts = []
    for entry in entries:
        if ("ChecksumCRC32" in entry) is not upload.has_checksums:
            raise Unsupported(
                "parts are listed with their checksums if and only if the upload was begun with an algorithm"
            )
        part = upload.parts.get(entry["PartNumber"])
        if part is None or not entry.items() <= {"PartNumber": entry["PartNumber"], **acknowledged(part)}.items():
            raise s3_error("CompleteMultipartUpload", "InvalidPart")
        parts.append(part)
    if any(len(part) < LEAST_PART_BYTES for part in parts[:-1]):
        raise s3_error("CompleteMultipartUpload", "EntityTooSmall")
    return parts


def md5(body: bytes) -> bytes:
    """Return the digest of which S3 makes ETags."""
    return hashlib.md5(body, usedforsecurity=False).digest()


def byte_range(text: str, size_bytes: int) -> tuple[int, int]:
    """Return the first byte and the end of a range such as `bytes=0-9` of an object."""
    match = re.fullmatch(r"bytes=(\d+)-(\d+)", text)
    if match is None or int(match[1]) > int(match[2]):
        raise Unsupported(f"the only form of a range is bytes=FIRST-LAST, not {text!r}")
    first, end = int(match[1]), min(int(match[2]) + 1, size_bytes)
    if first >= end:
        raise s3_error("GetObject", "InvalidRange")
    return first, end
