"""Callbacks that find no job, or another run of it, and the key that proves their addresses."""

from __future__ import annotations

import pytest
from tests.fakes.application import picture
from tests.fakes.aws_account import TABLE, Cloud
from tests.integration.callback_support import CallbackApplication

from darkroom.aws.callback_ledger import DynamoCallbackKeys
from darkroom.aws.ledger_table import LedgerTable
from darkroom.model import JobDue, ProcessState
from darkroom.pipeline.callback import MAX_BODY_BYTES, CallbackOutcome


@pytest.fixture
def application(account: Cloud) -> CallbackApplication:
    return CallbackApplication(account)


def sent(application: CallbackApplication) -> None:
    """Let a job run at the vendor, which has the address of its callbacks."""
    application.deliver(application.cloud.put("a.jpg", picture()))


def test_the_key_is_shown_in_no_log(application: CallbackApplication) -> None:
    keys = DynamoCallbackKeys(LedgerTable(application.cloud.dynamodb, TABLE))
    key = keys.read_or_make()
    assert str(key) not in repr(keys)
    assert key.hex() not in repr(keys)


def test_a_body_may_be_as_large_as_the_limit(application: CallbackApplication) -> None:
    sent(application)
    body = b'{"process_id": "process-1", "status": "Completed"}'
    assert application.send(body.ljust(MAX_BODY_BYTES)).outcome is CallbackOutcome.NOTED


def test_a_callback_about_a_job_whose_row_has_expired_is_ignored(application: CallbackApplication) -> None:
    sent(application)
    row = application.row()
    application.cloud.dynamodb.delete_item(TableName=TABLE, Key={"pk": row["pk"], "sk": row["sk"]})
    assert application.call_back().outcome is CallbackOutcome.IGNORED


def test_a_callback_of_an_earlier_run_does_not_wake_the_next_one(application: CallbackApplication) -> None:
    sent(application)
    application.provider.become(ProcessState.FAILED)
    application.finalize(application.job())
    application.submit(JobDue(application.operate.rerun("a.jpg").job_id))
    application.call_back("Failed", "process-2", application.addresses[1])
    application.waits.waiting.add("token-2")
    application.cloud.dynamodb.update_item(
        TableName=TABLE,
        Key={name: application.row()[name] for name in ("pk", "sk")},
        UpdateExpression="SET task_token = :token",
        ExpressionAttributeValues={":token": {"S": "token-2"}},
    )
    assert application.call_back("Failed", "process-1", application.addresses[0]).outcome is CallbackOutcome.IGNORED
    assert application.waits.woken == []
