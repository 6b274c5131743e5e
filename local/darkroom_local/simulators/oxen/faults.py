"""The misbehaviours this simulator can play: those of any service, and the vendor's own.

`submit` is the queue, `edit` the synchronous call, `file` the address of a result under the API's
own host. This module decides only what there is; the routes and the jobs carry it out.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..stage import faults as stage
from ..stage.faults import Fault, FaultKind, Repertoire
from ..stage.kinds import answering_kinds, refusing_kinds, transfer_kinds

OPERATIONS = ("submit", "edit", "status", "list", "history", "cancel", "model", "file", "result")
_SUBMIT = ("submit",)
_JOBS = ("submit", "edit")
_ROWS = ("list", "history", "status")

KINDS: Mapping[str, FaultKind] = {
    **refusing_kinds(OPERATIONS),
    **answering_kinds(OPERATIONS),
    "failed_job": FaultKind("the generation fails at its end, nothing charged", _JOBS),
    "cancelled_job": FaultKind("the generation ends cancelled though nobody asked, nothing charged", _SUBMIT),
    "late_job": FaultKind("the generation ends `seconds` later than it should", _JOBS, {"seconds": 5.0}),
    "hold": FaultKind("the generation stays queued for `seconds`", _SUBMIT, {"seconds": 60.0}),
    "fetch_late": FaultKind("the input is fetched `seconds` late", _JOBS, {"seconds": 5.0}),
    "list_lag": FaultKind("the generation is missing from the lists for `seconds`", _SUBMIT, {"seconds": 5.0}),
    "wrong_size": FaultKind("the picture is 16 pixels wider and higher than it should be", _JOBS),
    "unknown_status": FaultKind("the status word is not a published one", ("status", "submit")),
    "no_echo": FaultKind("the answer does not say what was submitted", _ROWS),
    "inline": FaultKind("the picture comes as b64_json whatever was asked for", ("edit",)),
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
