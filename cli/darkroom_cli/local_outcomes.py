"""What programs read of a local run: one object for each picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from darkroom_local.result_downloads import Outcome


def facts(outcome: Outcome) -> dict[str, object]:
    """Return what became of a picture. `result` is a path on this machine, or null; `error` and `cure` are words."""
    job = outcome.job
    return {
        "file": str(outcome.item.path),
        "key": outcome.item.key,
        "job_id": job.job_id or None,
        "status": job.status,
        "outcome": outcome.word,
        "provider": job.provider,
        "model": job.model,
        "credits": job.credits,
        "cost_usd": job.cost_usd,
        "result": None if outcome.result is None else str(outcome.result),
        "error_code": outcome.code or None,
        "error": outcome.message or None,
        "cure": outcome.cure or None,
    }
