"""Tests the Lambda handlers from a queue message to a result. Environment variables configure them, as in Lambda."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

import pytest
from tests.fakes.application import picture
from tests.fakes.aws_account import INPUT, Cloud, client
from tests.integration.handler_support import Context, Stack, batch, deployed

import finalize
import poll
import submit
import sweep
from darkroom.configuration import BadConfiguration
from darkroom.errors import ErrorCode
from darkroom.model import JobDue, JobStatus, Upload
from darkroom.queue_messages import to_message

# Powertools warns when an invocation adds no metric. That is normal here, for example for S3's test event.
pytestmark = [
    pytest.mark.emulated("sqs", "stepfunctions", "events", "secretsmanager"),
    pytest.mark.filterwarnings("ignore:No application metrics to publish"),
]
KEYS = ["a.jpg", "with space.jpg", "ünï/čødé.jpg", "a+b.jpg", "brackets (1) [2].jpg", "deep/er/a&b=c.jpg", "100%.jpg"]


@pytest.fixture
def stack(account: Cloud) -> Iterator[Stack]:
    with deployed(account) as made:
        yield made


def bridged(upload: Upload) -> str:
    """Return the message that EventBridge sends for an upload. The key in it is not URL-encoded."""
    s3_object = {"key": upload.key, "size": 1, "etag": upload.etag, "version-id": upload.version_id, "sequencer": "0A"}
    return json.dumps(
        {
            "source": "aws.s3",
            "detail-type": "Object Created",
            "detail": {"bucket": {"name": upload.bucket}, "object": s3_object},
        }
    )


def notified(*uploads: Upload) -> str:
    """Return the message that S3 itself sends. Its keys are URL-encoded, and it has a record for each of `uploads`."""
    return json.dumps(
        {
            "Records": [
                {
                    "eventName": "ObjectCreated:Put",
                    "s3": {
                        "bucket": {"name": upload.bucket},
                        "object": {
                            "key": quote_plus(upload.key, safe="/"),
                            "eTag": upload.etag,
                            "versionId": upload.version_id,
                            "sequencer": "0A",
                        },
                    },
                }
                for upload in uploads
            ]
        }
    )


def handle(*bodies: str) -> list[str]:
    """Call submit's handler with one batch of messages. Return the ids of those that failed."""
    answer = submit.handler(batch(*bodies), Context())
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@pytest.mark.emulated("s3", "dynamodb", "sqs", "stepfunctions", "events", "secretsmanager")
def test_a_message_becomes_a_result(stack: Stack) -> None:
    assert handle(bridged(stack.cloud.put("a b/ü.jpg", picture(300, 200), tags="label=x"))) == []
    (started,) = stack.executions()
    assert started.keys() == {"job_id", "run", "poll_at", "wait_seconds", "status"}
    assert stack.job().status is JobStatus.PROCESSING
    tick: dict[str, Any] = started
    for _ in range(2400):
        tick = poll.handler(tick, Context())
        if tick["status"] == "ended":
            break
        time.sleep(0.05)  # the simulator works in real time
    assert finalize.handler(tick, Context())["status"] == "COMPLETED"
    job = stack.job()
    assert (job.status, job.label, stack.cloud.keys()) == (JobStatus.COMPLETED, "x", {"a b/ü.jpg"})
    assert stack.cloud.head("a b/ü.jpg")["Metadata"]["darkroom-job"] == job.job_id


@pytest.mark.parametrize("form", [bridged, notified], ids=["EventBridge", "S3"])
def test_any_key_arrives_as_it_is(stack: Stack, form: Any) -> None:
    for key in KEYS:
        assert handle(form(stack.cloud.put(key, b"no picture"))) == []
    assert {job.source_key for job in stack.cloud.jobs()} == set(KEYS)
    assert stack.cloud.keys() == {f"_failed/{key}.json" for key in KEYS}


def test_one_notification_may_carry_several_records(stack: Stack) -> None:
    uploads = [stack.cloud.put(key, b"no picture") for key in KEYS]
    assert handle(notified(*uploads)) == []
    assert len(stack.cloud.jobs()) == len(KEYS)


def test_the_test_event_and_removals_are_acknowledged(stack: Stack) -> None:
    removal = {"eventName": "ObjectRemoved:Delete", "s3": {"bucket": {"name": INPUT}, "object": {"key": "a.jpg"}}}
    assert handle(json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": INPUT})) == []
    assert handle(json.dumps({"Records": [removal]})) == []
    assert stack.cloud.jobs() == []


@pytest.mark.parametrize("body", ["", "no json", "[]", "{}", "7", '{"Records": [{}]}', '{"Records": 5}', "null"])
def test_a_malformed_message_comes_back_alone(stack: Stack, body: str) -> None:
    good = bridged(stack.cloud.put("a.jpg", b"no picture"))
    assert handle(body, good) == ["m-0"]
    assert stack.job().status is JobStatus.REJECTED


@pytest.mark.parametrize("bodies", [["no json"], ["no json", "{}"]])
def test_a_batch_of_which_nothing_could_be_taken_is_an_error_that_lambda_counts(
    stack: Stack, bodies: list[str]
) -> None:
    with pytest.raises(RuntimeError, match="no message of the batch could be processed"):
        handle(*bodies)
    assert stack.cloud.jobs() == []


def test_another_buckets_message_is_refused(stack: Stack) -> None:
    assert handle(bridged(stack.cloud.put("a.jpg", picture(), bucket="darkroom-out"))) == []
    assert stack.cloud.jobs() == []


def test_a_job_that_is_not_due_comes_back_as_a_new_message(stack: Stack) -> None:
    stack.simulator.faults.add("throttle")
    assert handle(bridged(stack.cloud.put("a.jpg", picture()))) == []
    assert (stack.job().status, stack.waiting()) == (JobStatus.CLAIMED, ["delayed"])


def test_a_job_that_waits_for_an_operator_is_acknowledged_and_left_to_the_sweep(stack: Stack) -> None:
    upload = stack.cloud.put("a.jpg", picture())
    wrong = json.dumps({"topaz": "no-such-key"})
    client("secretsmanager").put_secret_value(SecretId="keys", SecretString=wrong)
    assert handle(bridged(upload)) == []
    job = stack.job()
    assert (job.status, job.error_code, job.due_at) == (JobStatus.CLAIMED, ErrorCode.AUTH_FAILED, job.next_attempt_at)
    assert stack.waiting() == []


def test_the_sweep_hands_a_dead_workers_job_to_the_queue_and_submit_goes_on_with_it(stack: Stack) -> None:
    upload = stack.cloud.put("a.jpg", picture())
    past = datetime.now(UTC) - timedelta(minutes=1)
    adapters = stack.application.adapters
    adapters.ledger.claim(adapters.sources.find(upload), past, past, past + timedelta(hours=24))
    assert sweep.handler({}, Context()) == {"Claims": 1}
    (body,) = stack.waiting()
    assert body == to_message(JobDue(stack.job().job_id))
    assert sweep.handler({}, Context()) == {}  # the message of the due job was already sent
    assert handle(body) == []
    assert stack.job().status is JobStatus.PROCESSING


def test_a_rotated_key_is_noticed_without_a_redeploy(stack: Stack) -> None:
    stack.application.adapters.api_keys._keys = {"topaz": "the key before rotation"}
    assert handle(bridged(stack.cloud.put("a.jpg", picture()))) == []
    assert stack.job().status is JobStatus.PROCESSING


def test_a_message_put_back_names_the_same_upload(stack: Stack) -> None:
    upload = Upload(INPUT, 'ü "q" +.jpg', "v 1", "e", "0A")
    stack.application.adapters.intake.requeue(upload, 0)
    (body,) = stack.waiting()
    assert body == to_message(upload)


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [("MAX_CREDITS_PER_JOB", "topaz=0.5", "PriceAboveLimit"), ("MONTHLY_CREDIT_LIMIT", "0.5", "BudgetExceeded"),
     ("MONTHLY_BUDGET_USD", "0.1", "BudgetExceeded"), ("DEFAULT_SETTINGS", "max_credits=0.5", "PriceAboveLimit")],
)  # fmt: skip
def test_stack_parameters_bind(account: Cloud, variable: str, value: str, expected: str) -> None:
    with deployed(account, **{variable: value}) as stack:
        handle(bridged(account.put("a.jpg", picture())))
        assert (stack.job().status, stack.job().error_code) == (JobStatus.REJECTED, expected)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("MONTHLY_BUDGET_USD", "many"), ("MAX_CREDITS_PER_JOB", "-1"), ("CREDIT_PRICE_USD", "NaN"),
     ("MONTHLY_CREDIT_LIMIT", "topaz=Infinity"), ("MONTHLY_CREDIT_LIMIT", "topas=500"),
     ("MONTHLY_CREDIT_LIMIT", "topaz=500,topaz=0"), ("MAX_CREDITS_PER_JOB", "1.0000000000000000001")],
)  # fmt: skip
def test_a_malformed_amount_is_an_error_that_keeps_the_upload(
    account: Cloud, variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    for handler in submit.logger.handlers:
        monkeypatch.setattr(handler, "stream", written, raising=False)
    with deployed(account, **{variable: value}) as stack:
        with pytest.raises(RuntimeError, match="no message of the batch could be processed"):
            handle(bridged(account.put("a.jpg", picture())))
        assert stack.cloud.jobs() == []
        with pytest.raises(BadConfiguration, match="correct it and deploy again"):
            stack.application.submit  # noqa: B018
    assert "correct it and deploy again" in written.getvalue()


def test_polling_an_unknown_job_ends_and_finalizing_it_says_absent(stack: Stack) -> None:
    tick = {"job_id": "0" * 32, "run": 1, "poll_at": "2026-11-21T14:00:00.000Z", "status": "running"}
    assert poll.handler(tick, Context())["status"] == "ended"
    assert finalize.handler(tick, Context())["status"] == "ABSENT"
