"""Read a multipart form, with text fields as strings and the picture as a file. Or fetch the picture from its URL.

The picture is never held in memory as a whole. The size limit applies to Content-Length and also to the bytes that really
arrive, because a chunked request has no Content-Length. This module must not check the values of the fields.
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
    """The picture as it was received: its name, its file and its size. `filename` is empty if it has no name."""

    filename: str
    path: Path
    size_bytes: int


@dataclass
class Form:
    """One multipart form: the fields, all as text, and the picture if there is one."""

    fields: dict[str, str] = field(default_factory=dict)
    upload: Upload | None = None

    def discard(self) -> None:
        """Delete the file of the picture, if there is one."""
        if self.upload is not None:
            self.upload.path.unlink(missing_ok=True)


async def read_form(request: web.Request, directory: Path, limit_bytes: int) -> Form:
    """Return the whole form. The picture is written into `directory`.

    Raises Refusal 413 if the request is too large, and 400 if it is not a multipart form or a text field is too long.
    """
    if (request.content_length or 0) > limit_bytes:
        raise Refusal(413)
    if request.content_type != "multipart/form-data":
        raise Refusal(400, "The body must be multipart/form-data.")
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
    """Fetch the picture at a URL. With `is_named`, it gets a file name. Raises Refusal 400 if the fetch fails.

    Two things are assumed: the vendor fetches the picture at once, and takes the file name that the URL's host gives it.
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
    """Return the file name in the URL's `response-content-disposition`, or else the last part of the URL's path."""
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
            raise Refusal(400, f"The field {part.name} is longer than {_TEXT_LIMIT_BYTES} bytes.")
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
