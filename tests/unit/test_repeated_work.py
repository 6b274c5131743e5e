"""Tests that the work which ministack is spared gives the same result as before."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from ministack.core import iam_evaluator

from darkroom_local.emulator.repeated_work import parse_policies_once
from darkroom_local.emulator.version import EmulatorChanged

DENIED = {
    "Effect": "Deny",
    "Action": "s3:*",
    "Resource": ["*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
ALLOWED = {"Sid": "read", "Effect": "Allow", "NotAction": ["s3:PutObject"], "Resource": "arn:aws:s3:::shop/*"}


@pytest.fixture
def parse_as_before(monkeypatch: pytest.MonkeyPatch) -> Any:
    before = iam_evaluator.parse_policy_document
    monkeypatch.setattr(iam_evaluator, "parse_policy_document", before)
    parse_policies_once(iam_evaluator)
    return before


@pytest.mark.parametrize("statements", [[DENIED, ALLOWED], ALLOWED, [], "no statement", None])
def test_a_policy_has_the_same_statements_as_before_at_each_request(parse_as_before: Any, statements: Any) -> None:
    policy = {"Version": "2012-10-17", "Statement": statements}
    for form in (json.dumps(policy), policy):
        expected = parse_as_before(form)
        assert iam_evaluator.parse_policy_document(form) == expected
        assert iam_evaluator.parse_policy_document(form) == expected


def test_a_text_is_parsed_once_and_a_changed_one_anew(parse_as_before: Any) -> None:
    parse = iam_evaluator.parse_policy_document
    texts = [json.dumps({"Statement": statement}) for statement in (DENIED, ALLOWED)]
    first, second = map(parse, texts)
    assert [parse(text) is before for text, before in zip(texts, (first, second), strict=True)] == [True, True]
    assert [statement.effect for statement in first + second] == ["Deny", "Allow"]


def test_an_emulator_without_what_is_changed_is_refused() -> None:
    with pytest.raises(EmulatorChanged, match="parse_policy_document"):
        parse_policies_once(SimpleNamespace())
