"""The story of an upload, one use case a file: submit, poll, finalize. Ports and pure modules only."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from darkroom.pipeline import (
        abandoned_multiparts,
        binding,
        circuit_breaker,
        delivery,
        dispatch,
        finalize,
        in_doubt,
        lost_uploads,
        operator_commands,
        poll,
        probe,
        quote,
        reconcile,
        retiring_models,
        settlement,
        submit,
        sweep,
    )

__all__ = [
    "abandoned_multiparts",
    "binding",
    "circuit_breaker",
    "delivery",
    "dispatch",
    "finalize",
    "in_doubt",
    "lost_uploads",
    "operator_commands",
    "poll",
    "probe",
    "quote",
    "reconcile",
    "retiring_models",
    "settlement",
    "submit",
    "sweep",
]  # fmt: skip

if not TYPE_CHECKING:

    def __getattr__(name):
        """What wiring names of this package is imported then: a cold start loads what its function needs."""
        if name in __all__:
            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
