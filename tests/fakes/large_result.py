"""A provider's storage on a loopback port. It serves one large result behind links that can expire, change and break."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

MIB = 1024 * 1024
HEAD_BYTES = 64 * 1024  # the check of a link asks for no more bytes than this


def content(size: int) -> bytes:
    """Return random bytes, so that no two places in them are alike. The same size always gives the same bytes."""
    return random.Random(size).randbytes(size)


@dataclass
class LargeResult:
    """Holds the result, the settings of its server, and the requests that the server received.

    `misdeeds` maps the first byte of a range to the faults of its next answers. `ended` holds the numbers of expired
    links. The server answers an expired link with 403.
    """

    body: bytes
    url: str = ""
    etag: str | None = '"v1"'
    ranges: bool = True
    misdeeds: dict[int, list[str]] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    before_403: Callable[[], object] = lambda: None
    after_part: Callable[[], object] = lambda: None
    minted: int = 0
    seen: list[dict[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def link(self) -> str:
        """Return a new link."""
        with self.lock:
            self.minted += 1
            return f"{self.url}/result.tif?link={self.minted}"

    def end_all_links(self) -> None:
        """Answer all links created so far with 403."""
        self.ended |= {str(number) for number in range(1, self.minted + 1)}

    def misdeed(self, first: int) -> str:
        """Return the fault of the next answer for this range and use it up. An empty string means no fault."""
        with self.lock:
            left = self.misdeeds.get(first, [])
            return left.pop(0) if left else ""

    @property
    def parts_asked(self) -> list[str]:
        """Return the ranges that were requested, without the requests that only check a link."""
        asked = [one.get("range", "") for one in self.seen]
        return [one for one in asked if one not in ("", "bytes=0-65535", "bytes=0-0")]


@contextmanager
def large_result(body: bytes, **changes: Any) -> Iterator[LargeResult]:
    """Serve the result until the block ends."""
    kept = LargeResult(body, **changes)
    handler = type("Bound", (_Handler,), {"kept": kept})
    server = _Server(("127.0.0.1", 0), handler)
    kept.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that hang up, because tests do that on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kept: LargeResult

    def do_GET(self) -> None:
        kept, headers = self.kept, {name.lower(): value for name, value in self.headers.items()}
        kept.seen.append({**headers, "path": self.path})
        link = parse_qs(urlsplit(self.path).query)["link"][0]
        if link in kept.ended:
            kept.before_403()
            self._answer(403, b"", {})
        elif "if-match" in headers and headers["if-match"] != kept.etag:
            self._answer(412, b"", {})
        else:
            self._serve(headers)

    def _serve(self, headers: dict[str, str]) -> None:
        kept = self.kept
        tag = {"ETag": kept.etag} if kept.etag else {}
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", headers.get("range", ""))
        first = int(asked[1]) if asked else 0
        is_large = asked is None or int(asked[2]) - first >= HEAD_BYTES
        misdeed = kept.misdeed(first) if is_large else ""
        if misdeed.isdigit() and misdeed != "200":
            self._answer(int(misdeed), b"", {})
            return
        if asked is None or not kept.ranges or misdeed == "200":
            self._answer(200, kept.body, tag, misdeed == "cut", misdeed)
            return
        last = min(int(asked[2]), len(kept.body) - 1)
        named = f"bytes {first + (misdeed == 'another')}-{last}/{len(kept.body) + (misdeed == 'grown')}"
        self._answer(206, kept.body[first : last + 1], {**tag, "Content-Range": named}, misdeed == "cut", misdeed)
        if is_large:
            kept.after_part()

    def _answer(self, status: int, body: bytes, headers: dict[str, str], cut: bool = False, framing: str = "") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if framing == "unmeasured":
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(body) + (framing == "longer")))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = cut or framing in ("unmeasured", "longer")

    def log_message(self, *rest: Any) -> None:
        """Write no log."""
