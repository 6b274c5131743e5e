"""The contents of one in-memory bucket: versions, delete markers and unfinished multipart uploads. It knows no requests."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

NO_VERSION = "null"  # the version id of every object in a bucket without versioning


def now() -> datetime:
    """Return the time in S3's resolution of whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True, eq=False)
class Version:
    """A version of an object, or a delete marker, which has no body. `headers` are the parameters under which HeadObject returns
    what the object has beside its bytes."""

    key: str
    version_id: str
    body: bytes | None
    etag: str = ""
    headers: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    last_modified: datetime = field(default_factory=now)


@dataclass
class Upload:
    """An unfinished multipart upload. `headers` and `tags` are those of its object.

    `has_checksums` says whether the request that completes it lists the parts with their checksums.
    """

    key: str
    upload_id: str
    has_checksums: bool
    headers: Mapping[str, Any]
    tags: Mapping[str, str]
    initiated_at: datetime = field(default_factory=now)
    parts: dict[int, bytes] = field(default_factory=dict)


@dataclass
class Bucket:
    """Holds the versions of each key, the newest first, and all keys in S3's order."""

    versioned: bool
    uploads: dict[str, Upload] = field(default_factory=dict)
    _versions: dict[str, list[Version]] = field(default_factory=dict)
    _keys: list[str] = field(default_factory=list)

    def current(self, key: str) -> Version | None:
        """Return the newest version, which may be a delete marker."""
        versions = self._versions.get(key)
        return versions[0] if versions else None

    def version(self, key: str, version_id: str) -> Version | None:
        """Return this version, if it exists."""
        return next((one for one in self._versions.get(key, ()) if one.version_id == version_id), None)

    def new_version_id(self) -> str:
        """Return an id for a version that will be added."""
        return str(uuid4()) if self.versioned else NO_VERSION

    def add(self, version: Version) -> None:
        """Make this version the current one. In a bucket without versioning, it replaces the object."""
        if version.key not in self._versions:
            insort(self._keys, version.key)
        self._versions[version.key] = [version, *(self._versions.get(version.key, ()) if self.versioned else ())]

    def replace(self, old: Version, new: Version) -> None:
        """Put `new` in the place of `old`."""
        versions = self._versions[old.key]
        versions[versions.index(old)] = new

    def remove(self, version: Version) -> None:
        """Delete this version for good."""
        versions = self._versions[version.key]
        versions.remove(version)
        if not versions:
            del self._versions[version.key]
            self._keys.remove(version.key)

    def listed(self, prefix: str = "") -> Iterator[Version]:
        """Yield all versions and delete markers: key by key in the order of their code points, each key's newest first."""
        for key in self._keys:
            if key.startswith(prefix):
                yield from self._versions[key]
