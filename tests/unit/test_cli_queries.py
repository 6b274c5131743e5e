"""Tests the operator's commands that only show something: what they show, how they escape it, and their exit codes."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.httpsession import URLLib3Session
from tests.fakes.application import ApplicationUnderTest
from tests.fakes.aws_account import INPUT
from tests.unit.cli_support import Stack, deployed, failed, run, sent

from darkroom.errors import Inapplicable, LedgerBusy, LostClaim, Throttled
from darkroom.model import Balance
from darkroom_cli.jobs.tables import one_line
from darkroom_cli.stack import deployment
from darkroom_cli.stack.deployment import NoDeployment

HOSTILE = "\x1b[31m[bold]photo\u202e.jpg"


@pytest.fixture
def stack() -> Iterator[Stack]:
    with deployed() as stack:
        yield stack


@pytest.fixture
def application(stack: Stack) -> ApplicationUnderTest:
    return stack.application


def test_jobs_that_are_not_over_are_shown_without_being_asked_for(application: ApplicationUnderTest) -> None:
    sent(application, "open.jpg")
    failed(application, "over.jpg")
    text = run("jobs").stdout
    assert "open.jpg" in text
    assert "1 reserved" in text
    assert "over.jpg" not in text


def test_jobs_that_are_over_are_shown_by_day(application: ApplicationUnderTest) -> None:
    failed(application, "over.jpg")
    yesterday = f"{application.clock() - timedelta(days=1):%Y-%m-%d}"
    assert "ProviderFailed" in run("jobs", "--status", "failed", "--day", f"{application.clock():%Y-%m-%d}").stdout
    assert "no job matches" in run("jobs", "--status", "FAILED", "--day", yesterday).stdout
    assert "no job matches" in run("jobs", "--status", "REJECTED", "--day", f"{application.clock():%Y-%m-%d}").stdout


def test_an_empty_list_says_what_was_looked_for(application: ApplicationUnderTest) -> None:
    assert "no job is open" in run("jobs").stdout
    assert "no job of 'a.jpg' matches" in run("jobs", "--key", "a.jpg").stdout


def test_every_version_of_a_key_is_shown(application: ApplicationUnderTest) -> None:
    failed(application, "a/b.jpg")
    sent(application, "a/b.jpg")
    lines = run("jobs", "--key", "a/b.jpg", "--json").stdout.splitlines()
    assert [json.loads(line)["status"] for line in lines] == ["FAILED", "PROCESSING"]
    assert len(run("jobs", "--key", f"s3://{INPUT}/a/b.jpg", "--json", "--status", "FAILED").stdout.splitlines()) == 1


def test_text_of_the_ledger_is_shown_and_not_obeyed(application: ApplicationUnderTest) -> None:
    job = sent(application, HOSTILE)
    for arguments in (
        ["jobs"],
        ["job", job.job_id],
        ["jobs", "--json"],
        ["job", HOSTILE, "--json"],
        ["cancel", HOSTILE],
    ):
        text = run(*arguments).stdout
        assert "[bold]photo" in text
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "\x1b" not in run("cancel", HOSTILE + "x").stderr


def test_one_job_is_shown_with_all_that_is_known(application: ApplicationUnderTest) -> None:
    job = sent(application)
    told = json.loads(run("job", job.job_id, "--all", "--json").stdout)
    assert told["handle_prefix"] == f"{job.job_id}-1-"
    assert told["process_id"] == job.process.process_id
    assert datetime.fromisoformat(told["deadline_at"]) == job.deadline_at
    assert job.process.process_id in run("job", "a.jpg").stdout


def test_a_job_that_was_told_of_shows_the_process_that_the_callback_named(application: ApplicationUnderTest) -> None:
    job = sent(application)
    application.make_container().adapters.callback_ledger.note(job.job_id, 1, "the-named-one", application.clock())
    assert json.loads(run("job", job.job_id, "--all", "--json").stdout)["told_process_id"] == "the-named-one"


def test_accounts_are_shown_and_a_drift_is_accepted(application: ApplicationUnderTest) -> None:
    application.provider.account = Balance(Decimal(90), Decimal(10), Decimal(100))
    run("reconcile")
    application.provider.account = Balance(Decimal(83), Decimal(10), Decimal(93))
    assert run("reconcile").stdout.split()[-1] == "7"
    assert "accepted" in run("reconcile", "--accept").stdout
    assert run("reconcile").stdout.split()[-1] == "0"


def test_a_vendor_that_shows_no_account_is_no_failure(application: ApplicationUnderTest) -> None:
    answer = run("reconcile", "--accept")
    assert answer.exit_code == 0
    assert "tells no balance, or has no key here" in answer.stdout


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "not \x1b[31mso"}}, "DescribeStacks")


ENDS: dict[str, tuple[BaseException, int, str]] = {
    "no stack": (NoDeployment("there is no stack x"), 2, "no stack x"),
    "inapplicable": (Inapplicable("the job is over"), 2, "over"),
    "overtaken": (LostClaim("the job moved on"), 1, "try again"),
    "busy": (LedgerBusy("contended"), 1, "try again"),
    "throttled": (Throttled("the provider asks for patience"), 1, "patience"),
    "denied": (refusal("AccessDenied"), 2, "DescribeStacks"),
    "expired": (refusal("ExpiredToken"), 2, "credentials"),
    "in a region that is not enabled": (
        refusal("InvalidClientTokenId"),
        2,
        "the profile names is not enabled for this account",
    ),
    "strange": (refusal("Odd"), 2, "Odd"),
    "unreachable": (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), 2, "127.0.0.1"),
    "interrupted": (KeyboardInterrupt(), 130, "interrupted"),
}


@pytest.mark.parametrize(("error", "code", "words"), ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("arguments", [["jobs"], ["cancel", "x"], ["rerun", "x"], ["redrive"]], ids=lambda a: a[0])
def test_every_foreseen_end_is_a_sentence_and_a_code(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], error: BaseException, code: int, words: str
) -> None:
    def fails(stack: str) -> None:
        raise error

    monkeypatch.setattr(deployment, "connect", fails)
    answer = run(*arguments)
    assert (answer.exit_code, answer.stdout) == (code, "")
    assert words in answer.stderr
    assert "\x1b" not in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_a_local_stack_that_has_ended_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(stack: str) -> None:
        raise EndpointConnectionError(endpoint_url="https://127.0.0.1:1")

    monkeypatch.setattr(deployment, "connect", fails)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://127.0.0.1:1")
    assert "has ended" in run("status").stderr
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://vpce.example.com")
    assert "has ended" not in run("status").stderr


def test_a_local_stack_that_has_ended_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    send = URLLib3Session.send

    def counted(session: URLLib3Session, request: AWSPreparedRequest) -> object:
        asked.append(request.url)
        return send(session, request)

    monkeypatch.setattr(URLLib3Session, "send", counted)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert "has ended" in run("status").stderr
    assert len(asked) == 1


@pytest.mark.parametrize("missing", ["AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION"])
def test_without_credentials_or_region_it_is_said_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    for name in ("AWS_PROFILE", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.delenv(missing, raising=False)
    answer = run("jobs")
    assert answer.exit_code == 2
    assert ("credentials" if missing == "AWS_ACCESS_KEY_ID" else "region") in answer.stderr


def test_the_stack_may_be_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def noted(stack: str) -> None:
        asked.append(stack)
        raise NoDeployment("none")

    monkeypatch.setattr(deployment, "connect", noted)
    run("jobs")
    monkeypatch.setenv("DARKROOM_STACK", "second")
    run("jobs")
    run("jobs", "--stack", "third")
    assert asked == ["darkroom", "second", "third"]


def test_credits_are_shown_without_exponents(application: ApplicationUnderTest) -> None:
    assert "100 credits" in one_line(replace(sent(application), credits=Decimal("100")))
