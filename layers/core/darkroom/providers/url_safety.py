"""Parses result links and their redirects, and tells public IP addresses from private ones. All functions are pure."""

from __future__ import annotations

import ipaddress

import httpx

from darkroom.errors import UnsafeLink

MAX_PORT = 65_535
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # IPv6 addresses that contain an IPv4 address (RFC 6052)


def is_public(address: str) -> bool:
    """Return whether the IP address is public. For an IPv6 address that contains an IPv4 address, the IPv4 address decides."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in NAT64 else ip.ipv4_mapped or ip.sixtofour
        ip = inner or ip
    return ip.is_global and not ip.is_multicast


def parse(text: str) -> httpx.URL:
    """Return the parsed URL. Raises UnsafeLink unless `text` is a URL with a valid host and port."""
    try:
        url = httpx.URL(text)
        is_valid = bool(url.host) and "%" not in url.host and (url.port or 1) <= MAX_PORT
    except (httpx.InvalidURL, ValueError):
        is_valid = False
    if not is_valid:
        raise UnsafeLink("the result link is not a URL")
    return url


def origin(url: httpx.URL) -> str:
    """Return the scheme, host and port of the URL. The scheme's default port is left out."""
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def redirect_target(url: str, location: str) -> str:
    """Return the URL that a redirect's Location header leads to, or an empty string if the header is empty or invalid."""
    try:
        return str(httpx.URL(url).join(location)) if location else ""
    except (httpx.InvalidURL, ValueError):
        return ""
