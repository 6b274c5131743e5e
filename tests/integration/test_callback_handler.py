"""Tests the handler of the function callback with the requests that a function URL makes of HTTP (payload 2.0)."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.fakes.application import picture
from tests.fakes.aws_account import Cloud
from tests.integration.callback_support import LINK, CallbackApplication
from tests.integration.handler_support import Context
from tests.unit.template_support import ROOT

import callback
from darkroom.errors import LedgerBusy

SAMPLE: dict[str, Any] = json.loads((ROOT / "events" / "callback.json").read_text())
BODY = json.dumps({"process_id": "process-1", "status": "Completed", "download_url": LINK})


@pytest.fixture
def application(account: Cloud, monkeypatch: pytest.MonkeyPatch) -> CallbackApplication:
    application = CallbackApplication(account)
    application.deliver(account.put("a.jpg", picture()))
    monkeypatch.setattr(callback, "application", application.make_container())
    return application


def request(path: str, body: str = BODY, *, encoded: bool = False) -> dict[str, Any]:
    """Return the event of a POST. Lambda encodes a body in base64 if its content type is not a text's."""
    text = base64.b64encode(body.encode()).decode() if encoded else body
    return {**SAMPLE, "rawPath": path, "body": text, "isBase64Encoded": encoded}


def path_of(application: CallbackApplication) -> str:
    return urlsplit(application.addresses[-1] or "").path


@pytest.mark.parametrize("encoded", [False, True])
def test_a_genuine_callback_is_answered_by_a_status_alone(application: CallbackApplication, encoded: bool) -> None:
    answer = callback.handler(request(path_of(application), encoded=encoded), Context())
    assert answer == {"statusCode": 204}
    assert application.job().told is not None


def test_the_sample_event_has_a_forged_address(application: CallbackApplication) -> None:
    assert callback.handler(SAMPLE, Context()) == {"statusCode": 404}


def test_a_request_without_a_body_is_taken(application: CallbackApplication) -> None:
    bare = {name: value for name, value in request(path_of(application)).items() if name != "body"}
    assert callback.handler(bare, Context()) == {"statusCode": 400}


def test_an_error_is_raised_so_that_the_vendor_tries_again(
    application: CallbackApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise LedgerBusy("busy")

    monkeypatch.setattr(type(callback.application.adapters.callback_ledger), "note", busy)
    with pytest.raises(LedgerBusy):
        callback.handler(request(path_of(application)), Context())


def test_nothing_of_an_address_or_a_body_is_logged_and_nothing_at_all_of_a_forged_request(
    application: CallbackApplication, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    path = path_of(application)
    callback.handler(request(path), Context())
    logged = str([vars(record) for record in caplog.records])
    assert application.job().job_id in logged
    assert not any(secret in logged for secret in (path.rpartition("/")[2], "secret-link", "process-1"))
    caplog.clear()
    callback.handler(SAMPLE, Context())
    assert caplog.records == []
