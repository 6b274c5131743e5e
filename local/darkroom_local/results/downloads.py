"""Downloads results and failure reports from the output bucket into a folder on the operator's machine."""

from __future__ import annotations

import filecmp
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from darkroom.errors import ErrorCode
from darkroom.model import JobStatus
from darkroom.output_keys import RECEIPT_JOB, report_key
from darkroom.setting_layers import canonical
from darkroom_local.folder import picture_sizes
from darkroom_local.folder.uploads import Item, Sent, Source
from darkroom_local.results import cures
from darkroom_local.results.files import InTheWay, UnsafeKey, safe_target, written_whole
from darkroom_local.results.job_views import JobView
from darkroom_local.results.saved_files import SavedFiles

NOT_SENT = "NOT SENT"
_MISSING = frozenset({"NoSuchKey", "404"})
_PAY_AGAIN = "Look for the file where you moved it. With `--again`, the picture is made and paid again."
_MAKE_WAY = "Move that file away, then run the same command without `--again`: the result waits for it."
NOT_SAVED = "NOT SAVED"  # paid, but not in the folder


@dataclass(frozen=True)
class Outcome:
    """The outcome of one item: its job, the sizes before and after, and the result's file or the reason why there is none."""

    item: Item
    job: JobView
    size: picture_sizes.Size | None
    result: Path | None = None
    result_size: picture_sizes.Size | None = None
    report: Mapping[str, Any] = field(default_factory=dict)
    source: Source | None = None  # the file as it was uploaded
    advice: str = ""  # on what to do, instead of the error code's

    @property
    def word(self) -> str:
        """The outcome in a word or two, for people."""
        if not self.job.job_id:
            return NOT_SENT
        return NOT_SAVED if self.is_lost else self.job.word

    @property
    def label(self) -> str:
        """The label in the item's settings, or an empty text."""
        return next((value for key, value in self.item.settings.items() if canonical(key) == "label"), "")

    @property
    def is_lost(self) -> bool:
        """True if there is a result that is not in the folder."""
        return self.job.status is JobStatus.COMPLETED and not self.is_completed

    @property
    def is_completed(self) -> bool:
        """True if the result is in the folder."""
        return self.result is not None

    @property
    def is_failure(self) -> bool:
        """True if the uploader asked for a result and got none."""
        return not self.is_completed and self.job.status is not JobStatus.SKIPPED

    @property
    def code(self) -> str:
        """The public error code, or an empty text."""
        return str(self.report.get("code") or self.job.error_code or "")

    @property
    def message(self) -> str:
        """The reason why there is no result."""
        return str(self.report.get("message") or self.job.error or "")

    @property
    def cure(self) -> str:
        """The advice on what to do, or an empty text."""
        if self.advice:
            return self.advice
        if self.code in set(ErrorCode):
            return cures.CURES[ErrorCode(self.code)]
        return cures.IN_DOUBT if self.job.status is JobStatus.IN_DOUBT else str(self.report.get("cure", ""))


def fetch(s3: Any, bucket: str, sent: Sent, job: JobView, saved: SavedFiles, ours: Collection[str]) -> Outcome:
    """Download the result of a job into the folder of `saved`, or read its failure report, and return the outcome. Repeat safe.

    The result's key may also have results of other jobs, which are left alone. If a result cannot be written, that is an outcome
    too, so that the results of other files are still saved. Files in the folder whose keys are not in `ours`, and those that were
    edited, belong to the operator and are never overwritten.
    """
    item, size = sent.item, picture_sizes.size_of(sent.item.path)
    if job.status is not JobStatus.COMPLETED or not job.output_key:
        return Outcome(item, job, size, report=_report(s3, bucket, item.key), source=sent.source)
    version = version_of_result(s3, bucket, job.output_key, job.job_id)
    if version is None:
        report = {
            "message": "An earlier run paid for the result, and Darkroom no longer has it.",
            "cure": _PAY_AGAIN,
        }
        return Outcome(item, job, size, report=report, source=sent.source)
    try:
        target = _download(s3, bucket, job.output_key, version, saved, ours)
    except InTheWay as error:
        report = {"message": f"The result is paid, and not saved: {error}", "cure": _MAKE_WAY}
        return Outcome(item, job, size, report=report, source=sent.source)
    except (OSError, UnsafeKey) as error:
        report = {"message": f"The result is paid, but could not be written: {error}", "cure": _how_to_bring(job)}
        return Outcome(item, job, size, report=report, source=sent.source)
    return Outcome(item, job, size, target, picture_sizes.size_of(target), source=sent.source)


def version_of_result(s3: Any, bucket: str, key: str, job_id: str) -> str | None:
    """Return the id of the version at the key that is the job's result by its receipt; None if there is none. The bucket must
    have versions."""
    from botocore.exceptions import ClientError  # not at the top: a command says its first line before AWS is imported

    try:
        newest = s3.head_object(Bucket=bucket, Key=key)
        if newest["Metadata"].get(RECEIPT_JOB) == job_id:
            return str(newest["VersionId"])
    except ClientError as error:
        if error.response["Error"]["Code"] not in _MISSING:
            raise
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
        for version in [one["VersionId"] for one in page.get("Versions", []) if one["Key"] == key]:
            older = s3.head_object(Bucket=bucket, Key=key, VersionId=version)
            if older["Metadata"].get(RECEIPT_JOB) == job_id:
                return str(version)
    return None


def not_sent(item: Item, why: str, cure: str) -> Outcome:
    """Return the outcome of a file that was not uploaded and so costs nothing."""
    return Outcome(item, JobView(""), picture_sizes.size_of(item.path), report={"message": why, "cure": cure})


def unreadable(item: Item, error: OSError) -> Outcome:
    """Return the outcome of a file that was not uploaded because it cannot be read."""
    return not_sent(item, f"The file cannot be read: {error}", "Make it readable, then run again.")


def _how_to_bring(job: JobView) -> str:
    mend = "Free some space, or make its place writable. Then run the same command without `--again`: it brings the result."
    return f"{mend} {job.provider} keeps it for a while too (process {job.process_id})."


def _download(s3: Any, bucket: str, key: str, version: str, saved: SavedFiles, ours: Collection[str]) -> Path:
    from boto3.s3.transfer import TransferConfig

    target = safe_target(saved.folder, key)

    def check(partial: Path) -> None:
        # A file with the same bytes is this result. The run that saved it was killed before it could write the row.
        if target.exists() and not filecmp.cmp(partial, target, shallow=False):
            if key not in ours:
                raise InTheWay(f"{str(target)!r} is in the way, and is no result of Darkroom.")
            if saved.is_edited(target):
                raise InTheWay(f"{str(target)!r} is in the way: it was changed since Darkroom saved it.")
        saved.add(target, partial)

    with written_whole(
        target, check
    ) as file:  # on the disk for good, because the account forgets a result that is home
        # The bucket is on this machine, so threads would cost more time than they save.
        transfer = TransferConfig(use_threads=False)
        s3.download_fileobj(bucket, key, file, ExtraArgs={"VersionId": version}, Config=transfer)
    return target


def _report(s3: Any, bucket: str, key: str) -> dict[str, Any]:
    from botocore.exceptions import ClientError

    try:
        body = s3.get_object(Bucket=bucket, Key=report_key(key))["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in _MISSING:
            return {}
        raise
    report: dict[str, Any] = json.loads(body)
    return report
