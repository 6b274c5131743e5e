"""Adapters to the vendors, one module each, and the HTTP client that they share. No other package imports httpx."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from darkroom.providers import aimlapi, downloads, http_client, oxen, topaz, uwear

__all__ = [
    "aimlapi",
    "downloads",
    "http_client",
    "oxen",
    "topaz",
    "uwear",
]

if not TYPE_CHECKING:

    def __getattr__(name):
        """Import a module of this package when it is first used, so that a cold start loads only what it needs."""
        if name in __all__:
            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
