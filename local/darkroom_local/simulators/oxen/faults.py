"""The misbehaviours this simulator can play: those of any service, and the vendor's own.

`submit` is the queue, `edit` the synchronous call, `file` the address of a result under the API's
own host. This module decides only what there is; the routes and the jobs carry it out.
"""

from __future__ import annotations

from darkroom_local.simulators.framework.fault_kinds import fetch_late, lasting, repertoire, wrong_size
from darkroom_local.simulators.framework.faults import FaultKind

OPERATIONS = ("submit", "edit", "status", "list", "history", "cancel", "model", "file", "result")
_SUBMIT = ("submit",)
_JOBS = ("submit", "edit")
_ROWS = ("list", "history", "status")

_OWN = {
    "failed_job": FaultKind("the generation fails at its end, nothing charged", _JOBS),
    "cancelled_job": FaultKind("the generation ends cancelled though nobody asked, nothing charged", _SUBMIT),
    "late_job": lasting("the generation ends `seconds` later than it should", _JOBS),
    "hold": FaultKind("the generation stays queued for `seconds`", _SUBMIT, {"seconds": 60.0}),
    "fetch_late": fetch_late(_JOBS),
    "list_lag": lasting("the generation is missing from the lists for `seconds`", _SUBMIT),
    "wrong_size": wrong_size(_JOBS),
    "unknown_status": FaultKind("the status word is not a published one", ("status", "submit")),
    "no_echo": FaultKind("the answer does not say what was submitted", _ROWS),
    "no_length": FaultKind("the history does not say how many pages it has", ("history",)),
    "null_input": FaultKind("the answer has the input's field, and null in it", ("list", "history")),
    "no_cost": FaultKind("the answer says nothing of what was charged", ("history",)),
    "inline": FaultKind("the picture comes as b64_json whatever was asked for", ("edit",)),
}

REPERTOIRE = repertoire(OPERATIONS, _OWN)
