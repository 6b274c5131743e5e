"""Where a result link may lead: which URLs are links, and which addresses are of the open Internet. Pure."""

from __future__ import annotations

import ipaddress

import httpx

from darkroom.errors import UnsafeLink

MAX_PORT = 65_535
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # IPv4 behind IPv6: RFC 6052


def is_public(address: str) -> bool:
    """Whether the address is one of the open Internet. IPv6 that only wraps an IPv4 address counts as that one."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in NAT64 else ip.ipv4_mapped or ip.sixtofour
        ip = inner or ip
    return ip.is_global and not ip.is_multicast


def parsed(text: str) -> httpx.URL:
    """The URL, with a host and a port that can be. Raises UnsafeLink."""
    try:
        url = httpx.URL(text)
        named = bool(url.host) and "%" not in url.host and (url.port or 1) <= MAX_PORT
    except (httpx.InvalidURL, ValueError):
        named = False
    if not named:
        raise UnsafeLink("the result link is not a URL")
    return url


def origin(url: httpx.URL) -> str:
    """Scheme, host and port, the usual port left out."""
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def joined(url: str, location: str) -> str:
    """Where a redirect leads; empty, which is no URL, when it names nothing."""
    try:
        return str(httpx.URL(url).join(location)) if location else ""
    except (httpx.InvalidURL, ValueError):
        return ""
