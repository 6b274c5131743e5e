"""Spares ministack, version 1.5.33, work that it would repeat with the same result, or do for nothing. No answer of the cloud
differs."""

from __future__ import annotations

import functools
import sys
from typing import Any

import botocore.session

from darkroom_local.emulator.version import require

_POLICIES = 1000  # as many texts of policies are remembered


def start_with_less() -> None:
    """Call this before ministack is imported. ministack makes a session of botocore for each service, and each reads the list of
    all services; here they are one. ministack imports Docker's client, which only other executors of functions need.
    """
    botocore.session.get_session = functools.cache(botocore.session.get_session)  # type: ignore[assignment]
    sys.modules["docker"] = None  # type: ignore[assignment]  # so importing it fails, as if it were not installed


def parse_policies_once(iam_evaluator: Any) -> None:
    """Let ministack remember the statements of each text of a policy. It would parse all policies of a caller twice for each
    request. Raises EmulatorChanged."""
    require(iam_evaluator, {"parse_policy_document": "doc"})
    parse = iam_evaluator.parse_policy_document
    remembered = functools.lru_cache(_POLICIES)(parse)
    iam_evaluator.parse_policy_document = lambda doc: (remembered if isinstance(doc, str) else parse)(doc)
