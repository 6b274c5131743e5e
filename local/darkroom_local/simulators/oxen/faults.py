"""The fault kinds of this simulator: the kinds of any HTTP service, and those of this vendor.

The operation `submit` adds to the queue, `edit` is the synchronous call, and `file` reads a result under the API's own
host. This module only describes the kinds. The routes and the generations carry them out.
"""

from __future__ import annotations

from darkroom_local.simulators.framework.fault_kinds import (
    delay_kind,
    late_fetch_kind,
    supported_faults,
    turning_kinds,
    wrong_size_kind,
)
from darkroom_local.simulators.framework.faults import FaultKind

OPERATIONS = ("submit", "edit", "status", "list", "history", "cancel", "model", "file", "result")
_SUBMIT = ("submit",)
_JOBS = ("submit", "edit")
_ROWS = ("list", "history", "status")

_OWN = {
    **turning_kinds(_JOBS),
    "failed_job": FaultKind("the generation fails at its end; nothing is charged", _JOBS),
    "cancelled_job": FaultKind("the generation ends as cancelled although nobody cancelled it", _SUBMIT),
    "late_job": delay_kind("the generation ends `seconds` later than it should", _JOBS),
    "hold": FaultKind("the generation stays queued for `seconds`", _SUBMIT, {"seconds": 60.0}),
    "fetch_late": late_fetch_kind(_JOBS),
    "list_lag": delay_kind("the generation is missing from the lists for `seconds`", _SUBMIT),
    "wrong_size": wrong_size_kind(_JOBS),
    "unknown_status": FaultKind("the status word is not a published one", ("status", "submit")),
    "no_echo": FaultKind("the answer does not report back what was submitted", _ROWS),
    "no_length": FaultKind("the history does not say how many pages it has", ("history",)),
    "null_input": FaultKind("the answer reports null as the submitted input_image", ("list", "history")),
    "error_in_200": FaultKind("the answer is 200 with the error of too few credits; nothing is accepted", _JOBS),
    "no_cost": FaultKind("the answer does not say what was charged", ("history",)),
    "inline": FaultKind("the picture comes as b64_json inside the answer, even if a URL was requested", ("edit",)),
}

SUPPORTED_FAULTS = supported_faults(OPERATIONS, _OWN)
