"""Bugs around submits by link that are found by the image that the vendor keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from darkroom import request_echo
from darkroom.aws import process_claims
from darkroom.errors import ProviderSilent
from darkroom.model import FoundProcess
from darkroom.pipeline import process_binding
from darkroom.pipeline.in_doubt_lookup import CLOCK_SKEW, InDoubt
from darkroom.pipeline.kept_input_lookup import KeptInputLookup, Undecided
from darkroom.pipeline.message_outcomes import Done
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
    """A process with the same image counts as the job's own process, even if its settings differ."""
    patch.setattr(request_echo, "can_be_of", lambda job, model, facts, entry: True)


def nothing_found_taken_for_absent(patch: Patch) -> None:
    """No process with the image counts as proof that nothing was accepted."""
    _resolving(patch, lambda self, provider, job, found: None if isinstance(found, Undecided) else (found,))


def all_equal_ones_adopted(patch: Patch) -> None:
    """Of several processes with the image the first is adopted, and the others are cancelled as its doubles."""
    same: list[FoundProcess] = []
    compare = KeptInputLookup._with_same_bytes

    def compared(self: KeptInputLookup, *told: Any) -> list[FoundProcess]:
        same[:] = compare(self, *told)
        return same[:1]

    patch.setattr(KeptInputLookup, "_with_same_bytes", compared)
    _resolving(patch, lambda self, provider, job, found: found if isinstance(found, Undecided) else tuple(same))


def _resolving(patch: Patch, decide: Callable[[InDoubt, Any, Any, FoundProcess | Undecided], Any]) -> None:
    """Resolve by image with what `decide` makes of the finding: processes to adopt, a doubt, or None to send again."""

    def resolved(self: InDoubt, provider: Any, job: Any) -> Any:
        try:
            found = self.find_by_image(provider, job, job.require_lost().lost_at + CLOCK_SKEW)
        except ProviderSilent as silent:
            return self._retry_lookup(job, str(silent))
        decided = decide(self, provider, job, found)
        if isinstance(decided, Undecided):
            return Done(self.settlement.leave_in_doubt(job, decided.why))
        return None if decided is None else self._adopt(provider, job, decided)

    patch.setattr(InDoubt, "_resolve_by_image", resolved)
