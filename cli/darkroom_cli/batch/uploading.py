"""Uploads files to the input bucket with their settings, large ones in parts, each only if the bucket still holds what was seen.

It must not decide which files are uploaded.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from botocore.exceptions import ClientError
from s3transfer.subscribers import BaseSubscriber

from darkroom_cli.batch.earlier_uploads import MARK

MAX_METADATA_BYTES = 2048  # names and values of one object; S3 user guide, "Working with object metadata"
# S3's answers to a conditional write that found another object, or another write under way (S3 user guide, "Conditional writes")
CHANGED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
CONDITIONAL = ("PutObject", "CompleteMultipartUpload")  # the operations of S3 that make an object visible


@dataclass(frozen=True)
class Parcel:
    """A file with all that its upload carries."""

    path: Path
    key: str
    mark: str
    tags: Mapping[str, str]
    metadata: Mapping[str, str]
    condition: Mapping[str, str]

    @property
    def size_bytes(self) -> int:
        """The file's size now. Raises OSError."""
        return self.path.stat().st_size

    @property
    def arguments(self) -> dict[str, Any]:
        """The parameters of PutObject and CreateMultipartUpload."""
        tagging = {"Tagging": urlencode(self.tags)} if self.tags else {}
        content_type = mimetypes.guess_type(self.path.name)[0] or "application/octet-stream"
        return {"Metadata": {**self.metadata, MARK: self.mark}, "ContentType": content_type, **tagging}


@dataclass(frozen=True)
class Sent:
    """How the upload of one file ended. `problem` is None if the object is in the bucket."""

    parcel: Parcel
    problem: str | None = None


def fits(metadata: Mapping[str, str]) -> bool:
    """Return whether S3 takes the metadata beside the mark of an upload."""
    mark_bytes = len(MARK) + 64
    return sum(len(name.encode()) + len(value) for name, value in metadata.items()) + mark_bytes <= MAX_METADATA_BYTES


def send(s3: Any, bucket: str, parcels: Sequence[Parcel], moved: Callable[[int], None]) -> Generator[Sent, None, None]:
    """Upload the files, several at once, and yield how each ended, in their order. `moved` is called with numbers of bytes.

    The caller must close the generator. Uploads that are not complete then are aborted, and nothing of them is left. Raises
    errors of boto3 that concern all files.
    """
    from boto3.s3.transfer import TransferConfig, create_transfer_manager

    with (
        _conditions(s3, {parcel.key: parcel.condition for parcel in parcels}),
        create_transfer_manager(s3, TransferConfig(preferred_transfer_client="classic")) as manager,
    ):
        counter = _Counter(moved)
        futures = [
            manager.upload(str(parcel.path), bucket, parcel.key, parcel.arguments, [counter]) for parcel in parcels
        ]
        for parcel, future in zip(parcels, futures, strict=True):
            yield Sent(parcel, _problem(future))


@contextmanager
def _conditions(s3: Any, by_key: Mapping[str, Mapping[str, str]]) -> Iterator[None]:
    """Within the block, let each write of a key have its condition. boto3's transfer manager has no parameter for that."""

    def add(params: dict[str, Any], **_: object) -> None:
        params.update(by_key.get(params["Key"], {}))

    events = [f"provide-client-params.s3.{operation}" for operation in CONDITIONAL]
    for event in events:
        s3.meta.events.register(event, add)
    try:
        yield
    finally:
        for event in events:
            s3.meta.events.unregister(event, add)


def _problem(future: Any) -> str | None:
    try:
        future.result()
    except OSError as error:
        return f"the file cannot be read: {error.strerror or error}"
    except ClientError as error:
        if error.response["Error"]["Code"] not in CHANGED:
            raise
        return "another upload got this key meanwhile; run the command again"
    return None


class _Counter(BaseSubscriber):
    """Counts the bytes that the transfer manager moves."""

    def __init__(self, moved: Callable[[int], None]) -> None:
        self._moved = moved

    def on_progress(self, future: Any, bytes_transferred: int, **_: object) -> None:
        """Count the bytes. A negative number means that they are sent again."""
        self._moved(bytes_transferred)
