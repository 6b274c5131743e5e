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

OPERATIONS = ("submit", "status", "list", "result")
_SUBMIT = ("submit",)

_OWN = {
    "failed_job": FaultKind("the generation ends Error, nothing charged", _SUBMIT),
    "failed_word": FaultKind("the generation ends Failed instead of Error, nothing charged", _SUBMIT),
    "late_job": delay_kind("the generation ends `seconds` later than it should", _SUBMIT),
    "fetch_late": late_fetch_kind(_SUBMIT),
    "list_lag": delay_kind("the generation is missing from the list for `seconds`", _SUBMIT),
    "wrong_size": wrong_size_kind(_SUBMIT),
    "unknown_status": FaultKind("the status word is Queued", ("status", "submit")),
    "list_array": FaultKind("the list is an array, by limit and offset, as clients have seen it", ("list",)),
    "list_shape": FaultKind("the same inside an object, with its total", ("list",)),
    "page_ignored": FaultKind("the list begins anew whatever part was asked for", ("list",)),
    "no_echo": FaultKind("the list does not say what was given", ("list",)),
    "null_input": FaultKind("the list has the field of the image_url, and null in it", ("list",)),
    "result_second": FaultKind("a result without a link comes first", _SUBMIT),
}

SUPPORTED_FAULTS = supported_faults(OPERATIONS, _OWN)
