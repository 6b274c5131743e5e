"""Brings results and failure reports from the output bucket to a folder of the operator's machine.

Keys come from the bucket and are not trusted: none leaves the folder, by `..`, an absolute path, or a link in it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from botocore.exceptions import ClientError

from darkroom.errors import CURES, ErrorCode
from darkroom.model import JobStatus
from darkroom.naming import report_key
from darkroom_local import pictures
from darkroom_local.following import JobView
from darkroom_local.stack import LocalStack
from darkroom_local.uploads import Item


class UnsafeKey(Exception):
    """A key that would be written outside of the chosen folder."""


@dataclass(frozen=True)
class Outcome:
    """What became of one item: its job, the sizes before and after, the file or the reason there is none."""

    item: Item
    job: JobView
    size: pictures.Size | None
    result: Path | None = None
    result_size: pictures.Size | None = None
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_completed(self) -> bool:
        """Whether the result is in the folder."""
        return self.result is not None

    @property
    def is_failure(self) -> bool:
        """Whether the uploader asked for a result and got none."""
        return not self.is_completed and self.job.status is not JobStatus.SKIPPED

    @property
    def code(self) -> str:
        """The closed error code, empty when there is none."""
        return str(self.report.get("code") or self.job.error_code or "")

    @property
    def message(self) -> str:
        """Why there is no result."""
        return str(self.report.get("message") or self.job.error or "")

    @property
    def cure(self) -> str:
        """What to do about it."""
        known = CURES.get(ErrorCode(self.code), "") if self.code in set(ErrorCode) else ""
        return str(self.report.get("cure") or known)


def fetch(stack: LocalStack, item: Item, job: JobView, out: Path) -> Outcome:
    """Downloads what a job left: the result, or the failure report. Raises UnsafeKey."""
    size = pictures.size_of(item.path)
    s3 = stack.endpoint.client("s3")
    if job.status is JobStatus.COMPLETED and job.output_key:
        target = _download(s3, stack.output_bucket, job.output_key, out)
        return Outcome(item, job, size, target, pictures.size_of(target))
    return Outcome(item, job, size, report=_report(s3, stack.output_bucket, item.key))


def safe_target(out: Path, key: str) -> Path:
    """The path below `out` that a key names. Raises UnsafeKey."""
    parts = key.split("/")
    odd = not all(parts) or {".", ".."} & set(parts) or "\\" in key or not key.isprintable()
    if odd or PurePosixPath(key).is_absolute():
        raise UnsafeKey(f"The key {key!r} is not written to disk: it is no plain path below a folder.")
    base = out.resolve()
    target = base.joinpath(*parts)
    if not target.parent.resolve().is_relative_to(base) or target.is_symlink():
        raise UnsafeKey(f"The key {key!r} is not written to disk: a link in {str(out)!r} leads outside of it.")
    return target


def _download(s3: Any, bucket: str, key: str, out: Path) -> Path:
    target = safe_target(out, key)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        with partial.open("xb") as file:
            s3.download_fileobj(bucket, key, file)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def _report(s3: Any, bucket: str, key: str) -> dict[str, Any]:
    try:
        body = s3.get_object(Bucket=bucket, Key=report_key(key))["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
            return {}
        raise
    report: dict[str, Any] = json.loads(body)
    return report
