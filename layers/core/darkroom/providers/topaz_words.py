"""Topaz Labs' status words and process ids, and the bodies of its webhooks. Pure; this module needs no HTTP library, because the
function callback, which calls no provider, uses it too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from darkroom.model import CallbackBody, ProcessState

PROCESS_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")  # the vendor documents a UUID; only such text is put into a URL path
STATES: Mapping[str, ProcessState] = {
    "Pending": ProcessState.RUNNING,
    "Processing": ProcessState.RUNNING,
    "Completed": ProcessState.COMPLETED,
    "Cancelled": ProcessState.CANCELLED,
    "Failed": ProcessState.FAILED,
}


def is_process_id(value: object) -> bool:
    """Return whether the value may be put into a path as the id of a process."""
    return isinstance(value, str) and PROCESS_ID.fullmatch(value) is not None


def to_state(word: str) -> ProcessState:
    """Return the state that a status word means. A word that the vendor's pages do not list counts as running."""
    return STATES.get(word, ProcessState.RUNNING)


def read_callback(body: bytes) -> CallbackBody | None:
    """Return what a webhook's body says: a JSON object with `process_id` and `status` (OpenAPI 1.2.0, webhook_url). Return None
    for any other body. Its links are not looked at."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or not is_process_id(fields.get("process_id")):
        return None
    return CallbackBody(str(fields["process_id"]), to_state(str(fields.get("status", ""))))
