"""From files to uploads: which files of a folder are pictures, under which keys, with which tags and metadata.

It puts objects into the input bucket and answers which jobs they are. It must not check settings: submit does.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from darkroom.model import SourceObject
from darkroom_local.stack import LocalStack

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff"})
_MAX_TAGS = 10  # an object; S3 user guide, "Categorizing your objects using tags"
_MAX_TAG_VALUE = 256
_TAG_VALUE = re.compile(r"[\w .:/=+\-@]*")  # the ASCII part of what S3 takes; Unicode letters and digits are \w


class UnusableSetting(ValueError):
    """A `key=value` that neither an object tag nor object metadata can carry."""


@dataclass(frozen=True)
class Item:
    """One file to enhance: where it is, the key it gets, and its settings."""

    path: Path
    key: str
    settings: Mapping[str, str] = field(default_factory=dict)


def items_in(folder: Path, settings: Mapping[str, str]) -> list[Item]:
    """The pictures below `folder`, by key; hidden files and folders are passed over."""
    return [
        Item(path, path.relative_to(folder).as_posix(), settings)
        for path in _visible_files(folder)
        if path.suffix.lower() in PICTURE_SUFFIXES
    ]


def upload(stack: LocalStack, items: Iterable[Item]) -> Iterator[tuple[str, Item]]:
    """Uploads the items, each with its settings, and answers each one's job id as it goes."""
    s3 = stack.endpoint.client("s3")
    for item in items:
        tags, metadata = carriers(item.settings)
        with item.path.open("rb") as body:
            answer = s3.put_object(
                Bucket=stack.input_bucket, Key=item.key, Body=body, Tagging=urlencode(tags), Metadata=metadata,
                ContentType=mimetypes.guess_type(item.path.name)[0] or "application/octet-stream",
            )  # fmt: skip
        yield job_id(s3, stack.input_bucket, item.key, answer.get("VersionId")), item


def job_id(s3: Any, bucket: str, key: str, version_id: str | None) -> str:
    """The job that an uploaded object is, by the one function that the application uses itself."""
    version = {"VersionId": version_id} if version_id and version_id != "null" else {}
    head = s3.head_object(Bucket=bucket, Key=key, **version)
    source = SourceObject(
        bucket=bucket, key=key, version_id=version.get("VersionId"), etag=head["ETag"].strip('"'),
        size_bytes=head["ContentLength"], last_modified=head["LastModified"],
    )  # fmt: skip
    return source.job_id


def parse_settings(pairs: Iterable[str]) -> dict[str, str]:
    """`key=value` texts as settings. Raises UnusableSetting."""
    settings = parse_parameters(pairs)
    carriers(settings)
    return settings


def parse_parameters(pairs: Iterable[str]) -> dict[str, str]:
    """`NAME=VALUE` texts as a mapping. Raises UnusableSetting."""
    parsed: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise UnusableSetting(f"{pair!r} is not of the form key=value, as in scale=2.")
        parsed[key.strip()] = value.strip()
    return parsed


def carriers(settings: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Settings as (tags, metadata): tags while S3 takes them, metadata for the rest. Raises UnusableSetting."""
    tags: dict[str, str] = {}
    metadata: dict[str, str] = {}
    for key, value in settings.items():
        if len(tags) < _MAX_TAGS and len(value) <= _MAX_TAG_VALUE and _TAG_VALUE.fullmatch(value):
            tags[key] = value
        elif value.isascii() and value.isprintable():
            metadata[key] = value
        else:
            raise UnusableSetting(
                f"{key}: S3 carries no such value. Tags take letters, digits, spaces and . : / = + - @ _ "
                f"(up to {_MAX_TAG_VALUE} characters), metadata any printable ASCII."
            )
    return tags, metadata


def _visible_files(folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(p for p in files if not any(part.startswith(".") for part in p.relative_to(folder).parts))
