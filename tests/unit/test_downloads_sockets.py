"""Tests downloads over real sockets and real TLS: the address is pinned, and the certificate must be the host's own."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.fakes.mock_vendor import NO_TLS

from darkroom.errors import ResultNotReady, UnsafeLink
from darkroom.providers import http_client
from darkroom.providers.downloads import Downloads
from darkroom_local.machine.certificates import Certificates, issue

CONTENT = bytes(range(256)) * 1000
NAME, OTHER_NAME = "results.test", "other.test"


class Handler(BaseHTTPRequestHandler):
    """Serves the content, and only half of it under /cut. /away redirects to another name of the same address."""

    protocol_version = "HTTP/1.1"  # clients may reuse a connection

    def do_GET(self) -> None:
        self.server.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}))  # type: ignore[attr-defined]
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", f"https://{OTHER_NAME}:{self.server.server_port}/x")  # type: ignore[attr-defined]
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:30_000] if self.path == "/cut" else CONTENT)
        self.close_connection = self.path == "/cut"

    def log_message(self, *rest: Any) -> None:
        """Write no log."""


class Server(ThreadingHTTPServer):
    """Ignores clients that disconnect early, because some tests read only a range."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Write no log."""


def serving(context: ssl.SSLContext | None) -> Iterator[Any]:
    server: Any = Server(("127.0.0.1", 0), Handler)
    server.seen = []
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def plain() -> Iterator[Any]:
    yield from serving(None)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Return certificates that are valid for NAME only."""
    return issue(tmp_path_factory.mktemp("tls"), NAME)


@pytest.fixture
def secure(certificates: Certificates) -> Iterator[Any]:
    """Yield the server over TLS. Its `names` are the host names that clients asked for."""
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.chain, certificates.key)
    context.sni_callback = lambda connection, name, given: names.append(name)
    for server in serving(context):
        server.names = names
        yield server


@pytest.fixture
def lookups(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of names that the resolver is asked for. The first answer for a name is the loopback address, and
    later answers are a private address. This is a rebinding attack.

    The resolver is replaced because no real one does this on request. Numeric addresses still go to the real one.
    """
    real: Callable[..., list[Any]] = socket.getaddrinfo
    asked: list[str] = []

    def answer(host: str, port: int, *rest: Any, **options: Any) -> list[Any]:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            asked.append(host)
            address = "127.0.0.1" if asked.count(host) == 1 else "10.255.255.1"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]
        return real(host, port, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return asked


def downloads(context: ssl.SSLContext = NO_TLS) -> Downloads:
    return Downloads(http_client.new_client(context), local=True)


def fetch(url: str, context: ssl.SSLContext = NO_TLS) -> bytes:
    """Return the body of one request, which takes one lookup and one connection."""
    found = downloads(context)
    response = found.follow_redirects(url, {})[0]
    try:
        return response.read()
    finally:
        response.close()
        found.client.close()


def test_the_address_that_was_checked_is_the_one_connected_to(plain: Any, lookups: list[str]) -> None:
    assert fetch(f"http://{NAME}:{plain.server_port}/x") == CONTENT
    assert lookups == [NAME]


def test_a_second_answer_of_the_resolver_is_checked_like_the_first(plain: Any, lookups: list[str]) -> None:
    url = f"http://{NAME}:{plain.server_port}/x"
    fetch(url)
    with pytest.raises(UnsafeLink):
        fetch(url)
    assert len(plain.seen) == 1


def test_the_host_is_told_its_own_name(plain: Any, lookups: list[str]) -> None:
    fetch(f"http://{NAME}:{plain.server_port}/x")
    assert plain.seen[0][1]["host"] == f"{NAME}:{plain.server_port}"


def test_a_proxy_of_the_environment_is_not_used(plain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert fetch(f"http://127.0.0.1:{plain.server_port}/x") == CONTENT


def test_a_host_without_ranges_is_read_and_streamed_right(plain: Any) -> None:
    found = downloads()
    with found.client, found.open(f"http://127.0.0.1:{plain.server_port}/x") as link:
        assert link.read(200_000, 7) == CONTENT[200_000:200_007]
        assert b"".join(link.stream()) == CONTENT


def test_a_connection_closed_early_is_not_ready(plain: Any) -> None:
    found = downloads()
    with found.client, pytest.raises(ResultNotReady), found.open(f"http://127.0.0.1:{plain.server_port}/cut"):
        pass


def test_a_closed_port_is_not_ready() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # nobody else can get this port, and nobody listens there
        with pytest.raises(ResultNotReady):
            fetch(f"http://127.0.0.1:{deaf.getsockname()[1]}/x")


def test_tls_is_made_with_the_hosts_name_though_an_address_is_dialled(
    secure: Any, certificates: Certificates, lookups: list[str]
) -> None:
    context = ssl.create_default_context(cafile=str(certificates.authority))
    assert fetch(f"https://{NAME}:{secure.server_port}/x", context) == CONTENT
    assert secure.names == [NAME]


def test_a_certificate_of_another_name_is_refused(secure: Any, certificates: Certificates, lookups: list[str]) -> None:
    context = ssl.create_default_context(cafile=str(certificates.authority))
    with pytest.raises(ResultNotReady):
        fetch(f"https://{OTHER_NAME}:{secure.server_port}/x", context)
    assert secure.seen == []


def test_a_second_host_of_the_same_address_must_show_its_own_certificate(
    secure: Any, certificates: Certificates, lookups: list[str]
) -> None:
    context = ssl.create_default_context(cafile=str(certificates.authority))
    with pytest.raises(ResultNotReady):
        fetch(f"https://{NAME}:{secure.server_port}/away", context)
    assert [path for path, _ in secure.seen] == ["/away"]
    assert secure.names == [NAME, OTHER_NAME]


def test_a_connection_to_one_host_is_never_used_for_another_of_the_same_address(
    secure: Any, certificates: Certificates, lookups: list[str]
) -> None:
    found = downloads(ssl.create_default_context(cafile=str(certificates.authority)))
    with found.client:
        response = found.follow_redirects(f"https://{NAME}:{secure.server_port}/x", {})[0]
        assert len(response.read()) == len(CONTENT)
        with pytest.raises(ResultNotReady):
            found.follow_redirects(f"https://{OTHER_NAME}:{secure.server_port}/y", {})[0]
    assert [path for path, _ in secure.seen] == ["/x"]
