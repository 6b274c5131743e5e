"""The story of an upload, one use case a file: submit, poll, finalize. Ports and pure modules only."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from darkroom.pipeline import (
        binding,
        closing,
        delivery,
        doubt,
        finalize,
        gate,
        operate,
        poll,
        preparing,
        reconcile,
        sending,
        strays,
        submit,
        sweep,
    )

__all__ = [
    "binding", "closing", "delivery", "doubt", "finalize", "gate", "operate", "poll", "preparing", "reconcile", "sending",
    "strays", "submit", "sweep",
]  # fmt: skip

if not TYPE_CHECKING:

    def __getattr__(name):
        """What wiring names of this package is imported then: a cold start loads what its function needs."""
        if name in __all__:
            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
