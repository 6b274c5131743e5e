"""Tests downloads of results: where a link may lead, what is sent there, and that only complete results count.

All tests replace the resolver (`socket.getaddrinfo`), because no test network has these addresses. The hosts are
httpx's mock. test_downloads_sockets.py uses real hosts.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from tests.fakes.result_server import CONTENT, LINK, PUBLIC, Host, Resolver, opened, resolve
from tests.rows import each_row

from darkroom.errors import ResultNotReady, UnsafeLink
from darkroom.providers.url_safety import is_public

__all__ = ["resolve"]  # pytest must find this automatic fixture here

# --- where a link may lead -------------------------------------------------------------------------------------

NOT_PUBLIC = [
    "10.0.0.1", "172.16.0.1", "192.168.1.1", "127.0.0.1", "127.9.9.9", "0.0.0.0", "169.254.169.254", "169.254.0.1",
    "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1",
    "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1",
    "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1",
    "2002:a9fe:a9fe::", "2002:7f00:1::",
]  # fmt: skip


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_never_connected_to(resolve: Resolver, address: str) -> None:
    host = Host()
    resolve(address)
    with pytest.raises(UnsafeLink):
        opened(host)
    assert host.requests == []


@each_row("address", [PUBLIC, "2606:4700::1111", "::ffff:93.184.215.14", "64:ff9b::5db8:d70e"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "fd00::1"])
def test_one_bad_address_among_good_ones_is_enough_to_refuse(resolve: Resolver, address: str) -> None:
    resolve(PUBLIC, address)
    with pytest.raises(UnsafeLink):
        opened(Host())


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "fe80::1", "0.0.0.0"])
def test_even_beside_a_simulator_only_loopback_is_allowed(resolve: Resolver, address: str) -> None:
    resolve(address)
    with pytest.raises(UnsafeLink):
        opened(Host(), "http://results.test/x", local=True)


def test_plain_http_and_loopback_are_for_simulators(resolve: Resolver) -> None:
    resolve("127.0.0.1")
    assert opened(Host(), "http://results.test:8080/x", local=True).size_bytes == len(CONTENT)
    resolve(PUBLIC)
    with pytest.raises(UnsafeLink):
        opened(Host(), "http://results.test/x")


@each_row(
    "url", ["", "x", "/r/1.png", "ftp://results.test/x", "file:///etc/passwd", "https://", "https:///x", "https://[bad/x",
            "https://results.test:99999/x", "https://a\nb/x", "//results.test/x", "https://" + "a" * 70_000],
)  # fmt: skip
def test_what_is_no_https_link_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(UnsafeLink) as caught:
        opened(Host(), url)
    assert len(url) < 2 or url not in str(caught.value)


def test_a_host_that_does_not_resolve_is_asked_again_later(monkeypatch: pytest.MonkeyPatch, resolve: Resolver) -> None:
    def fail(*rest: Any, **options: Any) -> None:
        raise socket.gaierror("results.example.test")

    resolve()
    with pytest.raises(ResultNotReady):
        opened(Host())
    monkeypatch.setattr(socket, "getaddrinfo", fail)  # no real resolver fails when a test asks for it
    with pytest.raises(ResultNotReady):
        opened(Host())


def test_ipv4_is_preferred_since_lambda_has_no_route_to_ipv6(resolve: Resolver) -> None:
    resolve("2606:4700::1111", PUBLIC)
    host = Host()
    opened(host)
    assert host.requests[0].url.host == PUBLIC


# --- what is sent ----------------------------------------------------------------------------------------------


def test_the_checked_address_is_the_one_connected_to_under_the_hosts_name() -> None:
    host = Host()
    opened(host)
    (request,) = host.requests
    assert request.url.host == PUBLIC
    assert request.headers["host"] == "results.example.test"
    assert request.extensions["sni_hostname"] == "results.example.test"


def test_the_signed_path_and_query_arrive_unchanged() -> None:
    host = Host()
    opened(host)
    assert host.requests[0].url.raw_path == LINK.partition(".test")[2].encode()


def test_a_link_gets_no_key_no_cookie_and_no_password() -> None:
    host = Host()
    opened(host, "https://user:password@results.example.test/x").read(100_000, 5)
    for request in host.requests:
        assert not {"authorization", "x-api-key", "cookie", "proxy-authorization"} & set(request.headers)
        assert request.url.userinfo == b""


def test_a_port_is_named_in_the_host_header_unless_it_is_the_usual_one() -> None:
    host = Host()
    opened(host, "https://results.test:8443/x")
    opened(host, "https://results.test:443/x")
    assert [request.headers["host"] for request in host.requests] == ["results.test:8443", "results.test"]


# --- redirects -------------------------------------------------------------------------------------------------


def redirecting(*locations: str | None) -> tuple[Callable[[httpx.Request], httpx.Response], list[httpx.Request]]:
    """Return a host that redirects to each location in turn and then serves the content, and the list of its requests."""
    host, left, seen = Host(), list(locations), []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if not left:
            return host(request)
        location = left.pop(0)
        return httpx.Response(302, headers={"Location": location} if location else {})

    return answer, seen


def test_three_redirects_are_followed_each_by_its_own_address() -> None:
    host, seen = redirecting("https://b.test/2", "/3?x=1", "https://c.test/4")
    assert opened(host).size_bytes == len(CONTENT)
    assert [request.headers["host"] for request in seen] == ["results.example.test", "b.test", "b.test", "c.test"]
    assert {request.url.host for request in seen} == {PUBLIC}


def test_a_fourth_redirect_is_refused() -> None:
    host, seen = redirecting(*["https://b.test/again"] * 4)
    with pytest.raises(UnsafeLink):
        opened(host)
    assert len(seen) == 4


@each_row("location", ["http://b.test/x", "ftp://b.test/x", "file:///etc/passwd", None, "https://["])
def test_a_redirect_to_what_is_no_https_link_is_refused(location: str | None) -> None:
    host, seen = redirecting(location)
    with pytest.raises(UnsafeLink):
        opened(host)
    assert len(seen) == 1


def test_a_redirect_to_an_inner_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(name: str, port: int, *rest: Any, **options: Any) -> list[Any]:
        address = "169.254.169.254" if name == "inner.test" else PUBLIC
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)  # the second host must resolve differently from the first
    host, seen = redirecting("https://inner.test/latest/meta-data")
    with pytest.raises(UnsafeLink):
        opened(host)
    assert len(seen) == 1
