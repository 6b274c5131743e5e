"""Uploads files to the input bucket with their settings, large ones in parts, each only if the bucket still holds what was seen.

It must not decide which files are uploaded.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlencode

from botocore.exceptions import BotoCoreError, ClientError
from s3transfer.subscribers import BaseSubscriber

from darkroom_cli.batch.earlier_uploads import MARK

MAX_METADATA_BYTES = 2048  # names and values of one object; S3 user guide, "Working with object metadata"
# S3's answers to a conditional write that found another object, or another write under way (S3 user guide, "Conditional writes")
CHANGED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
ENDED = "NoSuchUpload"  # its answer about parts that were completed or aborted (S3 API, CompleteMultipartUpload)
FIRST_SERVER_ERROR = 500  # HTTP statuses from here on do not say whether the request was carried out
MOST_UNDER_WAY = 100  # files; more than the transfer manager's ten threads need, and less than its queues hold


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
    def replaces(self) -> bool:
        """Whether the upload replaces an object. It is then sent in parts, however small it is: if the answer to a PutObject is
        lost and boto3 repeats it, the ETag of the same bytes fulfils the condition once more, and both uploads would be paid. S3
        completes a multipart upload only once."""
        return "IfMatch" in self.condition

    @property
    def arguments(self) -> dict[str, Any]:
        """The parameters of PutObject and CreateMultipartUpload."""
        tagging = {"Tagging": urlencode(self.tags)} if self.tags else {}
        content_type = mimetypes.guess_type(self.path.name)[0] or "application/octet-stream"
        return {"Metadata": {**self.metadata, MARK: self.mark}, "ContentType": content_type, **tagging}


class UploadOutcome(StrEnum):
    """What is known of an upload."""

    SENT = "sent"  # the object is in the bucket
    NOT_SENT = "not sent"
    PERHAPS = "perhaps sent"  # S3 may have all bytes of it, and has not answered


@dataclass(eq=False)
class FileUpload(BaseSubscriber):
    """The upload of one file, as far as it is. Threads of the transfer manager write here, and any thread may read.

    `moved` is called with numbers of bytes, and `ended` once at the end.
    """

    parcel: Parcel
    moved: Callable[[int], None] = field(repr=False)
    ended: Callable[[FileUpload], None] = field(repr=False)
    answer: Mapping[str, Any] | None = None  # S3's, to the request that makes the object visible
    error: Exception | None = None
    _lock: Lock = field(default_factory=Lock, repr=False)
    _read_bytes: int = 0
    _is_read: bool = False  # whether all bytes were ever read for S3

    @property
    def outcome(self) -> UploadOutcome:
        """What is known now."""
        if self.answer is not None:
            return UploadOutcome.SENT
        is_refused = isinstance(self.error, ClientError) and _status(self.error) < FIRST_SERVER_ERROR
        return UploadOutcome.PERHAPS if self._is_read and not is_refused else UploadOutcome.NOT_SENT

    @property
    def version_id(self) -> str | None:
        """The version that the upload has made, None if the bucket has no versions."""
        found = self.answer.get("VersionId") if self.answer else None
        return None if found == "null" else found

    @property
    def came_too_late(self) -> bool:
        """Whether S3 refused the file because another upload got its key meanwhile, or ended this one: another program, or a try
        of this upload whose answer was lost."""
        return isinstance(self.error, ClientError) and self.error.response["Error"]["Code"] in (*CHANGED, ENDED)

    @property
    def leaves_job_open(self) -> bool:
        """Whether S3 answered without saying which job the key has now."""
        return self.came_too_late or (self.answer is not None and not self.version_id)

    @property
    def problem(self) -> str:
        """Why the file is not in the bucket, or an empty text."""
        # botocore's time-outs are OSErrors too
        if isinstance(self.error, OSError) and not isinstance(self.error, BotoCoreError):
            return f"the file cannot be read: {self.error.strerror or self.error}"
        return (
            "another program uploaded this key or ended the upload meanwhile; run the command again"
            if self.came_too_late
            else ""
        )

    @property
    def concerns_all(self) -> bool:
        """Whether the upload failed for a reason that the other files are likely to meet, too."""
        return self.error is not None and not self.problem and not isinstance(self.error, CancelledError)

    def on_progress(self, future: Any, bytes_transferred: int, **_: object) -> None:
        """Count the bytes. A negative number means that they are sent again."""
        with self._lock:  # parts are sent by several threads
            self._read_bytes += bytes_transferred
            self._is_read = self._is_read or self._read_bytes >= future.meta.size
        self.moved(bytes_transferred)

    def on_done(self, future: Any, **_: object) -> None:
        """Keep the error, and tell that the upload is over. The answer is kept already."""
        try:
            future.result()
        except Exception as error:
            self.error = error
        self.ended(self)


def fits(metadata: Mapping[str, str]) -> bool:
    """Return whether S3 takes the metadata beside the mark of an upload."""
    mark_bytes = len(MARK) + 64
    return sum(len(name.encode()) + len(value) for name, value in metadata.items()) + mark_bytes <= MAX_METADATA_BYTES


def send(
    s3: Any, bucket: str, parcels: Sequence[Parcel], moved: Callable[[int], None], begun: list[FileUpload]
) -> None:
    """Upload the files, several at once. `moved` is called with numbers of bytes, by any thread.

    Each upload is put into `begun` before its first byte is sent. What became of it is there, also after an error or Ctrl-C. Both
    break off the uploads that are under way, and leave no parts of them. Raises KeyboardInterrupt, and the first error of an
    upload that concerns all files.
    """
    room, over, stopped = SimpleQueue[None](), SimpleQueue[BaseException | None](), list[bool]()
    for _ in range(MOST_UNDER_WAY):
        room.put(None)

    def work() -> None:
        try:
            _send_all(s3, bucket, parcels, moved, begun, room, stopped)
        except BaseException as error:  # is raised in the caller's thread
            over.put(error)
        else:
            over.put(None)

    # Python raises KeyboardInterrupt in the main thread, and breaks locks of `threading` that it waits for or has just got. So it
    # waits here for a queue that is safe, and another thread begins the uploads.
    Thread(target=work, daemon=True).start()
    try:
        error = over.get()
    except KeyboardInterrupt:
        stopped.append(True)
        room.put(None)
        over.get()
        raise
    if error is not None:
        raise error


def _send_all(
    s3: Any,
    bucket: str,
    parcels: Sequence[Parcel],
    moved: Callable[[int], None],
    begun: list[FileUpload],
    room: SimpleQueue[None],
    stopped: Sequence[bool],
) -> None:
    """Upload the files. Each takes a place out of `room`, and gives it back at its end. Raises KeyboardInterrupt once `stopped`
    has an entry."""
    from boto3.s3.transfer import TransferConfig, create_transfer_manager

    client: Any = _ConditionalClient(s3)
    errors = list[Exception]()

    def ended(upload: FileUpload) -> None:
        if upload.error and upload.concerns_all:
            errors.append(upload.error)
        room.put(None)

    def wait_for_room() -> None:
        room.get()
        if stopped:
            raise KeyboardInterrupt
        if errors:
            raise errors[0]

    usual = TransferConfig(preferred_transfer_client="classic")
    in_parts = TransferConfig(preferred_transfer_client="classic", multipart_threshold=1)
    with create_transfer_manager(client, usual) as manager, create_transfer_manager(client, in_parts) as once:
        for parcel in parcels:
            wait_for_room()
            upload = client.uploads[parcel.key] = FileUpload(parcel, moved, ended)
            begun.append(upload)
            chosen = once if parcel.replaces else manager
            chosen.upload(str(parcel.path), bucket, parcel.key, parcel.arguments, [upload])
        for _ in range(MOST_UNDER_WAY):  # as much room as there is when all are over
            wait_for_room()


class _ConditionalClient:
    """The client of S3 for boto3's transfer manager, which has no parameter for conditions and keeps no answers. The two
    requests that make an object visible carry the condition of its upload, which keeps the answer."""

    def __init__(self, s3: Any) -> None:
        self.uploads: dict[str, FileUpload] = {}  # by key
        self.meta = s3.meta
        self.create_multipart_upload = s3.create_multipart_upload
        self.upload_part = s3.upload_part
        self.abort_multipart_upload = s3.abort_multipart_upload
        self._s3 = s3

    def put_object(self, **parameters: Any) -> Any:
        return self._answered(self._s3.put_object, parameters)

    def complete_multipart_upload(self, **parameters: Any) -> Any:
        return self._answered(self._s3.complete_multipart_upload, parameters)

    def _answered(self, request: Callable[..., Any], parameters: Mapping[str, Any]) -> Any:
        upload = self.uploads[parameters["Key"]]
        upload.answer = request(**parameters, **upload.parcel.condition)
        return upload.answer


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
