"""Adapters to AWS: the ledger, buckets, workflow, queue and secrets. boto3 lives only here."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from darkroom.aws import (
        alerts,
        api_keys,
        circuits,
        event_bus,
        executions,
        input_bucket,
        intake_queue,
        interventions,
        multipart,
        output_bucket,
        presigned_urls,
        provider_accounts,
        staged_results,
        sweep_queries,
    )

__all__ = [
    "alerts",
    "api_keys",
    "circuits",
    "event_bus",
    "executions",
    "input_bucket",
    "intake_queue",
    "interventions",
    "multipart",
    "output_bucket",
    "presigned_urls",
    "provider_accounts",
    "staged_results",
    "sweep_queries",
]  # fmt: skip

if not TYPE_CHECKING:

    def __getattr__(name):
        """What wiring names of this package is imported then: a cold start loads what its function needs."""
        if name in __all__:
            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
