"""How these tests speak to the uwear.ai simulator: a plain HTTP client, and a server that holds pictures.

The tests must not import the application: what is checked here is the stand-in, not its user.
"""

from __future__ import annotations

import contextlib
import io
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from PIL import Image

KEY = "test-key-2"
BEARER = {"Authorization": f"Bearer {KEY}"}
# A client without a key; no certificates are loaded, as everything here is plain HTTP.
BARE = httpx.Client(verify=False, timeout=10, limits=httpx.Limits(max_keepalive_connections=0))
ENDED = ("Done", "Error", "Failed")


def picture(width: int = 30, height: int = 20, name: str = "PNG", **save: Any) -> bytes:
    """A picture of that size with a gradient in it."""
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    buffer = io.BytesIO()
    image.save(buffer, name, **save)
    return buffer.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


class Gallery:
    """Pictures by path, on a server of their own; remembers what was asked for, as it was asked."""

    def __init__(self) -> None:
        self.pictures: dict[str, bytes] = {"/cat.png": picture(), "/dog.jpg": picture(name="JPEG")}
        self.moved: dict[str, str] = {}
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.delay_seconds = 0.0
        self.origin = ""

    def url(self, path: str = "/cat.png") -> str:
        return self.origin + path

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """One GET."""
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
def gallery_open() -> Iterator[Gallery]:
    """A gallery for the length of a block."""
    shown = Gallery()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown.answer(self)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        shown.origin = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield shown
        finally:
            server.shutdown()
            thread.join()


def submit(http: httpx.Client, image_url: str | None, model: str = "recraft", **body: Any) -> httpx.Response:
    """One submit; keyword arguments are further fields of the body."""
    given = {} if image_url is None else {"image_url": image_url}
    return http.post("/generation-upscale", json={**given, "model_name": model, **body})


def submitted(http: httpx.Client, image_url: str | None, model: str = "recraft", **body: Any) -> int:
    answer = submit(http, image_url, model, **body)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["generation_id"])


def finished(http: httpx.Client, generation_id: int, limit_seconds: float = 6) -> dict[str, Any]:
    stop = time.time() + limit_seconds
    while time.time() < stop:
        body: dict[str, Any] = http.get(f"/generation/{generation_id}").json()
        if body["status"] in ENDED:
            return body
        time.sleep(0.02)
    raise AssertionError("the generation did not end")


def link(http: httpx.Client, generation_id: int) -> str:
    """The result's address, once the generation is done."""
    body = finished(http, generation_id)
    assert body["status"] == "Done", body
    return str(body["generation_results"][0]["image_url"])


def result_of(http: httpx.Client, generation_id: int) -> bytes:
    answer = BARE.get(link(http, generation_id))
    assert answer.status_code == 200
    return answer.content
