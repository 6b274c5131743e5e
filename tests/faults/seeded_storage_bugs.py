"""Bugs of what surrounds a paid result in the output bucket, for the simulation to catch: mistakes of a hurried change."""

from __future__ import annotations

from datetime import timedelta

import pytest

from darkroom.aws import result_headers
from darkroom.pipeline import delivery, storage_check, storage_gate
from darkroom.pipeline.storage_gate import StorageGate

Patch = pytest.MonkeyPatch


def foreign_object_overwritten(patch: Patch) -> None:
    """Finalize replaces whatever stands at the output key."""
    patch.setattr(delivery, "is_foreign", lambda *given: False)


def storage_not_looked_at(patch: Patch) -> None:
    """Submit sends without knowing whether the result can be stored."""
    patch.setattr(StorageGate, "refusal", lambda self: None)


def refused_headers_not_answered(patch: Patch) -> None:
    """Finalize fails if S3 refuses what stands beside a result's bytes."""
    patch.setattr(result_headers, "REFUSED_HEADERS", frozenset())


def tags_always_in_the_header(patch: Patch) -> None:
    """Tags go with the object even if they make the headers too long, so that the metadata is lost too."""
    patch.setattr(result_headers, "MAX_HEADER_BYTES", 100_000)


def proof_for_ever(patch: Patch) -> None:
    """What was proven once counts for a week."""
    patch.setattr(storage_check, "CHECK_EVERY", timedelta(days=7))
    patch.setattr(storage_gate, "TRUSTED_FOR", timedelta(days=7))
