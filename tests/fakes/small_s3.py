"""A small S3 on a loopback port. It takes multipart uploads whose parts have trailing checksums, and lists those that
are unfinished. It checks requests as S3 does, or misbehaves.

Parts must be framed exactly and have the announced checksum. An upload is completed only if the request names its parts
by their ETags and checksums. `misdeeds` maps a part's number to the faults of its next answers.
"""

from __future__ import annotations

import base64
import re
import socket
import ssl
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote_plus, unquote, urlsplit
from xml.sax.saxutils import escape

import boto3
from botocore.config import Config

KEY_ID, SECRET, REGION, BUCKET = "AKIDEXAMPLE", "wJalrXUtnFEMI", "eu-central-1", "results"
MAX_HEADER_BYTES = 8192
KEPT = ("x-amz-meta-", "content-type", "content-disposition", "content-language", "cache-control", "expires")
SEEN_BYTES = 2 * 1024 * 1024  # larger request bodies are not recorded; only the parts they contain are kept
HANG_UP_NOW = struct.pack("ii", 1, 0)  # the value of SO_LINGER that makes the connection close with a reset


@dataclass(frozen=True)
class Seen:
    """A request as it was received, with header names in lower case. A large body is left out."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = field(default=b"", repr=False)


@dataclass
class SmallS3:
    """Holds what the server stores and the requests that it received."""

    url: str = ""
    authority: Path | None = None
    open_uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    # The keys that the listing of unfinished uploads shows, two on each page.
    begun: list[str] = field(default_factory=list)
    # The checksum algorithm that each upload was begun with.
    algorithms: dict[str, str | None] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    kept_headers: dict[str, dict[str, str]] = field(default_factory=dict)  # of each object or upload, as it was begun
    tags: dict[str, str] = field(default_factory=dict)  # the bodies of PutObjectTagging
    seen: list[Seen] = field(default_factory=list)
    misdeeds: dict[int, list[str]] = field(default_factory=dict)
    refusal: str = ""  # the error code with which every write of a whole object, or of its first request, is refused
    whole_checksum: str | None = None  # the checksum in the answer, instead of the right one
    lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, attempts: int = 1, **more: Any) -> Any:
        """Return a client of this bucket, which never retries unless it may make several attempts."""
        config = Config(s3={"addressing_style": "path"}, retries={"mode": "standard", "max_attempts": attempts})
        verify = {"verify": str(self.authority)} if self.authority else {}
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=KEY_ID,
            aws_secret_access_key=SECRET,
            config=config,
            **verify,
            **more,
        )

    def requests(self, method: str) -> list[Seen]:
        """Return the received requests that have this HTTP method."""
        return [one for one in self.seen if one.method == method]

    def misdeed(self, number: int) -> str:
        """Return the fault of the next answer for this part and use it up. An empty string means no fault."""
        with self.lock:
            left = self.misdeeds.get(number, [])
            return left.pop(0) if left else ""


@contextmanager
def small_s3(certificate: Path | None = None) -> Iterator[SmallS3]:
    """Serve until the block ends. With `certificate`, a PEM file with a certificate and its key, the server uses TLS."""
    kept = SmallS3(authority=certificate)
    handler = type("Bound", (_Handler,), {"kept": kept})
    server = _Server(("127.0.0.1", 0), handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    kept.url = f"http{'s' if certificate else ''}://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def decoded(framed: bytes) -> tuple[bytes, dict[str, str]]:
    """Return the body of an aws-chunked request, and its trailers. Raises ValueError if any byte of the framing is wrong."""
    whole, pieces, at = memoryview(framed), [], 0
    while True:
        line_end = framed.index(b"\r\n", at)
        size = int(framed[at:line_end], 16)
        at = line_end + 2
        if size == 0:
            break
        pieces.append(whole[at : at + size])
        if framed[at + size : at + size + 2] != b"\r\n":
            raise ValueError(f"no line end follows a piece of {size} bytes")
        at += size + 2
    trailer, end, rest = framed[at:].partition(b"\r\n\r\n")
    if not end or rest:
        raise ValueError("the body does not end after the trailer")
    return b"".join(pieces), dict(line.split(":", 1) for line in trailer.decode().split("\r\n"))


def encode_crc(body: bytes) -> str:
    """Return the CRC-32 of the body as S3 writes it."""
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


def etag(body: bytes) -> str:
    """Return an ETag for these bytes. Other bytes have another ETag."""
    return f'"{zlib.adler32(body):032x}"'


def _as_xml(key: str) -> str:
    """Return the key as S3 writes it without an encoding: control characters become references such as `&#x1;`."""
    return "".join(f"&#x{ord(one):x};" if ord(one) < 32 else escape(one) for one in key)


class _Server(ThreadingHTTPServer):
    """A server that does not wait for open connections when it stops."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that hang up, because tests do that on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kept: SmallS3

    def do_POST(self) -> None:
        query = self._query()
        body = self._body()
        self._note(body)
        key = unquote(urlsplit(self.path).path)
        if "uploads" in query:
            if self._is_refused():
                return
            upload_id = f"upload/{len(self.kept.open_uploads) + 1}+="
            self.kept.kept_headers[upload_id] = self._kept_headers()
            self.kept.open_uploads[upload_id] = {}
            self.kept.algorithms[upload_id] = self.headers["x-amz-checksum-algorithm"]
            self._xml("InitiateMultipartUploadResult", UploadId=upload_id)
            return
        parts = self.kept.open_uploads.get(query["uploadId"])
        algorithm = self.kept.algorithms.get(query["uploadId"])
        whole = self._put_together(parts, body.decode(), algorithm) if parts is not None else None
        if parts is None or whole is None:
            self._refuse(404 if parts is None else 400, "NoSuchUpload" if parts is None else "InvalidPart")
            return
        if self._condition_fails(key):
            return
        self.kept.objects[key], self.kept.kept_headers[key] = whole, self.kept.kept_headers.pop(query["uploadId"])
        del self.kept.open_uploads[query["uploadId"]]
        checksum = self.kept.whole_checksum or encode_crc(whole)
        self._xml("CompleteMultipartUploadResult", ETag='"whole"', ChecksumCRC32=checksum, ChecksumType="FULL_OBJECT")

    def _put_together(self, parts: dict[int, bytes], named: str, algorithm: str | None) -> bytes | None:
        """Join the parts. Return None unless each part is named as it was acknowledged and the announced size is right.

        If the upload was begun without checksums, the request must not name any (S3 API reference, CompletedPart).
        """
        found = []
        for entry in re.findall("<Part>.*?</Part>", named, re.DOTALL):
            value = {
                name: re.search(f"<{name}>(.*?)</{name}>", entry) for name in ("PartNumber", "ETag", "ChecksumCRC32")
            }
            number, tag, crc = (match[1].replace("&quot;", '"') if match else "" for match in value.values())
            body = parts.get(int(number), b"")
            if (tag, crc) != (etag(body), encode_crc(body) if algorithm == "CRC32" else ""):
                return None
            found.append((int(number), body))
        whole = b"".join(body for _, body in found)
        in_order = [number for number, _ in found] == list(range(1, len(parts) + 1))
        announced = self.headers.get("x-amz-mp-object-size", str(len(whole)))
        return whole if in_order and announced == str(len(whole)) else None

    def do_GET(self) -> None:
        """Answer ListMultipartUploads. If a key has characters that XML 1.0 cannot contain, no parser can read the
        answer. A client avoids this if it asks for URL-encoded keys (S3 API reference, ListMultipartUploads,
        encoding-type).
        """
        query = self._query()
        self._note(b"")
        shown = (lambda key: quote_plus(key, safe="/")) if query.get("encoding-type") == "url" else _as_xml
        start = self.kept.begun.index(query["key-marker"]) + 1 if "key-marker" in query else 0
        page, rest = self.kept.begun[start : start + 2], self.kept.begun[start + 2 :]
        uploads = "".join(
            f"<Upload><Key>{shown(key)}</Key><UploadId>u-{key.encode().hex()}</UploadId>"
            "<Initiated>2026-11-21T14:00:00.000Z</Initiated></Upload>"
            for key in page
        )
        after = (
            f"<NextKeyMarker>{shown(page[-1])}</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker>"
            if rest
            else ""
        )
        form = "<EncodingType>url</EncodingType>" if query.get("encoding-type") == "url" else ""
        inner = f"{form}<IsTruncated>{'true' if rest else 'false'}</IsTruncated>{after}{uploads}"
        self._answer(200, f"<ListMultipartUploadsResult>{inner}</ListMultipartUploadsResult>".encode(), {})

    def do_PUT(self) -> None:
        query = self._query()
        if "partNumber" not in query:
            self._whole()
            return
        number = int(query["partNumber"])
        misdeed = self.kept.misdeed(number)
        if misdeed == "refuse at once":
            self._refuse(403, "AccessDenied")
            self._hang_up()
        elif misdeed == "hang up":
            self.rfile.read(100_000)
            self._hang_up()
        else:
            self._take(query["uploadId"], number, misdeed)

    def do_HEAD(self) -> None:
        self._note(b"")
        key = unquote(urlsplit(self.path).path)
        if key.count("/") == 1:  # HeadBucket
            self._answer(200, b"", {"x-amz-bucket-region": REGION})
            return
        body = self.kept.objects.get(key)
        found = {} if body is None else {**self.kept.kept_headers.get(key, {}), "ETag": etag(body)}
        self._answer(404 if body is None else 200, b"", found)

    def _whole(self) -> None:
        raw = self._body()
        self._note(raw)
        key = unquote(urlsplit(self.path).path)
        if "tagging" in self._query():
            self.kept.tags[key] = raw.decode()
            self._answer(200, b"", {})
            return
        if self._is_refused() or self._condition_fails(key):
            return
        self.kept.kept_headers[key] = self._kept_headers()
        body = decoded(raw)[0] if "aws-chunked" in self.headers.get("content-encoding", "") else raw
        self.kept.objects[key] = body
        self._answer(200, b"", {"ETag": etag(body)})

    def _take(self, upload_id: str, number: int, misdeed: str) -> None:
        framed = self._body()
        self._note(framed)
        if misdeed:
            self._refuse(503, misdeed)
            return
        try:
            body, trailers = decoded(framed)
        except ValueError:
            self._refuse(400, "IncompleteBody")
            return
        if trailers != {"x-amz-checksum-crc32": encode_crc(body)}:
            self._refuse(400, "BadDigest")
        elif self.headers["x-amz-decoded-content-length"] != str(len(body)):
            self._refuse(400, "IncompleteBody")
        else:
            self.kept.open_uploads[upload_id][number] = body
            self._answer(200, b"", {"ETag": etag(body), "x-amz-checksum-crc32": encode_crc(body)})

    def do_DELETE(self) -> None:
        self._note(b"")
        if "uploadId" in self._query():
            self.kept.open_uploads.pop(self._query()["uploadId"], None)
        else:
            self.kept.objects.pop(unquote(urlsplit(self.path).path), None)
        self._answer(204, b"", {})

    def _kept_headers(self) -> dict[str, str]:
        return {name: value for name, value in self.headers.items() if name.lower().startswith(KEPT)}

    def _is_refused(self) -> bool:
        """Answer as S3 does if the bucket refuses writes, or if the headers have more than 8 KB together. Return whether it is
        so."""
        if self.kept.refusal:
            self._refuse(403, self.kept.refusal)
            return True
        total = sum(len(name) + len(value) + len(": \r\n") for name, value in self.headers.items())
        if total > MAX_HEADER_BYTES:
            self._refuse(400, "RequestHeaderSectionTooLarge")
        return total > MAX_HEADER_BYTES

    def _condition_fails(self, key: str) -> bool:
        """Answer as S3 does if the condition of a write is not met; return whether it fails."""
        body, wanted = self.kept.objects.get(key), self.headers["If-Match"]
        code = None
        if self.headers["If-None-Match"] == "*" and body is not None:
            code = "PreconditionFailed"
        elif wanted and body is None:
            code = "NoSuchKey"
        elif wanted and body is not None and wanted != etag(body):
            code = "PreconditionFailed"
        if code is not None:
            self._refuse(404 if code == "NoSuchKey" else 412, code)
        return code is not None

    def _query(self) -> dict[str, str]:
        parsed = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        return {name: values[0] for name, values in parsed.items()}

    def _body(self) -> bytes:
        if "Content-Length" in self.headers:
            return self.rfile.read(int(self.headers["Content-Length"]))
        raw = bytearray()  # the SDK puts HTTP chunks around the aws-chunked ones
        while size := int(self.rfile.readline(), 16):
            raw += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(raw)

    def _note(self, body: bytes) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.kept.seen.append(
            Seen(self.command, self.path, self._query(), headers, body if len(body) <= SEEN_BYTES else b"")
        )

    def _xml(self, name: str, **values: str) -> None:
        inner = "".join(f"<{key}>{value}</{key}>" for key, value in values.items())
        self._answer(200, f"<{name}>{inner}</{name}>".encode(), {})

    def _refuse(self, status: int, code: str) -> None:
        self._answer(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode(), {})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _hang_up(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, HANG_UP_NOW)
        self.close_connection = True

    def log_message(self, *rest: Any) -> None:
        """Write no log."""
