"""Which version an upload is: the same file with the same settings is the same version, and so the same job, in every run.

That is what lets a repeated command find what an earlier one paid for. It must not upload.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Collection, Iterator
from datetime import UTC, datetime

from darkroom.model import SourceObject
from darkroom_local.credits_csv import asked_for
from darkroom_local.folder_uploads import Item

_ANY_TIME = datetime.fromtimestamp(0, UTC)  # the id of a version's job does not depend on it


def version_of(item: Item, bucket: str, ended: Collection[str]) -> str:
    """The version of the item's upload: the first whose job is none of the `ended` ones. Those have their result or their
    reason, and to ask again is to begin anew. Raises OSError when the file cannot be read."""
    return next(version for version in _versions(item) if _job_id(bucket, item.key, version) not in ended)


def _versions(item: Item) -> Iterator[str]:
    with item.path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    for time in itertools.count():
        yield hashlib.sha256(json.dumps([content, asked_for(item), time]).encode()).hexdigest()[:32]


def _job_id(bucket: str, key: str, version: str) -> str:
    return SourceObject(bucket, key, version, etag="", size_bytes=0, last_modified=_ANY_TIME).job_id
