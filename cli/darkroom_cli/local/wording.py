"""What the local commands say: to people before anything starts, and to programs of each picture. It imports nothing, so that a
command says it at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from darkroom_local.results.downloads import Outcome


def providers(api_key: str | None) -> str:
    """Who will serve, and what that means."""
    if api_key:
        return "the real Topaz API, which charges you"
    return "simulated providers: nothing is paid, and plain filters stand in for the models"


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
