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

OPERATIONS = ("submit", "status", "list", "result")
_SUBMIT = ("submit",)

_OWN = {
    **turning_kinds(_SUBMIT),
    "failed_job": FaultKind("the generation ends as Error; nothing is charged", _SUBMIT),
    "failed_word": FaultKind("the generation ends as Failed instead of Error; nothing is charged", _SUBMIT),
    "late_job": delay_kind("the generation ends `seconds` later than it should", _SUBMIT),
    "fetch_late": late_fetch_kind(_SUBMIT),
    "list_lag": delay_kind("the generation is missing from the list for `seconds`", _SUBMIT),
    "wrong_size": wrong_size_kind(_SUBMIT),
    "unknown_status": FaultKind("the status word is Queued", ("status", "submit")),
    "list_array": FaultKind("the list is an array with limit and offset, as clients have seen it", ("list",)),
    "list_shape": FaultKind(
        "the list is an object that holds an array and its total, with limit and offset", ("list",)
    ),
    "page_ignored": FaultKind("the list is answered with its first page, whatever page was requested", ("list",)),
    "no_echo": FaultKind("the list does not report back what was submitted", ("list",)),
    "null_input": FaultKind("the list reports null as the submitted image_url", ("list",)),
    "result_second": FaultKind("the generation has a result without a link before the real result", _SUBMIT),
}

SUPPORTED_FAULTS = supported_faults(OPERATIONS, _OWN)
