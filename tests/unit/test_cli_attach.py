"""Tests `darkroom attach` and `darkroom detach`: the events go on and off, and all other notifications stay."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.s3.models import s3_backends
from tests.fakes.aws_account import INPUT, OUTPUT, REGION, client
from tests.unit.cli_support import Stack, deployed, run

from darkroom.model import LedgerOwner
from darkroom_cli.stack import bucket_events, deployment

PLACE = f"s3://{INPUT}"


@pytest.fixture
def stack() -> Iterator[Stack]:
    with deployed(emulates_s3=True) as made, pytest.MonkeyPatch.context() as patch:
        given = replace(made, parameters={"InputBucketName": INPUT})
        patch.setattr(deployment, "connect", lambda name: given)
        show_event_bridge(patch)
        yield given


def show_event_bridge(patch: pytest.MonkeyPatch) -> None:
    """Let moto 5.2 show what it stores: its answer leaves EventBridgeConfiguration out."""
    s3 = client("s3")
    own = s3.get_bucket_notification_configuration

    def whole(**given: Any) -> dict[str, Any]:
        answer: dict[str, Any] = own(**given)
        stored = s3_backends["123456789012"]["aws"].buckets[given["Bucket"]].notification_configuration
        is_on = stored is not None and stored.event_bridge is not None
        return {**answer, **({"EventBridgeConfiguration": {}} if is_on else {})}

    patch.setattr(s3, "get_bucket_notification_configuration", whole)


@pytest.fixture
def others(stack: Stack) -> Mapping[str, Any]:
    """Give the bucket notifications of other programs, and return them."""
    queue = "arn:aws:sqs:eu-central-1:123456789012:thumbnails"
    stack.queues[0].create_queue(QueueName="thumbnails")
    given = {
        "QueueConfigurations": [
            {
                "Id": "thumbnails",
                "QueueArn": queue,
                "Events": ["s3:ObjectCreated:*"],
                "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "a/"}]}},
            }
        ]
    }
    client("s3").put_bucket_notification_configuration(Bucket=INPUT, NotificationConfiguration=given)
    return notifications()


def notifications() -> dict[str, Any]:
    answer = client("s3").get_bucket_notification_configuration(Bucket=INPUT)
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def test_a_bucket_is_attached_and_detached_with_its_other_notifications_untouched(
    others: Mapping[str, Any],
) -> None:
    done = run("attach", PLACE, typed="y\n")
    assert done.exit_code == 0, done.output
    assert "1.00 USD a million" in done.output
    assert "its 1 other notifications are as before" in done.stdout
    assert notifications() == {**others, "EventBridgeConfiguration": {}}
    done = run("detach", PLACE, typed="y\n")
    assert done.exit_code == 0, done.output
    assert "still looks through" in done.stdout
    assert notifications() == others


def test_both_change_nothing_the_second_time_and_unless_you_agree(others: Mapping[str, Any]) -> None:
    assert run("attach", PLACE, typed="n\n").exit_code == 1
    assert run("detach", PLACE).exit_code == 0
    assert notifications() == others
    assert json.loads(run("attach", PLACE, "--yes", "--json").stdout)["changed"] is True
    assert json.loads(run("attach", PLACE, "--json").stdout)["changed"] is False


@pytest.mark.usefixtures("others")
def test_attach_says_that_uploads_wait_while_the_ledger_belongs_to_the_earlier_input_bucket(stack: Stack) -> None:
    earlier = stack.application.make_ownership()
    earlier.stack = LedgerOwner("darkroom", "the-earlier-bucket")
    assert earlier.refusal() is None
    for _ in range(2):  # the second time, the events are on already
        said = " ".join(run("attach", PLACE, "--yes").stdout.split())
        assert "belongs to the stack darkroom with the input bucket the-earlier-bucket" in said
        assert "`darkroom adopt-ledger --stack darkroom`" in said
    assert "the-earlier-bucket" in json.loads(run("attach", PLACE, "--json").stdout)["ledger_refusal"]
    assert run("adopt-ledger", "--yes").exit_code == 0
    assert "adopt-ledger" not in run("attach", PLACE).stdout
    assert json.loads(run("attach", PLACE, "--json").stdout)["ledger_refusal"] is None


@pytest.mark.usefixtures("others")
def test_attach_gives_no_ledger_an_owner(stack: Stack) -> None:
    assert "adopt-ledger" not in run("attach", PLACE, "--yes").stdout
    assert stack.ledger_ownership.owner() is None


@pytest.mark.parametrize(("command", "bucket", "words"), [
    ("attach", "s3://another-bucket", "InputBucketName=another-bucket"), ("attach", f"s3://{OUTPUT}", "output bucket"),
    ("attach", "s3://no-such-bucket", "there is no bucket no-such-bucket"), ("attach", f"{PLACE}/folder", "is not a bucket"),
    ("detach", "s3://no-such-bucket", "NoSuchBucket"), ("detach", "", "is not a bucket"),
])  # fmt: skip
def test_what_cannot_be_attached_is_said_in_one_line(stack: Stack, command: str, bucket: str, words: str) -> None:
    client("s3").create_bucket(Bucket="another-bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    done = run(command, bucket, "--yes")
    assert done.exit_code == 2
    assert words in done.stderr


def test_a_bucket_in_another_region_is_refused(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client("s3").meta._client_config, "region_name", "us-east-2")
    done = run("attach", PLACE, "--yes")
    assert done.exit_code == 2
    assert f"deploy the stack in {REGION}" in done.stderr


@pytest.mark.parametrize("bucket", [PLACE, "s3://another-bucket"], ids=["the stack's", "another"])
def test_a_bucket_of_another_account_is_refused_before_anything_is_changed(
    others: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch, bucket: str
) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="another-bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
    own = s3.head_bucket

    def of_another_account(ExpectedBucketOwner: str = "", **given: Any) -> Any:
        if ExpectedBucketOwner:  # S3 compares it with the bucket's owner; moto 5.2 does not
            raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadBucket")
        return own(**given)

    monkeypatch.setattr(s3, "head_bucket", of_another_account)
    done = run("attach", bucket, "--yes")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "is not one of the account 123456789012" in done.stderr
    assert "InputBucketName" not in done.stderr
    assert notifications() == others


def test_the_bucket_that_the_stack_created_is_not_detached(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    own = replace(stack, parameters={"InputBucketName": ""})
    monkeypatch.setattr(deployment, "connect", lambda name: own)
    done = run("detach", PLACE, "--yes")
    assert (done.exit_code, "darkroom pause" in done.stderr) == (2, True)


def test_a_change_by_somebody_else_at_the_same_time_is_noticed(
    others: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = client("s3")
    own = s3.put_bucket_notification_configuration

    def overtaken(**given: Any) -> None:
        own(**given)
        own(Bucket=INPUT, NotificationConfiguration={})

    monkeypatch.setattr(s3, "put_bucket_notification_configuration", overtaken)
    monkeypatch.setattr(bucket_events.time, "sleep", lambda seconds: None)
    done = run("attach", PLACE, "--yes")
    assert done.exit_code == 1
    assert "at the same time" in done.stderr


def test_a_change_that_s3_shows_late_is_waited_for(others: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    s3, waits = client("s3"), list[float]()
    own = s3.get_bucket_notification_configuration
    monkeypatch.setattr(bucket_events.time, "sleep", waits.append)
    monkeypatch.setattr(
        s3, "get_bucket_notification_configuration", lambda **given: own(**given) if len(waits) > 2 else {**others}
    )
    done = run("attach", PLACE, "--yes")
    assert done.exit_code == 0, done.output
    assert "about five minutes" in " ".join(done.stdout.split())
    assert len(waits) == 3
