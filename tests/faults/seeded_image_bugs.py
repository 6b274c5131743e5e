"""Bugs around submits by link that are found by the image that the vendor keeps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from darkroom import request_echo
from darkroom.aws import process_claims
from darkroom.pipeline import process_binding
from darkroom.pipeline.in_doubt_lookup import InDoubt
from darkroom.pipeline.kept_input_lookup import KeptInputLookup, Undecided
from tests.faults.seeded_bugs import Patch


def process_not_claimed(patch: Patch) -> None:
    """A process is bound without the row that keeps other jobs from it."""
    patch.setattr(process_binding, "claims_process", lambda provider, job: False)


def own_process_left_out(patch: Patch) -> None:
    """Any run may claim a process that another run has claimed, and no lookup sees the claim."""
    patch.setattr(process_claims, "OWN_PROCESS", "attribute_not_exists(#bound_run) OR attribute_exists(#bound_run)")
    claiming = process_claims.claiming
    patch.setattr(process_claims, "claiming", lambda *told: replace(claiming(*told), values={}))
    patch.setattr(process_claims, "is_anothers", lambda row, job: False)


def settings_not_compared(patch: Patch) -> None:
    """The same image with other settings counts as the job's own."""
    patch.setattr(request_echo, "can_be_of", lambda job, model, facts, entry: True)


def nothing_found_taken_for_absent(patch: Patch) -> None:
    """No process with the image counts as proof that nothing was accepted."""
    find = InDoubt._find_by_image

    def found(self: InDoubt, provider: Any, job: Any) -> Any:
        told = find(self, provider, job)
        return () if isinstance(told, Undecided) else told

    patch.setattr(InDoubt, "_find_by_image", found)


def all_equal_ones_adopted(patch: Patch) -> None:
    """Of several processes with the image the first is adopted, and the others are cancelled as its doubles."""
    same: list[Any] = []
    compare = KeptInputLookup._with_same_bytes

    def compared(self: KeptInputLookup, *told: Any) -> Any:
        same[:] = compare(self, *told)
        return same[:1]

    find = InDoubt._find_by_image

    def found(self: InDoubt, provider: Any, job: Any) -> Any:
        same.clear()
        told = find(self, provider, job)
        return told if isinstance(told, Undecided) else tuple(same)

    patch.setattr(KeptInputLookup, "_with_same_bytes", compared)
    patch.setattr(InDoubt, "_find_by_image", found)
