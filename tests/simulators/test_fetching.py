"""Tests that a simulator fetches a picture by https only from a host whose certificate it trusts."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from tests.simulators.picture_server import picture

from darkroom_local.machine.certificates import Certificates, issued
from darkroom_local.simulators.framework.input_fetching import NotFetched, fetch, tls_trust


class Handler(BaseHTTPRequestHandler):
    """Answers every GET request with a picture."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(picture())

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(HTTPServer):
    """A server that reports no error when a client hangs up."""

    def handle_error(self, request: object, client_address: object) -> None:
        pass


@pytest.fixture
def certificates() -> Iterator[Certificates]:
    with issued() as own:
        yield own


@pytest.fixture
def url(certificates: Certificates) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.chain, certificates.key)
    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"https://localhost:{server.server_address[1]}/cat.png"
        server.shutdown()
        thread.join()


def fetched(url: str, folder: Path, authorities: Path | None) -> bytes:
    target = folder / "picture"
    asyncio.run(fetch(url, target, 10, 1 << 20, tls_trust(authorities)))
    return target.read_bytes()


def test_a_picture_is_fetched_from_a_host_that_is_trusted(url: str, certificates: Certificates, tmp_path: Path) -> None:
    assert fetched(url, tmp_path, certificates.authority) == picture()


def test_not_from_one_that_only_others_trust(url: str, tmp_path: Path) -> None:
    with issued() as other, pytest.raises(NotFetched, match="Certificate"):
        fetched(url, tmp_path, other.authority)
    with pytest.raises(NotFetched, match="Certificate"):
        fetched(url, tmp_path, None)
