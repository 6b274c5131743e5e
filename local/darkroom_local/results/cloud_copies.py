"""Removes a picture and its result from the buckets of an embedded cloud once the cloud needs them no longer.

The cloud holds every upload in memory, and without an account every result too: 40,000 photos of 4 MB would take 160 GB. This
module must not decide whether a result is in the folder.
"""

from __future__ import annotations

from typing import Any

from darkroom.model import TERMINAL
from darkroom_local.folder.uploads import Sent
from darkroom_local.results import downloads
from darkroom_local.results.downloads import Outcome


def may_go(outcome: Outcome) -> bool:
    """Return whether nothing reads the job's copies any more, once its row is in `credits.csv`. A job in doubt or one that waits
    for the operator may still be sent. A result that was not saved is the only one."""
    return outcome.job.status in TERMINAL and not outcome.is_lost


def remove(s3: Any, input_bucket: str, output_bucket: str, sent: Sent, outcome: Outcome) -> None:
    """Delete the upload's version, and the result. Exact versions are deleted, so that no delete marker hides
    a newer upload, and no newer result is lost. Repeat safe.

    A late message about the upload still finds the job, by the version in its event.
    """
    if sent.version:
        s3.delete_object(Bucket=input_bucket, Key=sent.item.key, VersionId=sent.version)
    key = outcome.job.output_key if outcome.is_completed else None
    version = downloads.version_of_result(s3, output_bucket, key, sent.job_id) if key else None
    if version:
        s3.delete_object(Bucket=output_bucket, Key=key, VersionId=version)
