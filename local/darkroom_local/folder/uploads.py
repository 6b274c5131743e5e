"""Uploads the pictures of a folder: finds them, and gives each its key, tags and metadata.

It puts objects into the input bucket and returns the ids of their jobs. It must not check settings, because submit does.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import mimetypes
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from darkroom import catalog, output_keys
from darkroom.configuration import BadConfiguration, Configuration
from darkroom.model import SourceObject
from darkroom.setting_layers import canonical, metadata_name
from darkroom_local.emulator.persistence import VERSION_HEADER
from darkroom_local.folder import earlier_results, rules
from darkroom_local.folder.rules import FolderRules, WrongFile
from darkroom_local.folder.walk import is_hidden, walk
from darkroom_local.machine.file_names import refused_characters

DEFAULT_PROVIDER = "topaz"  # of the stack's parameter Provider
PICTURE_SUFFIXES = frozenset(suffix for suffixes in output_keys.SUFFIXES.values() for suffix in suffixes)
_PUT = "before-call.s3.PutObject"
_MAX_TAGS = 10  # for one object; S3 user guide, "Categorizing your objects using tags"
_MAX_TAG_KEY = 128
_MAX_TAG_VALUE = 256
_MAX_METADATA_BYTES = 2048  # names and values of one object; S3 user guide, "Working with object metadata"
_TAG_VALUE = re.compile(r"[\w .:/=+\-@]*")  # the characters that S3 takes; \w includes Unicode letters and digits


class UnusableSetting(ValueError):
    """A setting or a parameter that the operator gave cannot be used, for example because no tag can carry its value."""


@dataclass(frozen=True)
class Item:
    """One file to enhance: its path, the key of its upload, its settings, and the parameters of the stack that enhances it."""

    path: Path
    key: str
    settings: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    files: rules.Files = ()  # the `darkroom.toml` files that count for it, the nearest folder first

    @property
    def prefixes(self) -> tuple[str, str | None]:
        """The prefixes of settings in tags and in metadata; see `prefixes_of`."""
        return prefixes_of(self.parameters)


@dataclass(frozen=True)
class Source:
    """The size and the time of a file at one moment. They differ after the picture was edited."""

    size_bytes: int
    modified_ns: int  # nanoseconds since 1970
    digest: str = field(default="", compare=False)  # of its content, see `digest_of`; empty if nobody has read the file


@dataclass(frozen=True)
class Sent:
    """An item that was uploaded, with the id of its job."""

    job_id: str
    item: Item
    source: Source
    version: str = ""  # the id of the object's version, if the bucket has versions


def picture_suffixes(settings: Mapping[str, str], parameters: Mapping[str, str]) -> frozenset[str]:
    """The endings of the formats that the run's provider takes, by its catalog."""
    layers = (settings, dict(part.partition("=")[::2] for part in parameters.get("DefaultSettings", "").split(",")))
    named = (value.strip().lower() for layer in layers for key, value in layer.items() if canonical(key) == "provider")
    provider = next(named, parameters.get("Provider", DEFAULT_PROVIDER).lower())
    return _suffixes_of([provider if provider in catalog.providers() else DEFAULT_PROVIDER])


def _suffixes_of(providers: Iterable[str]) -> frozenset[str]:
    books = [catalog.load(provider) for provider in providers]
    formats = {form for book in books for model in book.models.values() for form in model.input_formats}
    return frozenset(suffix for form in formats for suffix in output_keys.SUFFIXES[form])


def items_in(folder: Path, settings: Mapping[str, str], parameters: Mapping[str, str] | None = None) -> list[Item]:
    """Return the pictures below `folder` that their provider takes, sorted by path. Hidden files and folders are left out,
    and so are folders of results of earlier runs. Raises UnusableSetting if a `darkroom.toml` is wrong or
    cannot be read."""
    below, suffixes = FolderRules(folder), picture_suffixes(settings, parameters or {})
    try:
        found = [
            (path, key, below.of(key))
            for path in _visible_files(folder)
            if (key := path.relative_to(folder).as_posix())
        ]
        return [
            Item(path, key, settings, parameters or {}, files)
            for path, key, files in found
            if path.suffix.lower() in suffixes | _suffixes_of(rules.providers_named(files, key))
        ]
    except WrongFile as wrong:
        raise UnusableSetting(str(wrong)) from None


def why_unusable(key: str, suffixes: Sequence[str] = ()) -> str:
    """Return why no upload may have the key, or an empty text."""
    if not output_keys.is_upload(key, suffixes=suffixes):
        allowed = f"; the stack takes only {', '.join(suffixes)} (InputSuffixes)" if suffixes else ""
        return f"Darkroom takes no upload with the key {key!r}{allowed}"
    if len(key.encode(errors="replace")) > output_keys.S3_KEY_LIMIT_BYTES:
        return "S3 takes keys of up to 1,024 bytes; rename it"
    odd = refused_characters(key)
    return f"Darkroom takes no name with {odd}, which terminals do not show; rename it" if odd else ""


def upload(s3: Any, bucket: str, item: Item, version: str = "") -> Sent:
    """Upload an item with its settings. Raises OSError if the file cannot be read. A second upload makes another job, unless it
    has the same `version`, which becomes the id of the object's version in the embedded cloud."""
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
    made = answer.get("VersionId")
    return Sent(job_id(s3, bucket, item.key, made), item, source, made or "")


@contextlib.contextmanager
def _version_named(s3: Any, version: str) -> Iterator[None]:
    """Within the block, let PutObject send the id for its version in a header that `emulator/persistence.py` understands."""

    def add(params: dict[str, Any], **_: object) -> None:
        params["headers"][VERSION_HEADER] = version

    s3.meta.events.register(_PUT, add)
    try:
        yield
    finally:
        s3.meta.events.unregister(_PUT, add)


def uploaded(s3: Any, bucket: str, item: Item) -> Sent | None:
    """Return an item whose upload was broken off, if its object is in the bucket even so; otherwise None."""
    from botocore.exceptions import ClientError  # not at the top: a command says its first line before AWS is imported

    try:
        version = s3.head_object(Bucket=bucket, Key=item.key).get("VersionId")
    except ClientError:
        return None
    return Sent(job_id(s3, bucket, item.key, version), item, source_of(item.path.stat()), version or "")


def source_of(stat: os.stat_result) -> Source:
    """Return the facts by which a file is recognised again. It is not read, because reading 40,000 photos takes too long."""
    return Source(stat.st_size, stat.st_mtime_ns)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def job_id(s3: Any, bucket: str, key: str, version_id: str | None) -> str:
    """Return the id of an uploaded object's job, by the same function that the application uses."""
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
    """Return the settings from `key=value` texts, for a stack with those parameters. Raises UnusableSetting."""
    settings = parse_parameters(pairs)
    carriers(settings, *prefixes_of(parameters or {}))
    return settings


def parse_parameters(pairs: Iterable[str]) -> dict[str, str]:
    """Return a mapping from `NAME=VALUE` texts. Raises UnusableSetting."""
    parsed: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise UnusableSetting(f"{pair!r} is not of the form key=value, as in scale=2.")
        if key.strip() in parsed:
            raise UnusableSetting(f"{key.strip()} is given twice. Keep one of them.")
        parsed[key.strip()] = value.strip()
    return parsed


def prefixes_of(parameters: Mapping[str, str]) -> tuple[str, str | None]:
    """Return the prefixes of settings in tags and in metadata, on a stack with those parameters. The second one is None if the
    stack reads no metadata. Raises UnusableSetting."""
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
    """Return the tags and the metadata that carry the settings. Settings that no tag can carry go into metadata, if its prefix is
    not None. Text that is not ASCII goes there as an encoded word (RFC 2047), which submit reads. Raises UnusableSetting."""
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
            raise UnusableSetting(f"{key}: S3 cannot store this value. It must be one line without control characters.")
    size = sum(len(key.encode()) + len(value) for key, value in metadata.items())
    if size > _MAX_METADATA_BYTES:
        raise UnusableSetting(
            f"{', '.join(metadata)}: too long. Settings that no object tag can hold (10 tags; up to {_MAX_TAG_VALUE} letters, "
            f"digits, spaces and . : / = + - @ _) go into metadata, which holds {_MAX_METADATA_BYTES} bytes; these take {size}."
        )
    return tags, metadata


def _encoded_word(value: str) -> str:
    return f"=?UTF-8?B?{base64.b64encode(value.encode()).decode()}?="


def _visible_files(folder: Path) -> list[Path]:
    shown = {path for path in walk(folder).files if not is_hidden(path, folder)}
    return sorted(shown - earlier_results.among(shown, folder))
