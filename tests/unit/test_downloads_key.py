"""Tests results that a vendor protects with its API key. The key goes only to the API's own origin, and only if that
origin requires it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import httpx
import pytest
from tests.fakes.mock_vendor import NO_TLS, PROCESS, Keys, answer
from tests.fakes.result_server import CONTENT, PUBLIC, Host, Resolver, resolve
from tests.rows import each_row

from darkroom.errors import ResultNotReady, UnsafeLink
from darkroom.providers import http_client
from darkroom.providers.downloads import Downloads
from darkroom.providers.oxen import Oxen

__all__ = ["resolve"]  # pytest must find this automatic fixture here

BASE = "https://hub.oxen.example.test/api"
OWN = "https://hub.oxen.example.test/api/repos/r/file/1.png"
ELSEWHERE = "https://cdn.example.test/1.png?X-Amz-Signature=s"
REFUSED = httpx.Response(401, text="unauthenticated")
AS_STRANGERS = (401, 403, 404)


class Hub:
    """Plays the vendor and all other hosts. It answers by URL and records which requests carried the key."""

    def __init__(self, link: str, closed: tuple[str, ...] = (), moved: Mapping[str, str] | None = None) -> None:
        self.link, self.closed, self.moved, self.host = link, closed, moved or {}, Host()
        self.seen: list[tuple[str, str | None]] = []
        self.to_strangers = 401

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.host not in (PUBLIC, "127.0.0.1") or request.url.path.startswith("/api/ai/queue"):
            return answer({"status": "succeeded", "result_url": self.link})
        url = f"{request.url.scheme}://{request.headers['host']}{request.url.raw_path.decode()}"
        key = request.headers.get("authorization")
        self.seen.append((url, key))
        if url in self.closed and key is None:
            return httpx.Response(self.to_strangers)
        return httpx.Response(302, headers={"Location": self.moved[url]}) if url in self.moved else self.host(request)


def opened(hub: Callable[[httpx.Request], httpx.Response], base_url: str = BASE, local: bool = False) -> bytes:
    """Return the first ten bytes of the result, read through the adapter."""
    client = http_client.new_client(NO_TLS, transport=httpx.MockTransport(hub))
    with Oxen(base_url, Keys("key-1"), client, Downloads(client, local=local)).result(PROCESS) as link:
        return link.read(0, 10)


def test_a_link_that_opens_without_the_key_never_gets_it() -> None:
    for link in (OWN, ELSEWHERE):
        hub = Hub(link)
        assert opened(hub) == CONTENT[:10]
        assert hub.seen == [(link, None)]


@each_row("status", AS_STRANGERS)
def test_a_refusal_by_the_apis_own_origin_is_answered_with_the_key_once(status: int) -> None:
    hub = Hub(OWN, closed=(OWN,))
    hub.to_strangers = status
    assert opened(hub) == CONTENT[:10]
    assert hub.seen == [(OWN, None), (OWN, "Bearer key-1")]


@each_row("status", AS_STRANGERS)
def test_a_key_that_does_not_open_it_is_not_tried_again(status: int) -> None:
    seen: list[str | None] = []

    def always(request: httpx.Request) -> httpx.Response:
        if request.url.host != PUBLIC:
            return answer({"result_url": OWN})
        seen.append(request.headers.get("authorization"))
        return httpx.Response(status)

    with pytest.raises(ResultNotReady):
        opened(always)
    assert seen == [None, "Bearer key-1"]


OTHERS = [
    ELSEWHERE, "https://hub.oxen.example.test:8443/1.png", "https://oxen.example.test/1.png",
    "https://hub.oxen.example.test.evil.test/1.png", "https://a.hub.oxen.example.test/1.png",
    "https://hub.oxen.example.test@evil.test/1.png", "https://evil.test/hub.oxen.example.test/1.png",
    "https://hub.oxen.example.test./1.png",
]  # fmt: skip


@each_row("status", AS_STRANGERS)
@each_row("link", OTHERS)
def test_a_refusal_of_any_other_origin_gets_no_key(link: str, status: int) -> None:
    hub = Hub(link, closed=(link.replace("hub.oxen.example.test@", ""),))
    hub.to_strangers = status
    with pytest.raises(ResultNotReady):
        opened(hub)
    assert len(hub.seen) == 1
    assert hub.seen[0][1] is None


@each_row("link", ["https://HUB.oxen.example.test/1.png", "https://hub.oxen.example.test:443/1.png"])
def test_the_apis_own_origin_may_be_spelt_differently(link: str) -> None:
    url = "https://hub.oxen.example.test/1.png"
    hub = Hub(link, closed=(url,))
    assert opened(hub) == CONTENT[:10]
    assert hub.seen == [(url, None), (url, "Bearer key-1")]


@each_row("target", OTHERS)
def test_a_redirect_to_another_host_does_not_carry_the_key(target: str) -> None:
    hub = Hub(OWN, closed=(OWN,), moved={OWN: target})
    assert opened(hub) == CONTENT[:10]
    assert [key for _, key in hub.seen] == [None, "Bearer key-1", None]


@each_row("status", AS_STRANGERS)
def test_a_redirect_to_another_host_that_wants_a_key_gets_none(status: int) -> None:
    hub = Hub(OWN, closed=(OWN, ELSEWHERE), moved={OWN: ELSEWHERE})
    hub.to_strangers = status
    with pytest.raises(ResultNotReady):
        opened(hub)
    assert hub.seen == [(OWN, None), (OWN, "Bearer key-1"), (ELSEWHERE, None)]


def test_a_redirect_back_to_the_api_may_use_the_key() -> None:
    hub = Hub(ELSEWHERE, closed=(OWN,), moved={ELSEWHERE: OWN})
    assert opened(hub) == CONTENT[:10]
    assert hub.seen == [(ELSEWHERE, None), (OWN, None), (OWN, "Bearer key-1")]


@each_row("status", AS_STRANGERS)
def test_after_a_redirect_to_another_host_even_the_api_gets_no_key(status: int) -> None:
    back = OWN.replace("1.png", "2.png")
    hub = Hub(OWN, closed=(OWN, back), moved={OWN: ELSEWHERE, ELSEWHERE: back})
    hub.to_strangers = status
    with pytest.raises(ResultNotReady):
        opened(hub)
    assert hub.seen == [(OWN, None), (OWN, "Bearer key-1"), (ELSEWHERE, None), (back, None)]


@each_row("plain", ["http://hub.oxen.example.test/1.png", "http://hub.oxen.example.test:443/1.png"])
@each_row("moved", [False, True])
def test_the_key_never_goes_over_plain_http(plain: str, moved: bool) -> None:
    hub = Hub(OWN, closed=(OWN, plain), moved={OWN: plain}) if moved else Hub(plain, closed=(plain,))
    with pytest.raises(UnsafeLink):
        opened(hub)
    assert not [url for url, _ in hub.seen if url.startswith("http:")]


def test_with_a_simulator_the_own_origin_is_its_plain_http_host_and_port_only(resolve: Resolver) -> None:
    resolve("127.0.0.1")
    base, link = "http://127.0.0.1:9000/api", "http://127.0.0.1:9000/files/1.png"
    hub = Hub(link, closed=(link,))
    assert opened(hub, base, local=True) == CONTENT[:10]
    assert hub.seen == [(link, None), (link, "Bearer key-1")]
    other = "http://127.0.0.1:9001/files/1.png"
    hub = Hub(other, closed=(other,))
    with pytest.raises(ResultNotReady):
        opened(hub, base, local=True)
    assert hub.seen == [(other, None)]


def test_an_https_vendor_beside_local_downloads_gets_no_key_sent_in_the_open() -> None:
    plain = OWN.replace("https:", "http:")
    hub = Hub(plain, closed=(plain,))
    with pytest.raises((ResultNotReady, UnsafeLink)):
        opened(hub, local=True)
    assert not [key for _, key in hub.seen if key]


@each_row("status", [400, 402, 405, 407, 410, 500])
def test_no_other_refusal_asks_for_the_key(status: int) -> None:
    seen: list[str | None] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        if request.url.host != PUBLIC:
            return answer({"result_url": OWN})
        seen.append(request.headers.get("authorization"))
        return httpx.Response(status)

    with pytest.raises(ResultNotReady):
        opened(refuse)
    assert seen == [None]


def test_other_vendors_links_never_see_a_key() -> None:
    client = http_client.new_client(NO_TLS, transport=httpx.MockTransport(lambda request: REFUSED))
    found = Downloads(client, local=False)
    assert dict(found.key_headers_for("https://hub.oxen.example.test")) == {}
    with pytest.raises(ResultNotReady), found.open(OWN):
        pass
