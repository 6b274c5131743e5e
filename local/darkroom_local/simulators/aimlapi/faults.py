"""The fault kinds of this simulator: those of any service, and the vendor's own.

This module only describes them; the routes and the generations carry them out.
"""

from __future__ import annotations

from darkroom_local.simulators.framework.fault_kinds import (
    delay_kind,
    late_fetch_kind,
    supported_faults,
    wrong_size_kind,
)
from darkroom_local.simulators.framework.faults import FaultKind

OPERATIONS = ("submit", "list", "account", "result")
_SUBMIT = ("submit",)

_REFUSING = {
    "no_funds": FaultKind("403, as for an account without credits", OPERATIONS, status=403),
}
_OWN = {
    "failed_job": FaultKind("tried, then `status`, nothing charged", _SUBMIT, {"status": 500}),
    "generation_timeout": FaultKind("tried, then 504, nothing charged", _SUBMIT),
    "late_job": delay_kind("the call takes `seconds` longer than it should", _SUBMIT),
    "fetch_late": late_fetch_kind(_SUBMIT),
    "list_lag": delay_kind("the request is missing from the log for `seconds` more", _SUBMIT),
    "wrong_size": wrong_size_kind(_SUBMIT),
    "b64": FaultKind("the picture comes inside the answer", _SUBMIT),
    "no_data": FaultKind("charged, and `data` is null", _SUBMIT),
    "created": FaultKind("answered with 201, as older pages have it", _SUBMIT),
    "usage_tokens_only": FaultKind("tokens_used, and no cost in the headers", _SUBMIT),
    "usage_credits": FaultKind("credits_used and usd_spent instead of tokens_used", _SUBMIT),
    "usage_headers_only": FaultKind("the cost stands in the headers alone", _SUBMIT),
    "usage_texts": FaultKind("credits_used and usd_spent written out as texts, and no headers", _SUBMIT),
    "usage_usd_only": FaultKind("usd_spent alone, and no headers", _SUBMIT),
    "usage_usd_header": FaultKind("the cost stands in the header in dollars alone", _SUBMIT),
    "usage_nowhere": FaultKind("the answer does not say what it cost", _SUBMIT),
}

SUPPORTED_FAULTS = supported_faults(OPERATIONS, _OWN, _REFUSING)
