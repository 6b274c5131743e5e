"""The fault kinds of this simulator: the kinds of any HTTP service, and those of this vendor.

This module only describes the kinds. The routes and the jobs carry them out.
"""

from __future__ import annotations

from darkroom_local.simulators.framework.fault_kinds import delay_kind, supported_faults, turning_kinds
from darkroom_local.simulators.framework.faults import FaultKind

OPERATIONS = (
    "submit",
    "status",
    "list",
    "download",
    "input",
    "result",
    "estimate",
    "cancel",
    "delete",
    "account",
)

_REFUSING = {
    "no_subscription": FaultKind("the answer is 412", OPERATIONS, status=412),
    "topping_up": FaultKind("the answer is 425", OPERATIONS, status=425),
}
_OWN = {
    **turning_kinds(("submit",)),
    "eta_early": FaultKind(
        "the announced end (eta) is one second from now; the job ends `late_seconds` later than it should",
        ("submit",),
        {"late_seconds": 5.0},
    ),
    "eta_late": delay_kind("the announced end (eta) is `seconds` later than the job's end", ("submit",)),
    "failed_job": FaultKind("the job ends as Failed, and its credits are refunded", ("submit",)),
    "cancelled_job": FaultKind("the job ends as Cancelled although nobody cancelled it", ("submit",)),
    "list_lag": delay_kind("the job is missing from the list for `seconds`", ("submit",)),
    "wrong_size": FaultKind("the status reports another size than the result has", ("submit", "status")),
    "unknown_status": FaultKind("the status word is Queued2", ("status", "submit")),
    "unnamed": FaultKind("the job has no file name if its picture was fetched from a URL", ("submit",)),
    "own_size": FaultKind(
        "if the request names no size, the sides become `factor` times as long", ("submit",), {"factor": 4.0}
    ),
    "no_picture": FaultKind("a synchronous call is answered with an HTML page instead of the picture", ("submit",)),
    "no_synchronous": FaultKind("a synchronous call is answered with 404, as in OpenAPI 1.2.0", ("submit",)),
    "callbacks_lost": FaultKind("no callback of the job is sent", ("submit",)),
    "callbacks_twice": FaultKind("each callback of the job is sent twice, with the same notification id", ("submit",)),
    "callbacks_reversed": FaultKind(
        "the callbacks of the job are sent when it has ended, the last one first", ("submit",)
    ),
    "callbacks_early": FaultKind("each callback of the job says Completed, also while it runs", ("submit",)),
    "callbacks_late": delay_kind("each callback of the job is sent `seconds` late", ("submit",)),
    "kept_result": FaultKind("the picture of a deleted job can still be downloaded", ("delete",)),
    "cut_answer": FaultKind("a synchronous call sends half of the picture, then the connection closes", ("submit",)),
    "list_shape": FaultKind("the list has pages if the client asked for none, and the other way round", ("list",)),
}

SUPPORTED_FAULTS = supported_faults(OPERATIONS, _OWN, _REFUSING)
