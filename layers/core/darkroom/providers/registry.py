"""The vendors there are, one line each, and how their adapters are made. The only module that knows all of them."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping

import httpx

from darkroom.ports import Provider
from darkroom.providers import http
from darkroom.providers.aimlapi import Aimlapi
from darkroom.providers.oxen import Oxen
from darkroom.providers.results import Downloads
from darkroom.providers.topaz import Topaz
from darkroom.providers.uwear import Uwear

ADAPTERS: Mapping[str, Callable[[str, http.Keys, httpx.Client, Downloads], Provider]] = {
    "topaz": Topaz,
    "aimlapi": Aimlapi,
    "oxen": Oxen,
    "uwear": Uwear,
}


def build(
    base_urls: Mapping[str, str], keys: http.Keys, client: httpx.Client, context: Callable[[], ssl.SSLContext]
) -> Mapping[str, Provider]:
    """The adapter of every provider that has a base URL. Plain http and loopback only where that URL is such."""
    urls = {name: url.rstrip("/") for name, url in base_urls.items()}
    return {
        name: ADAPTERS[name](url, keys, client, Downloads(client, local=http.is_loopback(url), context=context))
        for name, url in urls.items()
    }
