"""Where things go in the output bucket: result keys, failure reports, receipts. Pure; it must not touch a bucket."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from urllib.parse import quote

from darkroom.errors import InvalidSetting
from darkroom.model import ImageFormat, Job, SourceObject, Upload

FAILED_PREFIX = "_failed/"
OWN_PREFIX = "_darkroom/"
RECEIPT_JOB = "darkroom-job"
S3_METADATA_LIMIT_BYTES = 2048  # names and values together; S3 user guide, "Working with object metadata"
S3_KEY_LIMIT_BYTES = 1024  # UTF-8; S3 user guide, "Naming Amazon S3 objects"
SUPERSEDED = re.compile(r"\.superseded-[0-9a-f]{12}")  # see superseded_key
MAX_SUFFIX_BYTES = 16  # a longer tail after the last dot is part of the name
MAX_SOURCE_BYTES = 900  # a longer percent-encoded source is replaced by its hash, so that the rest of the receipt fits

SUFFIXES: Mapping[ImageFormat, tuple[str, ...]] = {
    ImageFormat.JPEG: (".jpeg", ".jpg", ".jpe", ".jfif"),
    ImageFormat.PNG: (".png",),
    ImageFormat.TIFF: (".tiff", ".tif"),
}


def is_upload(key: str, prefix: str = "", suffixes: Sequence[str] = ()) -> bool:
    """Whether the stack takes such a key, by its prefix and suffixes. Never folder markers and what Darkroom itself writes."""
    is_ours = bool(key) and not key.endswith("/") and not key.startswith((FAILED_PREFIX, OWN_PREFIX))
    return is_ours and key.startswith(prefix) and key.endswith(tuple(suffixes) or "")


def output_key(source_key: str, source_format: ImageFormat, output_format: ImageFormat) -> str:
    """The source's key; its suffix changes only if the format does. Raises InvalidSetting when S3 cannot hold it."""
    if source_format is output_format:
        return source_key
    stem, suffix = posixpath.splitext(source_key)
    known = {s for suffixes in SUFFIXES.values() for s in suffixes}
    key = (stem if suffix.lower() in known else source_key) + SUFFIXES[output_format][0]
    if len(key.encode()) > S3_KEY_LIMIT_BYTES:
        raise InvalidSetting(
            f"output_format={output_format.value} makes the key longer than the {S3_KEY_LIMIT_BYTES} bytes"
            " that S3 allows: upload under a shorter key"
        )
    return key


def key_in_format(source_key: str, form: ImageFormat) -> str:
    """Where a result goes whose format is known only once it is there: a suffix that would be wrong is replaced. Where S3
    could not hold the right one, the wrong one stays: the result is paid, and its Content-Type says what it is."""
    try:
        return right_key(source_key, form)
    except InvalidSetting:
        return source_key


def right_key(source_key: str, form: ImageFormat) -> str:
    """As `key_in_format`, but raises InvalidSetting when S3 cannot hold the key: while nothing is spent."""
    suffix = posixpath.splitext(source_key)[1].lower()
    named = next((known for known, suffixes in SUFFIXES.items() if suffix in suffixes), form)
    return output_key(source_key, named, form)


def result_keys(source_key: str) -> tuple[str, ...]:
    """Every key at which a result of any version of the source may stand, but for those of superseded ones."""
    stem, suffix = posixpath.splitext(source_key)
    is_known = any(suffix.lower() in suffixes for suffixes in SUFFIXES.values())
    others = ((stem if is_known else source_key) + suffixes[0] for suffixes in SUFFIXES.values())
    return (source_key, *(key for key in others if key != source_key and len(key.encode()) <= S3_KEY_LIMIT_BYTES))


def superseded_key(key: str, job_id: str) -> str:
    """Where the result of an older version goes while a newer one's stands at `key`."""
    stem, suffix = posixpath.splitext(key)
    if len(suffix.encode()) > MAX_SUFFIX_BYTES:
        stem, suffix = key, ""
    mark = f".superseded-{job_id[:12]}{suffix}"
    return stem.encode()[: S3_KEY_LIMIT_BYTES - len(mark.encode())].decode(errors="ignore") + mark


def check_linkable(key: str) -> None:
    """Raises InvalidSetting for a key that those who fetch by URL would shorten, so that its signature breaks."""
    if {".", ".."} & set(key.split("/")):
        raise InvalidSetting(
            "the provider fetches by URL, and the key has a folder named `.` or `..`: upload it under another key"
        )


def incoming_key(job_id: str) -> str:
    """Where the result of a synchronous call waits for finalize: one place a job."""
    return f"{OWN_PREFIX}incoming/{job_id}"


def plain_key(key: str) -> str:
    """The key that an older version's result would have had: the one the ledger knows."""
    return SUPERSEDED.sub("", key)


def report_key(source_key: str) -> str:
    """`_failed/<key>.json`; a key too long for that keeps its head and gets a hash."""
    key = f"{FAILED_PREFIX}{source_key}.json"
    if len(key.encode()) <= S3_KEY_LIMIT_BYTES:
        return key
    digest = hashlib.sha256(source_key.encode()).hexdigest()[:16]
    head = source_key.encode()[: S3_KEY_LIMIT_BYTES - 64].decode(errors="ignore")
    return f"{FAILED_PREFIX}{head}-{digest}.json"


def upload_of(job: Job) -> Upload:
    """The upload a job came from, to read it again."""
    return Upload(bucket=job.source_bucket, key=job.source_key, version_id=job.source_version)


def vanished(upload: Upload, now: datetime) -> SourceObject | None:
    """Enough of an object that is no longer there to name its job; None where the event gives no version."""
    if not upload.version_id:
        return None
    return SourceObject(upload.bucket, upload.key, upload.version_id, upload.etag or "", 0, now)


def receipt_metadata(job: Job, credits: Decimal, user: Mapping[str, str]) -> dict[str, str]:
    """Object metadata of a result: the receipt first, then the user's as far as S3's 2 KB of ASCII allow."""
    source = quote(job.source_uri, safe="/")
    if len(source) > MAX_SOURCE_BYTES:
        source = "sha256:" + hashlib.sha256(job.source_uri.encode()).hexdigest()
    metadata = {
        RECEIPT_JOB: job.job_id,
        "darkroom-source": source,
        "darkroom-source-version": job.source_version or "",
        "darkroom-provider": job.provider or "",
        "darkroom-model": job.model or "",
        "darkroom-process-id": job.process_id or "",
        "darkroom-credits": f"{credits.normalize():f}",
    }
    left = S3_METADATA_LIMIT_BYTES - sum(len(k) + len(v) for k, v in metadata.items())
    for name, value in user.items():
        size = len(name.encode()) + len(value.encode())
        if name not in metadata and size <= left and name.isascii() and value.isascii() and value.isprintable():
            metadata[name] = value
            left -= size
    return metadata
