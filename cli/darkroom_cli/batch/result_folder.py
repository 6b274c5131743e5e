"""Brings results into a folder of this machine. It replaces no file but an earlier result that is as it was saved, and no key
leads out of the folder."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from s3transfer.exceptions import RetriesExceededError, S3DownloadFailedError

from darkroom.output_keys import RECEIPT_JOB
from darkroom_local.results.files import UnsafeKey, check_targets, safe_target, written_whole
from darkroom_local.results.saved_files import SavedFiles

if TYPE_CHECKING:
    from darkroom.model import Job

# What S3 or the way to it does to a download: a refusal, a lost connection, or more cut connections than it is tried again for.
DOWNLOAD_ERRORS = (ClientError, BotoCoreError, RetriesExceededError, S3DownloadFailedError)
MISSING = frozenset({"NoSuchKey", "404"})


class NotSaved(Exception):
    """The result is in the output bucket, or was there, but not in the folder. The message says why."""


@dataclass
class ResultFolder:
    """The folder `out` for the results of the bucket. `prefix` is left out of the names of files: the stack's InputPrefix.

    A file that has the size and the time of the object is the object, as `aws s3 sync` has it; it is not fetched again.
    """

    s3: Any = field(repr=False)
    bucket: str
    out: Path
    prefix: str = ""
    _earlier: SavedFiles = field(init=False, repr=False)  # which a newer result may replace

    def __post_init__(self) -> None:
        self._earlier = SavedFiles(self.out)

    def prepare(self) -> None:
        """Make the folder, so that it is known to be writable before anything is paid. Raises NotSaved."""
        try:
            self.out.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise NotSaved(f"{str(self.out)!r} cannot be made: {problem.strerror}") from None
        if not os.access(self.out, os.W_OK | os.X_OK):
            raise NotSaved(f"you may not write to {str(self.out)!r}")

    def check(self, output_key: str) -> None:
        """Raise NotSaved if the result could not be saved, so that nothing is paid for it. Call this before the upload."""
        name = output_key.removeprefix(self.prefix)
        try:
            check_targets(self.out, name)
            target = safe_target(self.out, name)
            is_free = not target.exists() or self._earlier.looks_saved(target)
        except (UnsafeKey, OSError) as problem:
            raise NotSaved(str(problem)) from None
        if not is_free:
            self._take_for_saved(target, self._head(output_key))

    def _take_for_saved(self, target: Path, head: dict[str, Any] | None) -> None:
        """Note a file that is a copy of the result in the bucket, however it came here. Raises NotSaved if it is none."""
        try:
            if head is None or not _is_copy(target, head):
                raise NotSaved(f"{str(target)!r} exists and is no result of Darkroom: move it, or give another --out")
            self._earlier.add(target, target)
        except OSError as problem:
            raise NotSaved(str(problem)) from None

    def save(self, job: Job) -> Path:
        """Return the file with the job's result. Repeat safe: it is fetched only once. Raises NotSaved."""
        try:
            return self._saved(job)
        except DOWNLOAD_ERRORS as problem:  # before OSError, which botocore's time-outs are too
            raise NotSaved(f"it could not be fetched: {getattr(problem, 'last_exception', problem)}") from None
        except (UnsafeKey, OSError) as problem:
            raise NotSaved(str(problem)) from None

    def _saved(self, job: Job) -> Path:
        key = job.require_dispatch().output_key
        head = self._head(key)
        if head is None:
            raise NotSaved(f"the output bucket no longer holds {key!r}")
        if head.get("Metadata", {}).get(RECEIPT_JOB) != job.job_id:
            raise NotSaved(f"{key!r} holds the result of another upload meanwhile")
        target = safe_target(self.out, key.removeprefix(self.prefix))
        if not (target.exists() and _is_copy(target, head)):
            self._fetch(key, target, head)
        return target

    def _fetch(self, key: str, target: Path, head: dict[str, Any]) -> None:
        def check(partial: Path) -> None:
            if target.exists() and not self._earlier.is_saved(target):
                raise UnsafeKey(f"{str(target)!r} is in the way: move it, or give another --out")
            seconds = _seconds(head["LastModified"])
            os.utime(partial, (seconds, seconds))
            self._earlier.add(target, partial)

        with written_whole(target, check) as file:
            self.s3.download_fileobj(self.bucket, key, file)

    def _head(self, key: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self.s3.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in MISSING:
                raise
            return None
        return found


def _is_copy(file: Path, head: dict[str, Any]) -> bool:
    stat = file.stat()
    return stat.st_size == head["ContentLength"] and int(stat.st_mtime) == _seconds(head["LastModified"])


def _seconds(when: datetime) -> int:
    return int(when.timestamp())
