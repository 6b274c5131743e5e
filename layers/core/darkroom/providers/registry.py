"""The registry of providers: one line each, and how their adapters are built. No other module knows all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from darkroom import providers

if TYPE_CHECKING:
    import ssl

    import httpx

    from darkroom.ports import Provider
    from darkroom.providers.downloads import Downloads
    from darkroom.providers.http_client import Keys

    Adapter = Callable[[str, Keys, httpx.Client, Downloads], Provider]

Value = TypeVar("Value")

# An adapter is imported, and httpx with it, when it is first built: no cold start pays for another vendor's adapter.
ADAPTERS: Mapping[str, Callable[[], Adapter]] = {
    "topaz": lambda: providers.topaz.Topaz,
    "aimlapi": lambda: providers.aimlapi.Aimlapi,
    "oxen": lambda: providers.oxen.Oxen,
    "uwear": lambda: providers.uwear.Uwear,
}


def build(
    name: str, base_url: str, keys: Keys, client: httpx.Client, context: Callable[[], ssl.SSLContext]
) -> Provider:
    """Build the adapter of that provider. It accepts result links over plain http or to loopback only if its base URL is
    such."""
    adapter, url = ADAPTERS[name](), base_url.rstrip("/")
    is_local = providers.http_client.is_loopback(url)
    return adapter(url, keys, client, providers.downloads.Downloads(client, local=is_local, context=context))


class OnFirstUse(Mapping[str, Value]):
    """A mapping whose names are known and whose values are each made once, when first read."""

    def __init__(self, names: Collection[str], make: Callable[[str], Value]) -> None:
        self._names, self._make = tuple(names), cache(make)

    def __getitem__(self, name: str) -> Value:
        if name not in self._names:
            raise KeyError(name)
        return self._make(name)

    def __contains__(self, name: object) -> bool:
        """Whether the name is known. Unlike `Mapping.__contains__`, this does not make the value."""
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
