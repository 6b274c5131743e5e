"""The registry of providers, which builds their adapters. No other module knows all adapters.

An adapter and httpx are imported only when the adapter is first built, so that no cold start loads another vendor's adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import ssl

    import httpx

    from darkroom.ports import CallbackReader, Provider
    from darkroom.providers.downloads import Downloads
    from darkroom.providers.http_client import Keys

    Adapter = Callable[[str, Keys, httpx.Client, Downloads], Provider]

Value = TypeVar("Value")


def _topaz() -> Adapter:
    from darkroom.providers.topaz import Topaz

    return Topaz


def _aimlapi() -> Adapter:
    from darkroom.providers.aimlapi import Aimlapi

    return Aimlapi


def _oxen() -> Adapter:
    from darkroom.providers.oxen import Oxen

    return Oxen


def _uwear() -> Adapter:
    from darkroom.providers.uwear import Uwear

    return Uwear


def _topaz_callbacks() -> CallbackReader:
    from darkroom.providers.topaz_words import read_callback

    return read_callback


# The providers that can be asked to call back for a submit, and what reads their callbacks. No adapter is needed for that.
CALLBACK_READERS: Mapping[str, Callable[[], CallbackReader]] = {"topaz": _topaz_callbacks}
# The providers whose adapters can remove a process from the vendor's list. This is known without loading an adapter.
FORGETTING = frozenset({"topaz"})
# The providers that can cancel a running process, `can_cancel` of their adapters.
CANCELLING = frozenset({"topaz", "oxen"})
ADAPTERS: Mapping[str, Callable[[], Adapter]] = {"topaz": _topaz, "aimlapi": _aimlapi, "oxen": _oxen, "uwear": _uwear}


def build(
    name: str, base_url: str, keys: Keys, client: httpx.Client, context: Callable[[], ssl.SSLContext]
) -> Provider:
    """Build the adapter of the provider `name`. It accepts result links over plain http or to loopback addresses only if its base
    URL leads to this machine."""
    from darkroom.providers.downloads import Downloads
    from darkroom.providers.http_client import is_loopback

    adapter, url = ADAPTERS[name](), base_url.rstrip("/")
    return adapter(url, keys, client, Downloads(client, local=is_loopback(url), context=context))


class LazyMapping(Mapping[str, Value]):
    """A mapping with known names. Each value is made once, when it is first read."""

    def __init__(self, names: Collection[str], make: Callable[[str], Value]) -> None:
        self._names, self._make = tuple(names), cache(make)

    def __getitem__(self, name: str) -> Value:
        if name not in self._names:
            raise KeyError(name)
        return self._make(name)

    def __contains__(self, name: object) -> bool:
        """Return whether the name is known. Unlike `Mapping.__contains__`, this method does not make the value."""
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
