"""The fault kinds of this simulator: those of any service, and the vendor's own.

This module only describes them; the routes and the jobs carry them out.
"""

from __future__ import annotations

from darkroom_local.simulators.framework.fault_kinds import delay_kind, supported_faults
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
    "no_subscription": FaultKind("412", OPERATIONS, status=412),
    "topping_up": FaultKind("425", OPERATIONS, status=425),
}
_OWN = {
    "eta_early": FaultKind(
        "eta says now + 1; the job ends `late_seconds` later than it should",
        ("submit",),
        {"late_seconds": 5.0},
    ),
    "failed_job": FaultKind("the job ends Failed, credits refunded", ("submit",)),
    "cancelled_job": FaultKind("the job ends Cancelled by itself", ("submit",)),
    "list_lag": delay_kind("the job is missing from the list for `seconds`", ("submit",)),
    "wrong_size": FaultKind("status reports other dimensions than the result has", ("submit", "status")),
    "unknown_status": FaultKind("the status word is Queued2", ("status", "submit")),
    "unnamed": FaultKind("the list does not name a picture that was fetched by its address", ("submit",)),
    "own_size": FaultKind(
        "where no size is asked for, the sides become `factor` times as long", ("submit",), {"factor": 4.0}
    ),
    "no_picture": FaultKind("a synchronous call ends with a page in place of the picture", ("submit",)),
    "no_synchronous": FaultKind("404: there is no synchronous endpoint, as in 1.2.0", ("submit",)),
    "kept_result": FaultKind("a deleted entry's picture can still be downloaded", ("delete",)),
    "cut_answer": FaultKind("half of a synchronous call's picture, then closed", ("submit",)),
    "list_shape": FaultKind("the list comes in the shape not asked for", ("list",)),
}

SUPPORTED_FAULTS = supported_faults(OPERATIONS, _OWN, _REFUSING)
