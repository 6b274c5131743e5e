"""The misbehaviours this simulator can play: those of any service, and the vendor's own.

This module decides only what there is; the routes and the generations carry it out.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..stage import faults as stage
from ..stage.faults import Fault, FaultKind, Repertoire
from ..stage.kinds import answering_kinds, refusing_kinds, transfer_kinds

OPERATIONS = ("submit", "list", "account", "result")
_SUBMIT = ("submit",)

KINDS: Mapping[str, FaultKind] = {
    **refusing_kinds(OPERATIONS),
    "no_funds": FaultKind("403, as for an account without credits", OPERATIONS, status=403),
    **answering_kinds(OPERATIONS),
    "failed_job": FaultKind("tried, then `status`, nothing charged", _SUBMIT, {"status": 500}),
    "generation_timeout": FaultKind("tried, then 504, nothing charged", _SUBMIT),
    "late_job": FaultKind("the call takes `seconds` longer than it should", _SUBMIT, {"seconds": 5.0}),
    "fetch_late": FaultKind("the input is fetched `seconds` late", _SUBMIT, {"seconds": 5.0}),
    "list_lag": FaultKind("the request is missing from the log for `seconds` more", _SUBMIT, {"seconds": 5.0}),
    "wrong_size": FaultKind("the picture is 16 pixels wider and higher than it should be", _SUBMIT),
    "b64": FaultKind("the picture comes inside the answer", _SUBMIT),
    "no_data": FaultKind("charged, and `data` is null", _SUBMIT),
    "created": FaultKind("answered with 201, as older pages have it", _SUBMIT),
    "usage_tokens_only": FaultKind("tokens_used, and no cost in the headers", _SUBMIT),
    "usage_credits": FaultKind("credits_used and usd_spent instead of tokens_used", _SUBMIT),
    "usage_headers_only": FaultKind("the cost stands in the headers alone", _SUBMIT),
    "usage_nowhere": FaultKind("the answer does not say what it cost", _SUBMIT),
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
