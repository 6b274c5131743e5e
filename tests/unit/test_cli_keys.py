"""Tests `darkroom keys`: a key is checked and stored, the other keys stay, and no key is ever printed or logged."""

from __future__ import annotations

import json
import logging
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.fakes.application import ApplicationUnderTest
from tests.fakes.aws_account import client
from tests.unit.cli_support import Stack, deployed, run

from darkroom.errors import ErrorCode, KeyMissing, OperatorFault, ProviderUnavailable
from darkroom_cli.stack import deployment
from darkroom_local.simulators.topaz import TopazSimulator

RIGHT, WRONG = "right-key-0123456789", "wrong-key-0123456789"
OTHERS = {"topaz": "", "oxen": "oxen-key"}


def stored() -> Any:
    """Return what the secret holds."""
    return json.loads(client("secretsmanager").get_secret_value(SecretId="keys")["SecretString"])


@pytest.fixture(scope="module")
def vendor() -> Iterator[TopazSimulator]:
    with TopazSimulator(api_key=RIGHT, speed=20) as made:
        yield made


@pytest.fixture
def stack(vendor: TopazSimulator) -> Iterator[Stack]:
    with deployed(API_KEYS_SECRET_ARN="keys", TOPAZ_BASE_URL=vendor.base_url) as made:
        client("secretsmanager").create_secret(Name="keys", SecretString=json.dumps(OTHERS))
        yield made


@pytest.fixture
def application(stack: Stack) -> ApplicationUnderTest:
    return stack.application


def test_a_key_that_the_vendor_accepts_is_stored_beside_the_others(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    done = run("keys", "set", "topaz", typed=f"{RIGHT}\n")
    assert done.exit_code == 0, done.output
    assert "the vendor accepts the key" in done.stdout
    assert stored() == {**OTHERS, "topaz": RIGHT}
    assert RIGHT not in done.output + caplog.text
    assert "stored already" in run("keys", "set", "topaz", typed=f"{RIGHT}\n").stdout


@pytest.mark.parametrize("typed", [f"{WRONG}\n", "two words\n", "\n", "", "clé\n"])
@pytest.mark.parametrize("options", [[], ["--unchecked"]])
def test_no_other_key_is_stored(stack: Stack, typed: str, options: list[str]) -> None:
    done = run("keys", "set", "topaz", *options, typed=typed)
    assert done.exit_code == 2
    assert done.stderr
    assert not typed.strip() or typed.strip() not in done.output
    assert stored() == OTHERS


def test_while_the_vendor_does_not_answer_a_key_is_stored_only_unchecked(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = replace(stack, environment={**stack.environment, "TOPAZ_BASE_URL": "http://127.0.0.1:9"})
    monkeypatch.setattr(deployment, "connect", lambda name: silent)
    refused = run("keys", "set", "topaz", typed=f"{WRONG}\n")
    assert (refused.exit_code, stored()) == (1, OTHERS)
    assert "--unchecked" in refused.stderr
    assert run("keys", "set", "topaz", "--unchecked", typed=f"{WRONG}\n").exit_code == 0
    assert stored()["topaz"] == WRONG


def test_a_secret_that_is_no_object_is_left_as_it_is(stack: Stack) -> None:
    client("secretsmanager").put_secret_value(SecretId="keys", SecretString="my-key")
    done = run("keys", "set", "topaz", typed=f"{RIGHT}\n")
    assert done.exit_code == 2
    assert "aws secretsmanager put-secret-value --secret-id keys" in done.stderr
    assert "my-key" not in done.output
    assert client("secretsmanager").get_secret_value(SecretId="keys")["SecretString"] == "my-key"


def test_a_check_says_how_a_secret_that_is_no_object_is_repaired(
    stack: Stack, application: ApplicationUnderTest
) -> None:
    client("secretsmanager").put_secret_value(SecretId="keys", SecretString="my-key")
    application.provider.faults["check_key"] = [KeyMissing("the secret holds no key")]
    done = run("keys", "check")
    assert done.exit_code == 1
    assert "aws secretsmanager put-secret-value --secret-id keys" in done.stderr
    assert "my-key" not in done.output


def test_an_unknown_provider_is_told_with_the_nearest(stack: Stack) -> None:
    done = run("keys", "set", "topas", typed=f"{RIGHT}\n")
    assert done.exit_code == 2
    assert "did you mean topaz" in done.stderr


def test_jobs_that_wait_for_the_key_are_told_of(stack: Stack, application: ApplicationUnderTest) -> None:
    circuits, now = application.ports["circuits"], application.clock()
    circuits.open("topaz", ErrorCode.AUTH_FAILED, "HTTP 401", now, now)
    assert "darkroom resume topaz" in run("keys", "set", "topaz", typed=f"{RIGHT}\n").stdout


@pytest.mark.parametrize(("fault", "code", "words"), [
    (None, 0, "accepts"),
    (OperatorFault(ErrorCode.OUT_OF_CREDITS, "HTTP 402"), 0, "no credits"),
    (OperatorFault(ErrorCode.AUTH_FAILED, "HTTP 401"), 1, "refuses"),
    (ProviderUnavailable("HTTP 503"), 1, "could not be asked"),
])  # fmt: skip
def test_the_stored_keys_are_checked(
    application: ApplicationUnderTest, fault: Exception | None, code: int, words: str
) -> None:
    for form in ([], ["--json"]):
        application.provider.faults["check_key"] = [fault] if fault else []
        done = run("keys", "check", *form)
        assert done.exit_code == code
        assert words in done.stdout or json.loads(done.stdout)["provider"] == "topaz"


def test_a_key_that_is_typed_on_a_terminal_is_not_echoed() -> None:
    """What is asked of a terminal is asked of a real one: the terminal must not show the key."""
    program = "from darkroom_cli.commands import keys; print('length', len(keys._typed('topaz')), 'end')"
    leader, follower = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", program], stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    shown = os.read(leader, 1000)
    os.write(leader, f"{RIGHT}\n".encode())
    while not shown.endswith(b" end\r\n"):
        shown += os.read(leader, 1000)
    process.wait(60)
    os.close(leader)
    assert f"length {len(RIGHT)}".encode() in shown
    assert RIGHT.encode() not in shown
