"""Tests reading parts of a result by ranges: addresses are pinned, the certificate is the right one, each thread has
one connection, and exactly the requested part is read.
"""

from __future__ import annotations

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
from darkroom.providers.parallel_downloads import LinkExpired, RangeReader, ResultLocation
from darkroom_local.machine.certificates import Certificates, issue

CONTENT = bytes(range(256)) * 1000
TOTAL = len(CONTENT)
KEY = "Bearer key-1"


class Handler(BaseHTTPRequestHandler):
    """Serves ranges. `/moved` redirects to `/kept`, which needs a key. `/as/<status>` answers with that status."""

    protocol_version = "HTTP/1.1"
    server: Any

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.seen.append((self.path, headers, self.client_address[1]))
        if self.path.startswith("/as/"):
            self.answer(int(self.path.rpartition("/")[2]), b"", {})
        elif self.path == "/moved":
            self.answer(302, b"", {"Location": "/kept"})
        elif self.path == "/kept" and headers.get("authorization") != KEY:
            self.answer(401, b"", {})
        else:
            first, last = map(int, headers["range"].removeprefix("bytes=").split("-"))
            part = CONTENT[first : last + 1]
            named = {"Content-Range": f"bytes {first}-{first + len(part) - 1}/{TOTAL}", "ETag": '"v1"'}
            self.answer(206, part, named | self.server.instead)

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: self.server.sent])
        self.close_connection = self.server.sent is not None or "Connection" in headers

    def log_message(self, *rest: Any) -> None:
        """Write no log."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect early, because tests do that on purpose."""


def serving(context: ssl.SSLContext | None) -> Iterator[Any]:
    server: Any = Server(("127.0.0.1", 0), Handler)
    server.seen, server.instead, server.sent = [], {}, None
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
    """Return certificates for `localhost`."""
    return issue(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(certificates: Certificates) -> Iterator[Any]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.chain, certificates.key)
    yield from serving(context)


@pytest.fixture
def ranges() -> Iterator[RangeReader]:
    made = RangeReader(NO_TLS)
    yield made
    made.close()


def place_of(server: Any, target: str = "/x?signature=s", **changes: Any) -> ResultLocation:
    port = server.server_port
    return ResultLocation(
        **{
            "address": "127.0.0.1",
            "port": port,
            "host": f"results.test:{port}",
            "name": "results.test",
            "target": target,
            "is_tls": False,
        }
        | changes
    )


def read(
    ranges: RangeReader, place: ResultLocation, offset: int, length: int, piece: int = 7_000, etag: str | None = '"v1"'
) -> bytes:
    taken, buffer = bytearray(), bytearray(piece)
    with ranges.part(place, offset, length, etag, TOTAL) as part:
        while count := part.readinto(memoryview(buffer)):
            taken += buffer[:count]
    return bytes(taken)


def connections(server: Any) -> int:
    return len({port for _, _, port in server.seen})


@pytest.mark.parametrize("piece", [1_000, 7_000, 500_000])
@pytest.mark.parametrize(("offset", "length"), [(0, TOTAL), (0, 1), (TOTAL - 1, 1), (100_001, 77_777)])
def test_a_part_is_exactly_the_bytes_asked_for(
    ranges: RangeReader, plain: Any, offset: int, length: int, piece: int
) -> None:
    assert read(ranges, place_of(plain), offset, length, piece) == CONTENT[offset : offset + length]
    path, headers, _ = plain.seen[0]
    assert (path, headers["range"]) == ("/x?signature=s", f"bytes={offset}-{offset + length - 1}")
    assert (headers["host"], headers["if-match"]) == (f"results.test:{plain.server_port}", '"v1"')
    assert headers["accept-encoding"] == "identity"


def test_without_a_tag_none_is_insisted_on(ranges: RangeReader, plain: Any) -> None:
    read(ranges, place_of(plain), 0, 10, etag=None)
    assert "if-match" not in plain.seen[0][1]


def test_a_thread_keeps_its_connection_and_every_thread_has_its_own(ranges: RangeReader, plain: Any) -> None:
    def twice() -> None:
        for offset in (0, 50_000):
            read(ranges, place_of(plain), offset, 50_000)

    threads = [threading.Thread(target=twice) for _ in range(3)]
    for thread in threads:
        thread.start()
        thread.join()
    assert (len(plain.seen), connections(plain)) == (6, 3)


def test_another_host_of_the_same_address_is_not_asked_over_the_same_connection(
    ranges: RangeReader, plain: Any
) -> None:
    for name in ("results.test", "other.test"):
        read(ranges, place_of(plain, name=name), 0, 10)
    assert connections(plain) == 2


def test_a_part_left_early_takes_its_connection_with_it(ranges: RangeReader, plain: Any) -> None:
    with ranges.part(place_of(plain), 0, TOTAL, None, TOTAL) as part:
        part.readinto(memoryview(bytearray(10)))
    assert read(ranges, place_of(plain), 5, 10) == CONTENT[5:15]
    assert connections(plain) == 2


def test_what_goes_wrong_with_its_reader_is_passed_on(ranges: RangeReader, plain: Any) -> None:
    with pytest.raises(KeyError), ranges.part(place_of(plain), 0, TOTAL, None, TOTAL):
        raise KeyError
    assert read(ranges, place_of(plain), 5, 10) == CONTENT[5:15]


def test_a_host_that_closes_after_each_answer_is_connected_to_again(ranges: RangeReader, plain: Any) -> None:
    plain.instead = {"Connection": "close"}
    for offset in (0, 50_000):
        assert read(ranges, place_of(plain), offset, 10) == CONTENT[offset : offset + 10]
    assert connections(plain) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_an_answer_that_a_link_has_ended_says_so(ranges: RangeReader, plain: Any, status: int) -> None:
    with pytest.raises(LinkExpired, match=str(status)):
        read(ranges, place_of(plain, f"/as/{status}"), 0, 10)


@pytest.mark.parametrize("status", [200, 204, 302, 412, 416, 429, 500, 503])
def test_any_other_answer_but_a_part_is_not_ready(ranges: RangeReader, plain: Any, status: int) -> None:
    with pytest.raises(ResultNotReady, match=str(status)) as caught:
        read(ranges, place_of(plain, f"/as/{status}"), 0, 10)
    assert not isinstance(caught.value, LinkExpired)


@pytest.mark.parametrize(
    "instead",
    [{"Content-Range": "bytes 1-10/256000"}, {"Content-Range": "bytes 0-9/256001"}, {"Content-Range": "bytes 0-9/*"},
     {"Content-Range": ""}, {"Content-Length": "9"}, {"Content-Length": "11"}],
    ids=str,
)  # fmt: skip
def test_a_part_that_is_not_the_one_asked_for_is_not_taken(
    ranges: RangeReader, plain: Any, instead: dict[str, str]
) -> None:
    plain.instead = instead
    with pytest.raises(ResultNotReady):
        read(ranges, place_of(plain), 0, 10)


@pytest.mark.parametrize("sent", [0, 1, 60_000])
def test_a_part_that_ends_early_is_not_ready(ranges: RangeReader, plain: Any, sent: int) -> None:
    plain.sent = sent
    with pytest.raises(ResultNotReady, match="cut"):
        read(ranges, place_of(plain), 0, 100_000)


def test_a_host_that_is_gone_is_not_ready_and_its_link_is_not_shown(ranges: RangeReader) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    place = ResultLocation("127.0.0.1", port, "results.test", "results.test", "/x?signature=secret", is_tls=False)
    with pytest.raises(ResultNotReady) as caught:
        read(ranges, place, 0, 10)
    assert "secret" not in str(caught.value) + repr(place) + repr(ranges)
    assert caught.value.__suppress_context__


def test_the_checked_address_is_dialled_and_the_certificate_must_be_the_hosts(
    secure: Any, certificates: Certificates
) -> None:
    ranges = RangeReader(ssl.create_default_context(cafile=certificates.authority))
    assert read(ranges, place_of(secure, is_tls=True, name="localhost"), 0, 10) == CONTENT[:10]
    with pytest.raises(ResultNotReady, match="SSLCertVerificationError"):
        read(ranges, place_of(secure, is_tls=True, name="results.test"), 0, 10)
    ranges.close()
    assert len(secure.seen) == 1


# --- from the link to the part ---------------------------------------------------------------------------------------


@pytest.fixture
def link_to(plain: Any) -> Iterator[Callable[..., Any]]:
    """Yield a function that opens links on the server without TLS. All links are closed after the test."""
    client = http_client.new_client(NO_TLS)

    def opened(path: str, **options: Any) -> Any:
        found = Downloads(client, local=True, context=lambda: NO_TLS, **options)
        return found.open(f"http://127.0.0.1:{plain.server_port}{path}")

    with client:
        yield opened


def part_of(link: Any, offset: int, length: int) -> bytes:
    buffer = bytearray(length)
    with link.part(offset, length) as part:
        filled = 0
        while count := part.readinto(memoryview(buffer)[filled:]):
            filled += count
    return bytes(buffer[:filled])


def test_redirects_are_followed_once_and_their_end_is_what_parts_are_asked_of(plain: Any, link_to: Any) -> None:
    with link_to("/moved", key_headers_for=lambda origin: {"Authorization": KEY}) as link:
        for offset in (0, 100_000):
            assert part_of(link, offset, 1_000) == CONTENT[offset : offset + 1_000]
    assert [path for path, _, _ in plain.seen] == ["/moved", "/kept", "/kept", "/kept", "/kept"]
    assert [headers.get("authorization") for _, headers, _ in plain.seen] == [None, None, KEY, KEY, KEY]


def test_a_link_that_ends_and_cannot_be_minted_anew_is_not_ready(plain: Any, link_to: Any) -> None:
    with link_to("/x") as link:
        link._location = place_of(plain, "/as/403")
        with pytest.raises(ResultNotReady, match="expired"):
            part_of(link, 0, 10)


def test_a_fresh_link_is_checked_like_the_first(plain: Any, link_to: Any) -> None:
    with link_to("/x") as link:
        link.renew_url = lambda: "http://10.0.0.1/x"
        link._location = place_of(plain, "/as/403")
        with pytest.raises(UnsafeLink):
            part_of(link, 0, 10)
    assert len(plain.seen) == 2


def test_a_link_leaves_no_connection_open(plain: Any, link_to: Any) -> None:
    with link_to("/x") as link:
        part_of(link, 0, 10)
        kept = list(link._range_reader._connections)
        assert [connection.sock is None for connection in kept] == [False]
    assert [connection.sock for connection in kept] == [None]
