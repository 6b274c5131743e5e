"""The vendors there are, one line each, and how their adapters are made. The only module that knows all of them."""

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

Made = TypeVar("Made")

# Each is imported, and httpx with it, when it is first made: no function's start pays for another vendor's adapter.
ADAPTERS: Mapping[str, Callable[[], Adapter]] = {
    "topaz": lambda: providers.topaz.Topaz,
    "aimlapi": lambda: providers.aimlapi.Aimlapi,
    "oxen": lambda: providers.oxen.Oxen,
    "uwear": lambda: providers.uwear.Uwear,
}


def build(
    name: str, base_url: str, keys: Keys, client: httpx.Client, context: Callable[[], ssl.SSLContext]
) -> Provider:
    """The adapter of that provider. Plain http and loopback only where its base URL is such."""
    adapter, url = ADAPTERS[name](), base_url.rstrip("/")
    is_local = providers.http_client.is_loopback(url)
    return adapter(url, keys, client, providers.downloads.Downloads(client, local=is_local, context=context))


class OnFirstUse(Mapping[str, Made]):
    """Things by name: the names are known, and each thing is made when it is first asked for, once."""

    def __init__(self, names: Collection[str], make: Callable[[str], Made]) -> None:
        self._names, self._make = tuple(names), cache(make)

    def __getitem__(self, name: str) -> Made:
        if name not in self._names:
            raise KeyError(name)
        return self._make(name)

    def __contains__(self, name: object) -> bool:
        """Makes nothing, as `Mapping`'s own would."""
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
