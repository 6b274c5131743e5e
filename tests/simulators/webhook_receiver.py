"""A server that receives webhooks, for simulators of vendors that send them."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class WebhookReceiver:
    """Records each POST. It answers with the statuses in `answers`, one after the other, and then with 200."""

    origin: str = ""
    answers: list[int] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def url(self, path: str = "/hook") -> str:
        return self.origin + path

    def statuses(self) -> list[str]:
        """Return the words that have come, in the order in which they came."""
        return [body["status"] for body in self.bodies]

    def in_order(self) -> list[dict[str, Any]]:
        """Return the bodies that have come, in the order of their ids."""
        return sorted(self.bodies, key=lambda body: str(body["notification_id"]))

    def receive(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        with self._lock:
            self.paths.append(request.path)
            self.headers.append(dict(request.headers))
            self.bodies.append(json.loads(body))
            status = self.answers.pop(0) if self.answers else 200
        request.send_response(status)
        if status in (301, 302, 307, 308):
            request.send_header("Location", self.url("/elsewhere"))
        request.send_header("Content-Length", "0")
        request.end_headers()


@contextlib.contextmanager
def receive_webhooks() -> Iterator[WebhookReceiver]:
    """Run a receiver in the block, and yield it."""
    receiver = WebhookReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.receive(self)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.origin = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
