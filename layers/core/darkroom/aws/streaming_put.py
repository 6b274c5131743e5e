"""Bytes of any length into a bucket in constant memory: one PUT when they fit into a part, else a multipart upload."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PART_BYTES = 8 * 1024 * 1024  # 10,000 parts allow 78 GiB; one part is held at a time, and no copy of it
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
        _multipart(client, described, first, parts)


def _multipart(
    client: S3Client, described: Mapping[str, Any], first: io.BytesIO, rest: Iterator[tuple[io.BytesIO, bool]]
) -> None:
    # Parts are named by their checksums, which S3 keeps only for an upload that was begun with the algorithm.
    upload_id = client.create_multipart_upload(**described, ChecksumAlgorithm="CRC32")["UploadId"]
    target: Any = {"Bucket": described["Bucket"], "Key": described["Key"], "UploadId": upload_id}
    try:
        sent = [_sent(client, target, 1, first)]
        sent += [_sent(client, target, number, part) for number, (part, _) in enumerate(rest, start=2)]
        client.complete_multipart_upload(MultipartUpload={"Parts": sent}, **target)
    except BaseException:
        client.abort_multipart_upload(**target)
        raise


def _sent(client: S3Client, target: Mapping[str, Any], number: int, part: io.BytesIO) -> Any:
    """The part as it must be named to complete the upload: by its ETag and the checksum that S3 answered with."""
    answer = client.upload_part(PartNumber=number, Body=part, **target)
    named = {name: value for name, value in answer.items() if name == "ETag" or name.startswith("ChecksumCRC")}
    return {"PartNumber": number, **named}


def _parts(pieces: Iterator[bytes]) -> Iterator[tuple[io.BytesIO, bool]]:
    """Gathers pieces into parts of PART_BYTES; with each, whether it is the last, which may be shorter or empty.

    All are one buffer, filled anew: a part must be sent before the next one is asked for.
    """
    part = io.BytesIO()
    for piece in pieces:
        left = memoryview(piece)
        while left:
            if part.tell() == PART_BYTES:
                part.seek(0)
                yield part, False
                part.seek(0)
                part.truncate()
            room = PART_BYTES - part.tell()
            part.write(left[:room])
            left = left[room:]
    part.seek(0)
    yield part, True
