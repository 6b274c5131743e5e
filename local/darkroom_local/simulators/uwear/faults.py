"""The misbehaviours this simulator can play: those of any service, and the vendor's own.

This module decides only what there is; the routes and the generations carry it out.
"""

from __future__ import annotations

from ..stage.faults import FaultKind
from ..stage.kinds import fetch_late, lasting, repertoire, wrong_size

OPERATIONS = ("submit", "status", "list", "result")
_SUBMIT = ("submit",)

_OWN = {
    "failed_job": FaultKind("the generation ends Error, nothing charged", _SUBMIT),
    "failed_word": FaultKind("the generation ends Failed instead of Error, nothing charged", _SUBMIT),
    "late_job": lasting("the generation ends `seconds` later than it should", _SUBMIT),
    "fetch_late": fetch_late(_SUBMIT),
    "list_lag": lasting("the generation is missing from the list for `seconds`", _SUBMIT),
    "wrong_size": wrong_size(_SUBMIT),
    "unknown_status": FaultKind("the status word is Queued", ("status", "submit")),
    "list_shape": FaultKind("the list comes inside an object, with its total", ("list",)),
    "no_echo": FaultKind("the list does not say which image_url was given", ("list",)),
}

REPERTOIRE = repertoire(OPERATIONS, _OWN)
