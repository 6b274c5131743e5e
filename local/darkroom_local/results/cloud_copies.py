"""Removes a picture and its result from the buckets of an embedded cloud once the cloud needs them no longer.

The cloud holds every upload in memory, and without an account every result too: 40,000 photos of 4 MB would take 160 GB. This
module must not decide whether a result is in the folder.
"""

from __future__ import annotations

from typing import Any

from darkroom.model import TERMINAL
from darkroom.output_keys import RECEIPT_JOB
from darkroom_local.folder.uploads import Sent
from darkroom_local.results.downloads import Outcome

_ABSENT = frozenset({"404", "NoSuchKey"})


def may_go(outcome: Outcome) -> bool:
    """Return whether nothing reads the job's copies any more, once its row is in `credits.csv`. A job in doubt or one that waits
    for the operator may still be sent. A result that was not saved is the only one."""
    return outcome.job.status in TERMINAL and not outcome.is_lost


def remove(s3: Any, input_bucket: str, output_bucket: str, sent: Sent, outcome: Outcome) -> None:
    """Delete the upload's version, and the result if it is at its key. Exact versions are deleted, so that no delete marker hides
    a newer upload, and no newer result is lost. Repeat safe.

    A late message about the upload still finds the job, by the version in its event.
    """
    if sent.version:
        s3.delete_object(Bucket=input_bucket, Key=sent.item.key, VersionId=sent.version)
    key = outcome.job.output_key if outcome.is_completed else None
    version = _version_of_result(s3, output_bucket, key, sent.job_id) if key else ""
    if version:
        s3.delete_object(Bucket=output_bucket, Key=key, VersionId=version)


def _version_of_result(s3: Any, bucket: str, key: str, job_id: str) -> str:
    """Return the version at the key if it is the job's result by its receipt; otherwise an empty text."""
    from botocore.exceptions import ClientError  # not at the top: a command says its first line before AWS is imported

    try:
        head = s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in _ABSENT:
            return ""
        raise
    return str(head.get("VersionId", "")) if head.get("Metadata", {}).get(RECEIPT_JOB) == job_id else ""
