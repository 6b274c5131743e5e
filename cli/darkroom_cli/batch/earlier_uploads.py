"""Finds out whether a file was uploaded by `darkroom enhance` before, so that nothing is paid for twice.

Each upload carries a mark in its metadata: a digest of the file's bytes and one of the settings that were given with it. An
upload in the bucket with the same mark is the same request, and its job is followed instead of a new one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.errors import SourceGone
from darkroom.model import SourceObject, Upload
from darkroom.setting_layers import canonical

if TYPE_CHECKING:
    from darkroom.ports import InputBucket

MARK = "darkroom-source-digest"  # begins as receipts do, so that it is never taken for a setting
FILE_DIGITS, SETTINGS_DIGITS = 40, 16  # hexadecimal digits of SHA-256; two files with equal ones do not occur


class Standing(StrEnum):
    """What the bucket holds under a file's key."""

    NOTHING = "nothing"
    SAME = "same"  # the same bytes, sent with the same settings
    OTHER_SETTINGS = "other settings"  # the same bytes, sent with other settings
    OTHER_PICTURE = "other picture"  # other bytes, or an upload that another program made


@dataclass(frozen=True)
class Earlier:
    """The upload that stands under a file's key, if there is one."""

    standing: Standing
    source: SourceObject | None = None

    @property
    def condition(self) -> Mapping[str, str]:
        """The condition of S3 under which a new upload replaces exactly what was seen. It keeps two commands that run at the
        same time from uploading the same file twice."""
        return {"IfMatch": f'"{self.source.etag}"'} if self.source else {"IfNoneMatch": "*"}


def mark_of(path: Path, settings: Mapping[str, str]) -> str:
    """Return the mark of a file and its settings. Raises OSError."""
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    written = "\0".join(sorted(f"{canonical(key)}={value}" for key, value in settings.items()))
    return f"{content[:FILE_DIGITS]}-{hashlib.sha256(written.encode()).hexdigest()[:SETTINGS_DIGITS]}"


def look(bucket: InputBucket, name: str, key: str, mark: str) -> Earlier:
    """Return what stands in the bucket `name` under the key, by one HeadObject. Raises SourceDenied."""
    try:
        source = bucket.find(Upload(name, key))
    except SourceGone:
        return Earlier(Standing.NOTHING)
    found = source.metadata.get(MARK, "")
    if found == mark:
        return Earlier(Standing.SAME, source)
    same_file = found[:FILE_DIGITS] == mark[:FILE_DIGITS]
    return Earlier(Standing.OTHER_SETTINGS if same_file else Standing.OTHER_PICTURE, source)
