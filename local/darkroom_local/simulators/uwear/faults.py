"""The misbehaviours this simulator can play: those of any service, and the vendor's own.

This module decides only what there is; the routes and the generations carry it out.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..stage import faults as stage
from ..stage.faults import Fault, FaultKind, Repertoire
from ..stage.kinds import answering_kinds, refusing_kinds, transfer_kinds

OPERATIONS = ("submit", "status", "list", "result")
_SUBMIT = ("submit",)

KINDS: Mapping[str, FaultKind] = {
    **refusing_kinds(OPERATIONS),
    **answering_kinds(OPERATIONS),
    "failed_job": FaultKind("the generation ends Error, nothing charged", _SUBMIT),
    "failed_word": FaultKind("the generation ends Failed instead of Error, nothing charged", _SUBMIT),
    "late_job": FaultKind("the generation ends `seconds` later than it should", _SUBMIT, {"seconds": 5.0}),
    "fetch_late": FaultKind("the input is fetched `seconds` late", _SUBMIT, {"seconds": 5.0}),
    "list_lag": FaultKind("the generation is missing from the list for `seconds`", _SUBMIT, {"seconds": 5.0}),
    "wrong_size": FaultKind("the picture is 16 pixels wider and higher than it should be", _SUBMIT),
    "unknown_status": FaultKind("the status word is Queued", ("status", "submit")),
    "list_shape": FaultKind("the list comes inside an object, with its total", ("list",)),
    "no_echo": FaultKind("the list does not say which image_url was given", ("list",)),
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
