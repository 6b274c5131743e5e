"""Writes bytes of unknown length into a bucket in constant memory, by one PUT or a multipart upload."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PART_BYTES = 8 * 1024 * 1024  # 10,000 parts allow 78 GiB; one part at a time is in memory, without a copy
ABSENT_CODES = frozenset({"404", "NoSuchKey", "NotFound", "NoSuchUpload"})  # S3's error codes for what does not exist


NO_CONDITION: Mapping[str, Any] = MappingProxyType({})


def put(
    client: S3Client,
    parameters: Mapping[str, Any],
    chunks: Iterator[bytes],
    condition: Mapping[str, Any] = NO_CONDITION,
) -> None:
    """Write all chunks to an object. `parameters` has Bucket, Key, and parameters that both PutObject and CreateMultipartUpload
    take. `condition` is the IfMatch or IfNoneMatch of PutObject and CompleteMultipartUpload.

    Raises what the iterator and S3 raise. Then a multipart upload is aborted, and no object is written. Repeat safe.
    """
    parts = _gather_parts(chunks)
    first, is_all = next(parts)
    if is_all:
        client.put_object(Body=first, **parameters, **condition)
    else:
        _multipart(client, parameters, first, parts, condition)


def _multipart(
    client: S3Client,
    parameters: Mapping[str, Any],
    first: io.BytesIO,
    rest: Iterator[tuple[io.BytesIO, bool]],
    condition: Mapping[str, Any],
) -> None:
    # The call that completes the upload names the parts' checksums. S3 keeps them only if this call names the algorithm.
    upload_id = client.create_multipart_upload(**parameters, ChecksumAlgorithm="CRC32")["UploadId"]
    target: Any = {"Bucket": parameters["Bucket"], "Key": parameters["Key"], "UploadId": upload_id}
    try:
        uploaded = [_upload_part(client, target, 1, first)]
        uploaded += [_upload_part(client, target, number, part) for number, (part, _) in enumerate(rest, start=2)]
        client.complete_multipart_upload(MultipartUpload={"Parts": uploaded}, **target, **condition)
    except BaseException:
        client.abort_multipart_upload(**target)
        raise


def _upload_part(client: S3Client, target: Mapping[str, Any], number: int, part: io.BytesIO) -> Any:
    """Upload the part. Return its entry for CompleteMultipartUpload, with the ETag and the checksum from S3's answer."""
    answer = client.upload_part(PartNumber=number, Body=part, **target)
    checksums = {name: value for name, value in answer.items() if name == "ETag" or name.startswith("ChecksumCRC")}
    return {"PartNumber": number, **checksums}


def _gather_parts(chunks: Iterator[bytes]) -> Iterator[tuple[io.BytesIO, bool]]:
    """Gather chunks into parts of PART_BYTES. Yield each part, and True for the last one, which may be shorter or empty.

    All parts use the same buffer, so the caller must send a part before it takes the next one.
    """
    part = io.BytesIO()
    for chunk in chunks:
        unwritten = memoryview(chunk)
        while unwritten:
            if part.tell() == PART_BYTES:
                part.seek(0)
                yield part, False
                part.seek(0)
                part.truncate()
            space = PART_BYTES - part.tell()
            part.write(unwritten[:space])
            unwritten = unwritten[space:]
    part.seek(0)
    yield part, True
