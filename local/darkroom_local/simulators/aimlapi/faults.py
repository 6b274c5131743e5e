"""The fault kinds of this simulator: the kinds of any HTTP service, and those of this vendor.

This module only describes the kinds. The routes and the generations carry them out.
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

OPERATIONS = ("submit", "list", "account", "result")
_SUBMIT = ("submit",)

_REFUSING = {
    "no_funds": FaultKind("the answer is 403, as for an account without credits", OPERATIONS, status=403),
}
_OWN = {
    **turning_kinds(_SUBMIT),
    "failed_job": FaultKind(
        "the generation fails and the answer is `status`; nothing is charged", _SUBMIT, {"status": 500}
    ),
    "generation_timeout": FaultKind("the generation fails and the answer is 504; nothing is charged", _SUBMIT),
    "late_job": delay_kind("the call takes `seconds` longer than it should", _SUBMIT),
    "fetch_late": late_fetch_kind(_SUBMIT),
    "list_lag": delay_kind("the request is missing from the log for `seconds` more", _SUBMIT),
    "wrong_size": wrong_size_kind(_SUBMIT),
    "b64": FaultKind("the picture comes inside the answer", _SUBMIT),
    "no_data": FaultKind("the picture is charged, but `data` in the answer is null", _SUBMIT),
    "created": FaultKind("the answer is 201, as on older pages", _SUBMIT),
    "usage_tokens_only": FaultKind("the body has the cost as tokens_used; the headers have no cost", _SUBMIT),
    "usage_credits": FaultKind("the body has the cost as credits_used and usd_spent instead of tokens_used", _SUBMIT),
    "usage_headers_only": FaultKind("only the headers have the cost", _SUBMIT),
    "usage_texts": FaultKind("the body has credits_used and usd_spent as texts; the headers have no cost", _SUBMIT),
    "usage_usd_only": FaultKind("the body has the cost only as usd_spent; the headers have no cost", _SUBMIT),
    "usage_usd_header": FaultKind("only the header in dollars has the cost", _SUBMIT),
    "usage_nowhere": FaultKind("neither the body nor the headers have the cost", _SUBMIT),
}

SUPPORTED_FAULTS = supported_faults(OPERATIONS, _OWN, _REFUSING)
