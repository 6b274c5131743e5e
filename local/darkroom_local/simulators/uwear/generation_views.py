"""How a generation looks from outside, and how numbers in addresses are read.

Nothing here changes a generation. A result's link is minted anew each time it is asked for.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from darkroom_local.simulators.uwear.errors import Invalid, Problem
from darkroom_local.simulators.uwear.generations import RUNNING, Generation
from darkroom_local.simulators.uwear.published_facts import CREATED, SEEN_QUEUED
from darkroom_local.simulators.uwear.simulator_state import Call


def facts(call: Call, generation: Generation, word: str | None = None) -> dict[str, Any]:
    """A generation as it is answered; `word` is for faults."""
    return {
        "generation_id": generation.generation_id,
        "model_name": generation.order.model,
        "status": word or status_of(generation),
        "generation_results": _results(call, generation),
        **times(generation),
    }


def status_of(generation: Generation) -> str:
    """Its status word, or the one that a fault puts in its place while it runs."""
    is_strange = generation.traits.unknown_status and generation.status in RUNNING
    return SEEN_QUEUED if is_strange else generation.status


def times(generation: Generation) -> dict[str, str]:
    """When it was made and last changed."""
    return {"created_at": _stamp(generation.created), "updated_at": _stamp(generation.modified)}


def whole(text: str, where: tuple[str, str]) -> int:
    """A whole number of at most 15 digits; refuses anything else."""
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise Invalid([Problem(where, "Input should be a valid integer", "int_parsing")])
    return int(text)


def _results(call: Call, generation: Generation) -> list[dict[str, Any]]:
    """None while Created, then one, or another without a link before it; its link is there once it is Done and ends with
    the picture's keeping."""
    if generation.status == CREATED:
        return []
    link = None
    if generation.file is not None and generation.expires:
        link = call.link(generation.file.path.name, generation.expires)
    result = {"generation_result_id": generation.result_id, "image_url": link, "status": generation.status}
    empty = {"generation_result_id": generation.result_id + 10**6, "image_url": None, "status": generation.status}
    return [empty, result] if generation.traits.result_second else [result]


def _stamp(moment: float) -> str:
    """ISO 8601 in UTC (assumed: the page says text only)."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
