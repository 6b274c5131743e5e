"""From files to uploads: which files of a folder are pictures, under which keys, with which tags and metadata.

It puts objects into the input bucket and answers which jobs they are. It must not check settings: submit does.
"""

from __future__ import annotations

import base64
import contextlib
import mimetypes
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from darkroom.configuration import BadConfiguration, Configuration
from darkroom.model import SourceObject
from darkroom.setting_layers import metadata_name
from darkroom_local import taken_formats
from darkroom_local.emulator_persistence import VERSION_HEADER

_PUT = "before-call.s3.PutObject"
_MAX_TAGS = 10  # an object; S3 user guide, "Categorizing your objects using tags"
_MAX_TAG_KEY = 128
_MAX_TAG_VALUE = 256
_MAX_METADATA_BYTES = 2048  # an object, names and values; S3 user guide, "Working with object metadata"
_TAG_VALUE = re.compile(r"[\w .:/=+\-@]*")  # the ASCII part of what S3 takes; Unicode letters and digits are \w


class UnusableSetting(ValueError):
    """A `key=value` that neither an object tag nor object metadata can carry."""


@dataclass(frozen=True)
class Item:
    """One file to enhance: where it is, the key it gets, its settings, and the parameters of the stack it goes to."""

    path: Path
    key: str
    settings: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def prefixes(self) -> tuple[str, str | None]:
        """What the stack wants before the key of a setting, in tags and in metadata; see `prefixes_of`."""
        return prefixes_of(self.parameters)


@dataclass(frozen=True)
class Source:
    """A file as it was at one moment; a picture that was edited since differs."""

    size_bytes: int
    modified_ns: int  # since 1970


@dataclass(frozen=True)
class Sent:
    """An item that is in the input bucket, as its job."""

    job_id: str
    item: Item
    source: Source


def items_in(folder: Path, settings: Mapping[str, str], parameters: Mapping[str, str] | None = None) -> list[Item]:
    """The pictures below `folder` that the run's provider takes, by key; hidden files and folders are passed over."""
    suffixes = taken_formats.suffixes(taken_formats.provider_of(settings, parameters or {}))
    return [
        Item(path, path.relative_to(folder).as_posix(), settings, parameters or {})
        for path in _visible_files(folder)
        if path.suffix.lower() in suffixes
    ]


def upload(s3: Any, bucket: str, item: Item, version: str = "") -> Sent:
    """Uploads an item with its settings. Raises OSError when the file cannot be read. Again: another job, unless the embedded
    cloud was told the id of the `version`."""
    tags, metadata = carriers(item.settings, *item.prefixes)
    with item.path.open("rb") as body:
        source = source_of(os.fstat(body.fileno()))
        with _version_named(s3, version) if version else contextlib.nullcontext():
            answer = s3.put_object(
                Bucket=bucket,
                Key=item.key,
                Body=body,
                Tagging=urlencode(tags),
                Metadata=metadata,
                ContentType=mimetypes.guess_type(item.path.name)[0] or "application/octet-stream",
            )
    return Sent(job_id(s3, bucket, item.key, answer.get("VersionId")), item, source)


@contextlib.contextmanager
def _version_named(s3: Any, version: str) -> Iterator[None]:
    """Within the block, PutObject names the id of its version, which `emulator_persistence` understands."""

    def add(params: dict[str, Any], **_: object) -> None:
        params["headers"][VERSION_HEADER] = version

    s3.meta.events.register(_PUT, add)
    try:
        yield
    finally:
        s3.meta.events.unregister(_PUT, add)


def uploaded(s3: Any, bucket: str, item: Item) -> Sent | None:
    """An item whose upload was broken off, if it is in the bucket all the same."""
    from botocore.exceptions import ClientError  # not at the top: a command says its first line before AWS is imported

    try:
        version = s3.head_object(Bucket=bucket, Key=item.key).get("VersionId")
    except ClientError:
        return None
    return Sent(job_id(s3, bucket, item.key, version), item, source_of(item.path.stat()))


def source_of(stat: os.stat_result) -> Source:
    """What is kept of a file to know it again. Not a hash: reading 40,000 photos takes longer than it saves."""
    return Source(stat.st_size, stat.st_mtime_ns)


def job_id(s3: Any, bucket: str, key: str, version_id: str | None) -> str:
    """The job that an uploaded object is, by the one function that the application uses itself."""
    version = {"VersionId": version_id} if version_id and version_id != "null" else {}
    head = s3.head_object(Bucket=bucket, Key=key, **version)
    source = SourceObject(
        bucket=bucket,
        key=key,
        version_id=version.get("VersionId"),
        etag=head["ETag"].strip('"'),
        size_bytes=head["ContentLength"],
        last_modified=head["LastModified"],
    )
    return source.job_id


def parse_settings(pairs: Iterable[str], parameters: Mapping[str, str] | None = None) -> dict[str, str]:
    """`key=value` texts as settings, for a stack with those parameters. Raises UnusableSetting."""
    settings = parse_parameters(pairs)
    carriers(settings, *prefixes_of(parameters or {}))
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


def prefixes_of(parameters: Mapping[str, str]) -> tuple[str, str | None]:
    """The prefixes of settings in tags and in metadata, on a stack with those parameters; None if it reads no metadata.
    Raises UnusableSetting."""
    chosen = {
        "TAG_PREFIX": parameters.get("TagPrefix", ""),
        "METADATA_SETTINGS": parameters.get("MetadataSettings", ""),
    }
    try:
        return chosen["TAG_PREFIX"], Configuration(chosen).metadata_prefix
    except BadConfiguration as bad:
        raise UnusableSetting(str(bad)) from None


def carriers(
    settings: Mapping[str, str], tag_prefix: str = "", metadata_prefix: str | None = ""
) -> tuple[dict[str, str], dict[str, str]]:
    """Settings as (tags, metadata): tags while S3 takes them, metadata for the rest, which is a layer of settings too unless its
    prefix is None. There what is not ASCII goes as an encoded word (RFC 2047), which submit reads. Raises UnusableSetting."""
    tags: dict[str, str] = {}
    metadata: dict[str, str] = {}
    for key, value in settings.items():
        tag, fits = tag_prefix + key, len(value) <= _MAX_TAG_VALUE and _TAG_VALUE.fullmatch(value)
        if len(tags) < _MAX_TAGS and len(tag) <= _MAX_TAG_KEY and fits:
            tags[tag] = value
        elif metadata_prefix is None:
            raise UnusableSetting(
                f"{key}: no object tag can carry this value, and MetadataSettings=off reads no metadata."
            )
        elif value.isprintable():
            metadata[metadata_name(key, metadata_prefix)] = (
                value if value.isascii() and "=?" not in value else _encoded_word(value)
            )
        else:
            raise UnusableSetting(f"{key}: S3 carries no such value. It must be one line without control characters.")
    size = sum(len(key.encode()) + len(value) for key, value in metadata.items())
    if size > _MAX_METADATA_BYTES:
        raise UnusableSetting(
            f"{', '.join(metadata)}: too long. What object tags cannot hold (10 tags; up to {_MAX_TAG_VALUE} letters, digits, "
            f"spaces and . : / = + - @ _) goes into metadata, which holds {_MAX_METADATA_BYTES} bytes; this takes {size}."
        )
    return tags, metadata


def _encoded_word(value: str) -> str:
    return f"=?UTF-8?B?{base64.b64encode(value.encode()).decode()}?="


def _visible_files(folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(p for p in files if not any(part.startswith(".") for part in p.relative_to(folder).parts))
