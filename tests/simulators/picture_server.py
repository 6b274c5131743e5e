"""A server of pictures, for simulators of vendors that fetch their input by URL.

The tests of the simulators must not import the application, because they check the simulators alone.
"""

from __future__ import annotations

import contextlib
import io
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image


def picture(width: int = 30, height: int = 20, name: str = "PNG", **save: Any) -> bytes:
    """Return a picture of this size that shows a gradient."""
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    buffer = io.BytesIO()
    image.save(buffer, name, **save)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


class PictureServer:
    """Serves pictures by path, and records the path and the headers of each request exactly as they came."""

    def __init__(self) -> None:
        self.origin = ""
        self.renew()

    def renew(self) -> None:
        """Serve only `/cat.png` and `/dog.jpg` again, and forget all requests."""
        self.pictures: dict[str, bytes] = {"/cat.png": picture(), "/dog.jpg": picture(name="JPEG")}
        self.moved: dict[str, str] = {}
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.delay_seconds = 0.0

    def url(self, path: str = "/cat.png") -> str:
        return self.origin + path

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Record and answer one GET request."""
        self.asked.append(request.path)
        self.headers.append(dict(request.headers))
        time.sleep(self.delay_seconds)
        path = request.path.partition("?")[0]
        body = self.pictures.get(path, b"")
        request.send_response(302 if path in self.moved else 200 if body else 404)
        if path in self.moved:
            request.send_header("Location", self.moved[path])
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        with contextlib.suppress(OSError):
            request.wfile.write(body)


@contextlib.contextmanager
def serve_pictures() -> Iterator[PictureServer]:
    """Run a picture server in the block, and yield it."""
    shown = PictureServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown.answer(self)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        shown.origin = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield shown
        finally:
            server.shutdown()
            thread.join()


def no_picture(picture_server: PictureServer) -> None:
    picture_server.pictures["/cat.png"] = b"hello"


def half_a_picture(picture_server: PictureServer) -> None:
    picture_server.pictures["/cat.png"] = picture(200, 200, "JPEG")[:-700]


def gone(picture_server: PictureServer) -> None:
    del picture_server.pictures["/cat.png"]


def moved(picture_server: PictureServer) -> None:
    picture_server.moved["/cat.png"] = picture_server.url("/dog.jpg")
