"""Adapters to AWS: the ledger, buckets, workflow, queue and secrets. boto3 lives only here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from darkroom.aws import (
        accounts,
        attention,
        backlog,
        circuits,
        interventions,
        links,
        outputs,
        pump,
        secrets,
        sources,
        staging,
        workflow,
    )

__all__ = [
    "accounts", "attention", "backlog", "circuits", "interventions", "links", "outputs", "pump", "secrets",
    "sources", "staging", "workflow",
]  # fmt: skip

if not TYPE_CHECKING:

    def __getattr__(name):
        """What wiring names of this package is imported then: a cold start loads what its function needs."""
        if name in __all__:
            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
