"""Computes the version of an upload. The same file with the same settings gets the same version, and so the same job, in every
run of one account. In another account it is another job.

So a repeated command finds the jobs that an earlier command paid for. This module must not upload.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Collection, Iterator
from datetime import UTC, datetime

from darkroom.model import SourceObject
from darkroom_local.folder.uploads import Item
from darkroom_local.run.credits_csv import asked_for

_ANY_TIME = datetime.fromtimestamp(0, UTC)  # the id of a version's job does not depend on it


def version_of(
    item: Item,
    content: str,
    bucket: str,
    ended: Collection[str],
    account_id: str = "",
    known: Collection[str] = (),
) -> str:
    """Return the version for the item's upload, whose content has the digest `content`. A job in `ended` cannot be continued, so
    that a new job must begin. The other jobs in `known`, by their ids, can be: the newest one is continued, because the result of
    the one before it could not be saved."""
    newest = ""
    for version in _versions(item, content, account_id):
        job_id = _job_id(bucket, item.key, version)
        if job_id in ended:
            continue
        if job_id not in known:
            return newest or version
        newest = version
    raise AssertionError  # there is always another version


def _versions(item: Item, content: str, account_id: str) -> Iterator[str]:
    whose = [account_id] if account_id else []
    for time in itertools.count():
        yield hashlib.sha256(json.dumps([content, asked_for(item), time, *whose]).encode()).hexdigest()[:32]


def _job_id(bucket: str, key: str, version: str) -> str:
    return SourceObject(bucket, key, version, etag="", size_bytes=0, last_modified=_ANY_TIME).job_id
