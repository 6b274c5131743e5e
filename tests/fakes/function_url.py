"""Serves a handler at a loopback address, as Lambda serves a function by its URL with AuthType NONE.

Each request becomes an event of payload format 2.0, and the handler runs for one request at a time, as in one container. Source:
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html

`python -m tests.fakes.function_url MODULE` serves the handler of that module in a process of its own, whose standard output is
the function's log. It prints the address to its standard error, and serves until its standard input ends. Then it prints what
the invocations took, as JSON.
"""

from __future__ import annotations

import base64
import contextlib
import importlib
import json
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HANDLER_SECONDS = 30.0  # what `Context` says is left of each invocation
Handler = Callable[[dict[str, Any], Any], Any]
BODY_LIMIT_BYTES = 6_291_456
_TEXT = ("application/json", "application/xml", "text/")


class Context:
    """Stands in for a Lambda context."""

    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "loopback"

    def get_remaining_time_in_millis(self) -> int:
        return int(HANDLER_SECONDS * 1000)


@dataclass
class FunctionUrl:
    """The address of a served handler, the number of its invocations, and the seconds that they took in all."""

    address: str = ""
    invocations: int = 0
    busy_seconds: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextlib.contextmanager
def serve(handler: Handler) -> Iterator[FunctionUrl]:
    """Serve the handler in the block."""
    url = FunctionUrl()

    class Request(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if len(body) > BODY_LIMIT_BYTES:
                self._answer(413, b"")
                return
            with url.lock:
                url.invocations += 1
                began = time.perf_counter()
                answer = handler(event_of(self, body), Context())
                url.busy_seconds += time.perf_counter() - began
            self._answer(int(answer["statusCode"]), str(answer.get("body", "")).encode())

        do_GET = do_PUT = do_POST

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Request) as server:
        server.daemon_threads = True
        url.address = f"http://127.0.0.1:{server.server_address[1]}/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005})
        thread.start()
        try:
            yield url
        finally:
            server.shutdown()
            thread.join()


def event_of(request: BaseHTTPRequestHandler, body: bytes) -> dict[str, Any]:
    """Return the event that Lambda makes of a request."""
    path, _, query = request.path.partition("?")
    headers = {name.lower(): value for name, value in request.headers.items()}
    is_text = headers.get("content-type", "").startswith(_TEXT)
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous",
            "http": {
                "method": request.command, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1",
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": "$default",
            "stage": "$default",
            "timeEpoch": int(time.time() * 1000),
        },
        "isBase64Encoded": bool(body) and not is_text,
    }  # fmt: skip
    if body:
        event["body"] = body.decode("utf-8", "replace") if is_text else base64.b64encode(body).decode()
    return event


def main(module: str) -> None:
    with serve(importlib.import_module(module).handler) as url:
        print(url.address, file=sys.stderr, flush=True)
        sys.stdin.read()
    cpu_seconds = time.process_time()
    taken = {"invocations": url.invocations, "busy_seconds": url.busy_seconds, "cpu_seconds": cpu_seconds}
    print(json.dumps(taken), file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1])
