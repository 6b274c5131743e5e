"""Read a multipart form: text fields as strings, the picture into a file; or fetch the picture from its URL.

The picture is never held in memory as a whole. The size limit applies to Content-Length and to the bytes that really
arrive, because a chunked request names no length. This module must not judge the values of the fields.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from aiohttp import BodyPartReader, MultipartReader, web

from darkroom_local.simulators.framework.input_fetching import NotFetched
from darkroom_local.simulators.framework.job_workers import JobWorkers
from darkroom_local.simulators.framework.refusals import Refusal
from darkroom_local.simulators.topaz.published_facts import FETCH_LIMIT_SECONDS

_TEXT_LIMIT_BYTES = 65_536
_PIECE_BYTES = 1 << 18


@dataclass(frozen=True)
class Upload:
    """The picture as received, with the name that the client gave it."""

    filename: str
    path: Path
    size_bytes: int


@dataclass
class Form:
    """The fields of one request, all as text."""

    fields: dict[str, str] = field(default_factory=dict)
    upload: Upload | None = None

    def discard(self) -> None:
        """Remove the picture from disk."""
        if self.upload is not None:
            self.upload.path.unlink(missing_ok=True)


async def read_form(request: web.Request, directory: Path, limit_bytes: int) -> Form:
    """Return the whole form. Raises Refusal 413 if it is too large and 400 if it is not a multipart form."""
    if (request.content_length or 0) > limit_bytes:
        raise Refusal(413)
    if request.content_type != "multipart/form-data":
        raise Refusal(400, "The body is to be multipart/form-data.")
    form = Form()
    try:
        await _read_parts(await request.multipart(), form, directory, limit_bytes)
    except (ValueError, TypeError, AssertionError) as error:
        form.discard()
        raise Refusal(400, "The multipart body cannot be read.") from error
    except BaseException:
        form.discard()
        raise
    return form


async def fetch_upload(url: str, workers: JobWorkers, limit_bytes: int, is_named: bool) -> Upload:
    """Fetch the picture at a URL. Raises Refusal 400 if that fails.

    Assumed: the vendor fetches it at once, and names it as the picture's host does.
    """
    path = workers.directory / f"upload-{uuid.uuid4()}"
    try:
        await workers.fetch(url, path, FETCH_LIMIT_SECONDS, limit_bytes)
    except NotFetched:
        path.unlink(missing_ok=True)
        raise Refusal(400, "The picture at source_url could not be fetched.") from None
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Upload(_name_of(url) if is_named else "", path, path.stat().st_size)


def _name_of(url: str) -> str:
    """Return the file name that a presigned URL asks its host to send, else the last part of the path."""
    parts = urlsplit(url)
    wanted = dict(parse_qsl(parts.query)).get("response-content-disposition", "")
    return wanted.partition('filename="')[2].partition('"')[0] or parts.path.rpartition("/")[2]


async def _read_parts(reader: MultipartReader, form: Form, directory: Path, limit_bytes: int) -> None:
    left_bytes = limit_bytes
    async for part in reader:
        if not isinstance(part, BodyPartReader):
            raise TypeError("nested multipart")
        if part.name == "image":
            form.discard()
            form.upload = await _read_upload(part, directory, left_bytes)
            left_bytes -= form.upload.size_bytes
        elif part.name:
            text = await _read_text(part)
            left_bytes -= len(text)
            form.fields[part.name] = text.decode("utf-8")


async def _read_text(part: BodyPartReader) -> bytes:
    text = b""
    while piece := await part.read_chunk(_PIECE_BYTES):
        text += piece
        if len(text) > _TEXT_LIMIT_BYTES:
            raise Refusal(400, f"The field {part.name} is too long.")
    return text


async def _read_upload(part: BodyPartReader, directory: Path, left_bytes: int) -> Upload:
    path = directory / f"upload-{uuid.uuid4()}"
    size_bytes = 0
    try:
        with path.open("wb") as file:
            while piece := await part.read_chunk(_PIECE_BYTES):
                size_bytes += len(piece)
                if size_bytes > left_bytes:
                    raise Refusal(413)
                file.write(piece)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Upload(part.filename or "", path, size_bytes)
