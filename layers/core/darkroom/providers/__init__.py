"""Adapters to the vendors: their words in, ours out, one file each. httpx lives only here."""

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
        """What wiring names of this package is imported then: a cold start loads what its function needs."""
        if name in __all__:
            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
