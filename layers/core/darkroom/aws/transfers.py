"""Bytes of any length into a bucket in constant memory: one PUT when they fit into a part, else a multipart upload."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PART_BYTES = 8 * 1024 * 1024  # 10,000 parts allow 78 GiB; one part and its copy in flight stay under 20 MiB
ABSENT = frozenset({"404", "NoSuchKey", "NotFound", "NoSuchUpload"})  # S3's words for what is not there


def put(client: S3Client, described: Mapping[str, Any], pieces: Iterator[bytes]) -> None:
    """Writes what the pieces hold; `described` has bucket, key and what PutObject and CreateMultipartUpload take alike.

    Raises what the iterator raises: then nothing is in place, and a begun upload was aborted. Repeat safe.
    """
    parts = _parts(pieces)
    first, is_all = next(parts)
    if is_all:
        client.put_object(Body=first, **described)
    else:
        _multipart(client, described, _all(first, parts))


def _all(first: bytes, rest: Iterator[tuple[bytes, bool]]) -> Iterator[bytes]:
    """The parts from the first on; none is held here once it was handed out."""
    yield first
    del first
    for part, _ in rest:
        yield part


def _multipart(client: S3Client, described: Mapping[str, Any], parts: Iterator[bytes]) -> None:
    upload_id = client.create_multipart_upload(**described)["UploadId"]
    target: Any = {"Bucket": described["Bucket"], "Key": described["Key"], "UploadId": upload_id}
    try:
        sent: list[Any] = []
        for number, piece in enumerate(parts, start=1):
            answer = client.upload_part(PartNumber=number, Body=piece, **target)
            sent.append({k: v for k, v in answer.items() if k == "ETag" or k.startswith("Checksum")})
            sent[-1]["PartNumber"] = number
            sent[-1].pop("ChecksumType", None)
        client.complete_multipart_upload(MultipartUpload={"Parts": sent}, **target)
    except BaseException:
        client.abort_multipart_upload(**target)
        raise


def _parts(pieces: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Gathers small pieces into parts of PART_BYTES; with each, whether it is the last, which may be shorter or empty."""
    part = bytearray()
    for piece in pieces:
        while piece and len(part) >= PART_BYTES:
            full, part = (
                bytes(memoryview(part)[:PART_BYTES]),
                part[PART_BYTES:],
            )  # the gathered bytes go before the upload
            yield full, False
        part += piece
    while len(part) > PART_BYTES:
        full, part = bytes(memoryview(part)[:PART_BYTES]), part[PART_BYTES:]
        yield full, False
    yield bytes(part), True
