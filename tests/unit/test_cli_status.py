"""Tests `darkroom status`: what it counts, who must act, and that a part that cannot be read hides no other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.rows import each_row
from tests.unit.cli_support import Stack, run
from tests.unit.showcase import NOW, showcase, story

from darkroom.errors import ErrorCode, OperatorFault
from darkroom.model import Circuit, Job, JobStatus
from darkroom.pipeline.dispatch import TOO_LATE_FOR_SYNCHRONOUS_CALL
from darkroom_cli.status.waiting import NOBODY, waits

STORY = {each.source_key: each for each in story()}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with showcase() as stack:
        yield stack


def seen() -> dict[str, Any]:
    answer = run("status", "--json")
    assert answer.exit_code == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


@pytest.mark.usefixtures("stack")
class TestOneLook:
    def test_jobs_are_counted_by_status(self) -> None:
        look = seen()
        for status in JobStatus:
            counted = look["open"].get(status.value, look["today"]["ends"].get(status.value))
            assert counted == sum(each.status is status for each in story()), status
        assert look["today"]["codes"] == {"BudgetExceeded": 1, "InvalidSetting": 1, "ProviderFailed": 1}

    def test_each_provider_has_its_key_and_its_circuit(self) -> None:
        providers = {each["name"]: each for each in seen()["providers"]}
        assert {name: (each["has_key"], each["circuit"]) for name, each in providers.items()} == {
            "topaz": (True, "open"), "oxen": (True, "paused"), "uwear": (True, "paused"), "aimlapi": (False, "closed"),
        }  # fmt: skip
        assert providers["uwear"]["error"] == "the contract is being renewed"
        assert providers["topaz"]["error_code"] == "AuthFailed"

    def test_no_key_is_shown(self, stack: Stack) -> None:
        stack.application.ports["api_keys"].keys["topaz"] = "sk-very-secret"
        assert "sk-very-secret" not in run("status").stdout + run("status", "--json").stdout

    def test_the_months_limits_and_what_is_left_are_shown(self) -> None:
        month = {each["unit"]: each for each in seen()["month"]}
        assert (month["usd"]["limit"], month["usd"]["left"]) == (50, 2.27)
        assert (month["topaz"]["limit"], month["topaz"]["left"]) == (400, 3)
        assert (month["oxen"]["limit"], month["oxen"]["spent"]) == (None, 5500)

    def test_only_the_stacks_own_alarms_are_listed(self) -> None:
        assert seen()["alarms"] == ["IntakeDlqAlarm", "TopazCircuitAlarm"]
        assert seen()["dead_letters"] == 3

    def test_who_must_act_comes_first(self) -> None:
        found = [(wait["jobs"], wait["whom"], wait["command"]) for wait in seen()["waits"]]
        assert found[:4] == [
            (2, "an operator", "darkroom keys set topaz && darkroom resume topaz"),
            (1, "an operator", "darkroom jobs --status IN_DOUBT"),
            (1, "an operator", "darkroom resume oxen"),
            (1, "an operator", "darkroom resume uwear"),
        ]
        assert {whom for _, whom, _ in found[4:]} == {NOBODY}

    def test_a_missing_key_is_told_with_the_command_that_stores_it(self) -> None:
        page = " ".join(run("status").stdout.split())
        assert "has no key uploads that name it are refused → darkroom keys set aimlapi" in page

    def test_what_may_not_be_read_is_named_and_hides_nothing(
        self, stack: Stack, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DescribeAlarms")

        def refuse(*_: object, **__: object) -> None:
            raise denied

        monkeypatch.setattr(stack.client("cloudwatch"), "get_paginator", refuse)
        monkeypatch.setattr(stack.client("sqs"), "get_queue_attributes", refuse)
        unreadable = type(
            "Unreadable", (), {"get": lambda *_: _raise(OperatorFault(ErrorCode.AUTH_FAILED, "no secret"))}
        )
        monkeypatch.setitem(stack.application.ports, "api_keys", unreadable())
        look = seen()
        assert look["unread"] == {
            "keys": "no secret", "dead_letters": "DescribeAlarms: AccessDenied", "intake": "DescribeAlarms: AccessDenied",
            "alarms": "DescribeAlarms: AccessDenied",
        }  # fmt: skip
        assert look["providers"][0]["has_key"] is None
        assert look["open"]["CLAIMED"] == 5
        page = run("status").stdout
        assert "cannot be read (DescribeAlarms: AccessDenied)" in page
        assert "key not readable" in page

    def test_a_bucket_that_takes_no_results_is_said_first(self, stack: Stack) -> None:
        checks = stack.application.make_container().adapters.storage_checks
        checks.record(NOW, "the policy denies s3:PutObject", NOW)
        assert seen()["storage_refusal"] == "the policy denies s3:PutObject"
        assert "takes no results: the policy denies" in run("status").stdout.split("Providers")[0]
        checks.record(NOW, None, NOW)


def _raise(error: Exception) -> None:
    raise error


def waiting(**facts: Any) -> Job:
    return replace(STORY["catalog/coat.jpg"], **facts)


@each_row(("job", "whom"), [
    (waiting(error_code="InvalidSetting", error="the stack parameter DefaultSettings is wrong"), "an operator"),
    (waiting(error_code="SourceUnreadable", error="denied"), "the owner of the input bucket"),
    (waiting(error_code="OutOfCredits", error="no credits"), "an operator"),
    (waiting(error="uwear asks to retry later"), NOBODY),
    (waiting(error=None), NOBODY),
], ids=str)  # fmt: skip
def test_without_an_open_circuit_the_code_says_who_must_act(job: Job, whom: str) -> None:
    assert [wait.whom for wait in waits([job], {})] == [whom]


def test_a_pause_is_ended_by_an_operator_and_a_stop_by_the_accounts_owner() -> None:
    def circuit(paused: bool) -> Circuit:
        return Circuit("uwear", paused, None, None, error_code=None if paused else "OutOfCredits", error="why")

    assert waits([waiting()], {"uwear": circuit(True)})[0].whom == "an operator"
    stopped = waits([waiting()], {"uwear": circuit(False)})[0]
    assert (stopped.whom, stopped.why) == ("the owner of the account at uwear", "OutOfCredits: why")


def test_a_wrong_default_setting_says_when_its_jobs_go_on() -> None:
    (wait,) = waits([waiting(error_code="InvalidSetting", error="DefaultSettings: scale")], {})
    assert "within a quarter of an hour after the deployment" in wait.why


REFUSAL = (
    "the bucket 'darkroom-out' refuses that results are written (AccessDenied): " + "its owner must allow it. " * 8
)


@each_row(("error", "refusal", "whom", "words"), [
    (TOO_LATE_FOR_SYNCHRONOUS_CALL, None, "an operator", "whoever runs the stack must raise it to at least 300 and deploy"),
    (REFUSAL, REFUSAL, "an operator", "results cannot be stored, for the reason above"),
    (REFUSAL, None, NOBODY, "tried again later"),
    ("uwear asks to retry later", REFUSAL, NOBODY, "uwear asks to retry later"),
    (None, REFUSAL, NOBODY, "being checked, or waiting for a turn"),
], ids=str)  # fmt: skip
def test_an_upload_without_a_code_that_only_the_operator_can_help_waits_for_the_operator(
    error: str | None, refusal: str | None, whom: str, words: str
) -> None:
    (wait,) = waits([waiting(error=error)], {}, refusal)
    assert (wait.whom, wait.command) == (whom, None)
    assert words in wait.why


def test_a_secret_that_may_not_be_read_is_not_mended_by_another_key() -> None:
    error = "the secret of the API keys may not be read (AccessDenied): restore it"
    circuit = Circuit("uwear", False, None, None, error_code="AuthFailed", error=error)
    (wait,) = waits([waiting()], {"uwear": circuit})
    assert wait.command == "darkroom resume uwear"


def test_an_empty_stack_has_nothing_to_say() -> None:
    assert waits([], {}) == []
