"""The keys of results, failure reports and staged results in the output bucket, and the receipts of results. All functions are
pure; this module must not touch a bucket."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from urllib.parse import quote

from darkroom.errors import InvalidSetting
from darkroom.model import RESULT_FORMATS, ImageFormat, Job, SourceObject, Upload

FAILED_PREFIX = "_failed/"
OWN_PREFIX = "_darkroom/"
FOLDER_FILE = "darkroom.toml"  # the name of a file of settings in the input bucket, see folder_files
STORAGE_CHECK_KEY = f"{OWN_PREFIX}storage-check"  # written and removed by finalize
RECEIPT_JOB, RECEIPT_PROCESS = "darkroom-job", "darkroom-process-id"
S3_METADATA_LIMIT_BYTES = 2048  # names and values together; S3 user guide, "Working with object metadata"
S3_KEY_LIMIT_BYTES = 1024  # UTF-8; S3 user guide, "Naming Amazon S3 objects"
SUPERSEDED_MARK = re.compile(r"\.superseded-[0-9a-f]{12}")  # `superseded_key` adds this mark
MAX_SUFFIX_BYTES = 16  # a longer text after the last dot counts as part of the name, not as a suffix
MAX_SOURCE_BYTES = 900  # a longer source is replaced by its hash, so that the receipt fits into the metadata

SUFFIXES: Mapping[ImageFormat, tuple[str, ...]] = {
    ImageFormat.JPEG: (".jpeg", ".jpg", ".jpe", ".jfif"),
    ImageFormat.PNG: (".png",),
    ImageFormat.TIFF: (".tiff", ".tif"),
    ImageFormat.WEBP: (".webp",),
    ImageFormat.GIF: (".gif",),
}


def is_upload(key: str, prefix: str = "", suffixes: Sequence[str] = ()) -> bool:
    """Return whether an object with that key is an upload. Its key has the stack's prefix and one of the stack's suffixes, and it
    is neither a folder marker, nor a `darkroom.toml`, nor an object that Darkroom itself wrote."""
    is_ours = bool(key) and not key.endswith("/") and not key.startswith((FAILED_PREFIX, OWN_PREFIX))
    if key.rpartition("/")[2] == FOLDER_FILE:
        return False
    return is_ours and key.startswith(prefix) and key.endswith(tuple(suffixes) or "")


def output_key(source_key: str, source_format: ImageFormat, output_format: ImageFormat) -> str:
    """Return the key of the result. It is the source's key, with a new suffix if the format changes. Raises InvalidSetting if the
    new key is too long for S3."""
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
    """Return the key of a result that came in the format `form`, with a suffix of that format.

    If that key is too long for S3, return the source's key unchanged, because the result is paid for and must be stored. Its
    Content-Type is right with either key.
    """
    try:
        return exact_key_in_format(source_key, form)
    except InvalidSetting:
        return source_key


def exact_key_in_format(source_key: str, form: ImageFormat) -> str:
    """Return the same key as `key_in_format`, but raise InvalidSetting if it is too long for S3. Use this for checks before money
    is spent."""
    suffix = posixpath.splitext(source_key)[1].lower()
    named = next((known for known, suffixes in SUFFIXES.items() if suffix in suffixes), form)
    return output_key(source_key, named, form)


def result_keys(source_key: str) -> tuple[str, ...]:
    """Return all keys under which a result of the source may be stored, except the keys of superseded results."""
    stem, suffix = posixpath.splitext(source_key)
    is_known = any(suffix.lower() in suffixes for suffixes in SUFFIXES.values())
    others = (
        (stem if is_known else source_key) + suffixes[0] for suffixes in map(SUFFIXES.__getitem__, RESULT_FORMATS)
    )
    return (source_key, *(key for key in others if key != source_key and len(key.encode()) <= S3_KEY_LIMIT_BYTES))


def result_base(job: Job) -> str:
    """Return the key from which the keys of the job's result are made: the source's, or the one that `[output]` of a
    `darkroom.toml` gave the result."""
    if job.dispatch is None:
        return job.source_key
    usual = {*result_keys(job.source_key), *(key_in_format(job.source_key, form) for form in RESULT_FORMATS)}
    return job.source_key if job.dispatch.output_key in usual else job.dispatch.output_key


def superseded_key(key: str, job_id: str) -> str:
    """Return the key for the result of an older version, for use if the result of a newer version is already at `key`."""
    stem, suffix = posixpath.splitext(key)
    if len(suffix.encode()) > MAX_SUFFIX_BYTES:
        stem, suffix = key, ""
    mark = f".superseded-{job_id[:12]}{suffix}"
    return stem.encode()[: S3_KEY_LIMIT_BYTES - len(mark.encode())].decode(errors="ignore") + mark


def check_key_fits_a_link(key: str) -> None:
    """Raise InvalidSetting for a key with a folder `.` or `..`. HTTP clients remove such folders from a URL, and then its
    signature is wrong."""
    if {".", ".."} & set(key.split("/")):
        raise InvalidSetting(
            "the provider fetches by URL, and the key has a folder named `.` or `..`: upload it under another key"
        )


def incoming_key(job_id: str) -> str:
    """Return the key at which the job's synchronous result is staged until finalize publishes it."""
    return f"{OWN_PREFIX}incoming/{job_id}"


def plain_key(key: str) -> str:
    """Return the key without the mark of a superseded result. This is the key that is claimed in the ledger."""
    return SUPERSEDED_MARK.sub("", key)


def report_key(source_key: str) -> str:
    """Return the report's key, `_failed/<key>.json`. If it is too long for S3, it is cut and a hash is added."""
    key = f"{FAILED_PREFIX}{source_key}.json"
    if len(key.encode()) <= S3_KEY_LIMIT_BYTES:
        return key
    digest = hashlib.sha256(source_key.encode()).hexdigest()[:16]
    head = source_key.encode()[: S3_KEY_LIMIT_BYTES - 64].decode(errors="ignore")
    return f"{FAILED_PREFIX}{head}-{digest}.json"


def upload_of(job: Job) -> Upload:
    """Return the upload that the job was made from."""
    return Upload(bucket=job.source_bucket, key=job.source_key, version_id=job.source_version)


def missing_source(upload: Upload, now: datetime) -> SourceObject | None:
    """Return a stand-in for an object that no longer exists, from which its job id can be computed. Return None if the upload has
    no version id."""
    if not upload.version_id:
        return None
    return SourceObject(upload.bucket, upload.key, upload.version_id, upload.etag or "", 0, now)


def receipt(job: Job, credits: Decimal) -> dict[str, str]:
    """Return the metadata by which a result is known as this job's. It always fits into S3's 2 KB."""
    source = quote(job.source_uri, safe="/")
    if len(source) > MAX_SOURCE_BYTES:
        source = "sha256:" + hashlib.sha256(job.source_uri.encode()).hexdigest()
    return {
        RECEIPT_JOB: job.job_id,
        "darkroom-source": source,
        "darkroom-source-version": job.source_version or "",
        "darkroom-provider": job.require_provider(),
        "darkroom-model": job.require_model(),
        RECEIPT_PROCESS: job.require_process().process_id,
        "darkroom-credits": f"{credits.normalize():f}",
    }


def kept_metadata(written: Mapping[str, str], user: Mapping[str, str]) -> dict[str, str]:
    """Return the user's metadata as far as it is ASCII and fits into S3's 2 KB beside the receipt `written`."""
    kept: dict[str, str] = {}
    left = S3_METADATA_LIMIT_BYTES - sum(len(k) + len(v) for k, v in written.items())
    for name, value in user.items():
        size = len(name.encode()) + len(value.encode())
        if name not in written and size <= left and name.isascii() and value.isascii() and value.isprintable():
            kept[name] = value
            left -= size
    return kept
