"""URL safety: parses result links and their redirects, and tells public IP addresses from private ones. Pure functions."""

from __future__ import annotations

import ipaddress

import httpx

from darkroom.errors import UnsafeLink

MAX_PORT = 65_535
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # IPv4 behind IPv6: RFC 6052


def is_public(address: str) -> bool:
    """Whether the IP address is a public one. An IPv6 address that only wraps an IPv4 address is judged by the latter."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in NAT64 else ip.ipv4_mapped or ip.sixtofour
        ip = inner or ip
    return ip.is_global and not ip.is_multicast


def parse(text: str) -> httpx.URL:
    """Return the URL. Raises UnsafeLink unless it is one with a valid host and port."""
    try:
        url = httpx.URL(text)
        is_valid = bool(url.host) and "%" not in url.host and (url.port or 1) <= MAX_PORT
    except (httpx.InvalidURL, ValueError):
        is_valid = False
    if not is_valid:
        raise UnsafeLink("the result link is not a URL")
    return url


def origin(url: httpx.URL) -> str:
    """Return scheme, host and port of the URL, without the port if it is the scheme's usual one."""
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def redirect_target(url: str, location: str) -> str:
    """Return the URL that a redirect's Location header leads to; an empty text, which is no URL, if it leads nowhere."""
    try:
        return str(httpx.URL(url).join(location)) if location else ""
    except (httpx.InvalidURL, ValueError):
        return ""
