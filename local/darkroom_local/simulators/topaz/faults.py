"""The misbehaviours this simulator can play: those of any service, and the vendor's own.

This module decides only what there is; the routes and the jobs carry it out.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..stage import faults as stage
from ..stage.faults import Fault, FaultKind, Repertoire
from ..stage.kinds import answering_kinds, refusing_kinds, transfer_kinds

OPERATIONS = (
    "submit",
    "status",
    "list",
    "download",
    "result",
    "estimate",
    "cancel",
    "delete",
    "account",
)

KINDS: Mapping[str, FaultKind] = {
    **refusing_kinds(OPERATIONS),
    "no_subscription": FaultKind("412", OPERATIONS, status=412),
    "topping_up": FaultKind("425", OPERATIONS, status=425),
    **answering_kinds(OPERATIONS),
    "eta_early": FaultKind(
        "eta says now + 1; the job ends `late_seconds` later than it should",
        ("submit",),
        {"late_seconds": 5.0},
    ),
    "failed_job": FaultKind("the job ends Failed, credits refunded", ("submit",)),
    "cancelled_job": FaultKind("the job ends Cancelled by itself", ("submit",)),
    "list_lag": FaultKind("the job is missing from the list for `seconds`", ("submit",), {"seconds": 5.0}),
    "wrong_size": FaultKind("status reports other dimensions than the result has", ("submit", "status")),
    "unknown_status": FaultKind("the status word is Queued2", ("status", "submit")),
    "unnamed": FaultKind("the list does not name a picture that was fetched by its address", ("submit",)),
    "cut_answer": FaultKind("half of a synchronous call's picture, then closed", ("submit",)),
    "list_shape": FaultKind("the list comes in the shape not asked for", ("list",)),
    **transfer_kinds(),
}

REPERTOIRE = Repertoire(KINDS)
make_fault = REPERTOIRE.make
parse_fault = REPERTOIRE.parse

__all__ = ["KINDS", "OPERATIONS", "REPERTOIRE", "Fault", "FaultKind", "Faults", "make_fault", "parse_fault"]


class Faults(stage.Faults):
    """Rules of this repertoire."""

    def __init__(self) -> None:
        super().__init__(REPERTOIRE)
