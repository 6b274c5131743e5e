"""Return the JSON form of a generation, and parse whole numbers in URLs.

Nothing here changes a generation. Each answer contains a new link to the result.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from darkroom_local.simulators.uwear.errors import InvalidRequest, Problem
from darkroom_local.simulators.uwear.generations import RUNNING, Generation
from darkroom_local.simulators.uwear.published_facts import CREATED, SEEN_QUEUED
from darkroom_local.simulators.uwear.simulator_state import UwearExchange


def generation_body(exchange: UwearExchange, generation: Generation, word: str | None = None) -> dict[str, Any]:
    """Return the JSON form of a generation. An injected fault sets `word`, which then replaces the status."""
    return {
        "generation_id": generation.generation_id,
        "model_name": generation.request.model,
        "status": word or status_of(generation),
        "generation_results": _results(exchange, generation),
        **timestamps(generation),
    }


def status_of(generation: Generation) -> str:
    """Return the status word of a generation. An injected fault may replace the word while the generation runs."""
    is_strange = generation.misbehaviour.unknown_status and generation.status in RUNNING
    return SEEN_QUEUED if is_strange else generation.status


def timestamps(generation: Generation) -> dict[str, str]:
    """Return the times at which the generation was created and last changed."""
    return {"created_at": _stamp(generation.created), "updated_at": _stamp(generation.modified)}


def parse_whole_number(text: str, where: tuple[str, str]) -> int:
    """Return `text` as a whole number of at most 15 digits. Raises InvalidRequest for any other text."""
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise InvalidRequest([Problem(where, "Input should be a valid integer", "int_parsing")])
    return int(text)


def _results(exchange: UwearExchange, generation: Generation) -> list[dict[str, Any]]:
    """Return the results of a generation: no result while its status is Created, and one result afterwards.

    The result has a link once the generation is Done. An injected fault may put a result without a link before it.
    """
    if generation.status == CREATED:
        return []
    link = None
    if generation.file is not None and generation.expires:
        link = exchange.presigned_url(generation.file.path.name, generation.expires)
    result = {"generation_result_id": generation.result_id, "image_url": link, "status": generation.status}
    empty = {"generation_result_id": generation.result_id + 10**6, "image_url": None, "status": generation.status}
    return [empty, result] if generation.misbehaviour.result_second else [result]


def _stamp(moment: float) -> str:
    """Return a time as ISO 8601 text in UTC. The format is assumed, because the page only says that it is text."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
