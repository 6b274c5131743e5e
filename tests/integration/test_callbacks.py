"""Callbacks at every time of a job's life: each makes Darkroom look earlier at most, and none is believed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.fakes.application import picture
from tests.fakes.aws_account import Cloud
from tests.integration.callback_support import LINK, CallbackApplication, bound, ended_at_the_vendor

from darkroom import callback_addresses
from darkroom.aws.callback_ledger import MOST_TOLD, DynamoCallbackKeys, DynamoCallbackLedger
from darkroom.aws.ledger_table import LedgerTable
from darkroom.model import JobDue, JobStatus, ProcessState
from darkroom.pipeline.callback import MAX_BODY_BYTES, CallbackOutcome


@pytest.fixture
def application(account: Cloud) -> CallbackApplication:
    return CallbackApplication(account)


# --- the ordinary case


def test_a_callback_wakes_the_execution_that_waits_and_finalize_finds_the_end(application: CallbackApplication) -> None:
    job = bound(application)
    assert application.waits.begin(job)
    ended_at_the_vendor(application)
    assert application.call_back().outcome is CallbackOutcome.WOKEN
    assert application.waits.woken == ["token-1"]
    application.finalize(job)
    ended = application.job()
    assert (ended.status, ended.told_by, ended.polls) == (JobStatus.COMPLETED, "callback", 0)
    assert application.bus.sent[0][1]["told_by"] == "callback"


@pytest.mark.emulated("dynamodb")
def test_a_callback_and_its_end_leave_nothing_in_the_row_but_how_it_was_learned(
    application: CallbackApplication,
) -> None:
    job = bound(application)
    application.waits.begin(job)
    ended_at_the_vendor(application)
    application.call_back()
    assert {"told_at", "told_process_id", "times_told", "task_token"} <= application.row().keys()
    assert LINK not in str(application.cloud.rows())
    application.finalize(job)
    assert not {"told_at", "told_process_id", "times_told", "task_token"} & application.row().keys()
    assert application.row()["told_by"] == {"S": "callback"}


def test_without_a_callback_the_clock_finds_the_end(application: CallbackApplication) -> None:
    job = bound(application)
    application.waits.begin(job)
    ended_at_the_vendor(application)
    application.poll(job)
    application.finalize(job)
    assert (application.job().status, application.job().told_by) == (JobStatus.COMPLETED, "poll")


def test_a_stack_without_callbacks_gives_no_address(application: CallbackApplication) -> None:
    container = application.make_container(CALLBACK_URL="")
    container.submit(application.cloud.put("a.jpg", picture()), application.ends, is_repeated=False)
    assert application.addresses == [None]


def test_a_synchronous_call_gives_no_address_because_its_answer_brings_the_result(
    application: CallbackApplication,
) -> None:
    application.deliver(application.cloud.put("a.jpg", picture(), tags="synchronous=true"))
    assert application.addresses == [None]


# --- every other time


def test_a_callback_before_the_bind_keeps_the_execution_from_waiting(application: CallbackApplication) -> None:
    told = []

    def early(*given: Any) -> Any:
        answer = submit(*given)
        told.append(application.call_back(url=given[4]).outcome)
        return answer

    submit = application.provider.submit
    application.provider.submit = early  # type: ignore[method-assign]
    job = bound(application)
    assert told == [CallbackOutcome.NOTED]
    assert not application.waits.begin(job)
    ended_at_the_vendor(application)
    application.finalize(job)
    assert (application.job().status, application.job().told_by) == (JobStatus.COMPLETED, "callback")


def test_a_word_before_the_bind_that_is_not_final_neither_wakes_nor_keeps_the_execution_from_waiting(
    application: CallbackApplication,
) -> None:
    def early(*given: Any) -> Any:
        answer = submit(*given)
        assert application.call_back("Processing", url=given[4]).outcome is CallbackOutcome.NOTED
        return answer

    submit = application.provider.submit
    application.provider.submit = early  # type: ignore[method-assign]
    job = bound(application)
    assert application.waits.begin(job)
    ended_at_the_vendor(application)
    application.poll(job)
    application.finalize(job)
    assert (application.job().status, application.job().told_by) == (JobStatus.COMPLETED, "poll")
    assert "told_process_id" not in application.row()


def test_a_callback_between_two_waits_keeps_the_next_one_from_beginning(application: CallbackApplication) -> None:
    job = bound(application)
    assert application.call_back().outcome is CallbackOutcome.NOTED
    assert not application.waits.begin(job)


def test_a_callback_twice_wakes_once(application: CallbackApplication) -> None:
    job = bound(application)
    application.waits.begin(job)
    assert [application.call_back().outcome for _ in range(2)] == [CallbackOutcome.WOKEN, CallbackOutcome.NOTED]
    assert application.waits.woken == ["token-1"]


def test_the_second_try_of_a_callback_whose_worker_died_before_it_woke_anybody_wakes(
    application: CallbackApplication,
) -> None:
    job = bound(application)
    application.waits.begin(job)
    died = application.make_container().adapters.callback_ledger
    died.note(job.job_id, job.run, "process-1", application.clock())
    assert application.call_back().outcome is CallbackOutcome.WOKEN


def test_a_callback_after_the_end_changes_nothing(application: CallbackApplication) -> None:
    job = bound(application)
    ended_at_the_vendor(application)
    application.finalize(job)
    before = application.row()
    assert application.call_back().outcome is CallbackOutcome.IGNORED
    assert application.row() == before


def test_a_callback_while_finalize_asks_is_looked_at_before_the_next_wait(application: CallbackApplication) -> None:
    job = bound(application)
    progress = application.provider.progress

    def told_meanwhile(process_id: str) -> Any:
        answer = progress(process_id)
        application.call_back()
        return answer

    application.provider.progress = told_meanwhile  # type: ignore[method-assign]
    assert application.finalize(job).status == "running"
    assert not application.waits.begin(job)


def test_a_callback_that_is_wrong_costs_a_look_and_the_clock_learns_the_end(application: CallbackApplication) -> None:
    job = bound(application)
    application.waits.begin(job)
    application.call_back("Failed")
    assert application.finalize(job).status == "running"
    assert application.waits.begin(application.job(), "token-2")
    application.clock.advance(30)
    ended_at_the_vendor(application)
    application.finalize(job)
    assert (application.job().status, application.job().told_by) == (JobStatus.COMPLETED, "poll")


def test_after_three_wrong_callbacks_the_clock_alone_decides(application: CallbackApplication) -> None:
    job = bound(application)
    for number in range(MOST_TOLD):
        application.waits.begin(application.job(), f"token-{number}")
        assert application.call_back("Failed").outcome is CallbackOutcome.WOKEN
        application.clock.advance(10)
        assert application.finalize(job).status == "running"
    application.waits.begin(application.job(), "last")
    before = application.row()
    assert application.call_back("Failed").outcome is CallbackOutcome.IGNORED
    assert application.row() == before
    assert "last" in application.waits.waiting


def test_while_another_worker_has_the_job_its_execution_waits_and_does_not_call_finalize_again_and_again(
    application: CallbackApplication,
) -> None:
    job = bound(application)
    application.ledger.take_over(job, application.clock(), application.ends + timedelta(seconds=60))
    application.call_back()
    assert application.finalize(job).status == "running"
    assert application.waits.begin(job)


def test_a_callback_of_an_earlier_run_is_not_the_present_ones(application: CallbackApplication) -> None:
    job = bound(application)
    first = application.addresses[-1]
    ended_at_the_vendor(application, ProcessState.FAILED)
    application.finalize(job)
    application.operate.rerun(job.job_id)
    application.submit(JobDue(job.job_id))
    before = application.row()
    assert application.addresses[-1] != first
    assert application.call_back(url=first).outcome is CallbackOutcome.IGNORED
    assert application.row() == before


def test_a_token_of_an_earlier_run_is_not_written(application: CallbackApplication) -> None:
    job = bound(application)
    ended_at_the_vendor(application, ProcessState.FAILED)
    application.finalize(job)
    application.operate.rerun(job.job_id)
    application.submit(JobDue(job.job_id))
    assert not application.waits.begin(application.job(), "late", run=1)
    assert application.waits.begin(application.job(), "own")


# --- what is refused


def forged(address: str) -> dict[str, str]:
    *head, run, mac = address.split("/")
    return {
        "no path": "https://callbacks.example/",
        "another run": "/".join([*head, str(int(run) + 1), mac]),
        "another job": address.replace(head[-1], "0" * 32),
        "a wrong MAC": "/".join([*head, run, "0" * 64]),
        "a MAC in capitals": "/".join([*head, run, mac.upper().replace("0", "A")]),
        "a shorter MAC": "/".join([*head, run, mac[:-1]]),
        "something behind": f"{address}/",
        "an unknown provider": address.replace("/topaz/", "/oxen/"),
        "no provider": address.replace("/topaz/", "/"),
    }


@pytest.mark.parametrize("kind", forged("https://x/topaz/j/1/m"))
def test_a_forged_address_is_not_found_and_nothing_is_read_but_the_key(
    application: CallbackApplication, kind: str
) -> None:
    bound(application)
    before, calls = application.row(), []
    container = application.make_container()
    real = container.adapters.callback_keys.table.client
    table = LedgerTable(_Recorder(real, calls), "ledger")
    container.callback.keys.table = table  # type: ignore[attr-defined]
    address = forged(application.addresses[-1] or "")[kind]
    answer = container.callback("POST", address.removeprefix("https://callbacks.example"), b"{}")
    assert (answer.status_code, answer.job_id) == (404, None)
    assert calls in ([], [("get_item", "CALLBACKS")])
    assert application.row() == before


class _Recorder:
    """Passes calls to a DynamoDB client and records the operation and the partition."""

    def __init__(self, client: Any, calls: list[tuple[str, str]]) -> None:
        self._client, self._calls = client, calls

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            self._calls.append((name, request["Key"]["pk"]["S"]))
            return getattr(self._client, name)(**request)

        return call


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
def test_only_a_post_is_a_callback(application: CallbackApplication, method: str) -> None:
    bound(application)
    assert application.call_back(method=method).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"x" * (MAX_BODY_BYTES + 1), 413), (b"", 400), (b"{", 400), (b"[]", 400), (b'{"status": "Completed"}', 400),
        (b'{"process_id": "../x", "status": "Completed"}', 400), (b"[" * 60_000, 400), (b"\xff\xfe", 400),
        (b'{"process_id": 7, "status": "Completed"}', 400),
    ],
    ids=["too large", "empty", "cut", "a list", "no process", "a path", "nested", "no text", "a number"],
)  # fmt: skip
def test_a_body_that_is_not_the_vendors_is_refused_and_changes_nothing(
    application: CallbackApplication, body: bytes, status: int
) -> None:
    bound(application)
    before = application.row()
    assert application.send(body).status_code == status
    assert application.row() == before


@pytest.mark.parametrize("word", ["Pending", "Processing", "Paused by the vendor", ""])
def test_a_word_that_is_not_final_is_accepted_and_changes_nothing(application: CallbackApplication, word: str) -> None:
    bound(application)
    before = application.row()
    answer = application.call_back(word)
    assert (answer.status_code, answer.outcome) == (204, CallbackOutcome.NOT_FINAL)
    assert application.row() == before


def test_a_word_about_a_bound_job_that_is_not_final_takes_one_read_and_no_write(
    application: CallbackApplication,
) -> None:
    bound(application)
    container, calls = application.make_container(), []
    container.callback.keys.read()  # type: ignore[attr-defined]
    ledger = LedgerTable(_Recorder(application.cloud.dynamodb, calls), "ledger")
    callback = replace(container.callback, ledger=DynamoCallbackLedger(ledger))
    path = (application.addresses[-1] or "").removeprefix("https://callbacks.example")
    callback("POST", path, b'{"process_id": "process-1", "status": "Processing"}')
    assert calls == [("get_item", f"JOB#{application.job().job_id}")]


def test_while_no_address_was_made_every_request_is_not_found(application: CallbackApplication) -> None:
    address = callback_addresses.write("https://callbacks.example/", "topaz", "0" * 32, 1, b"")
    assert application.call_back(url=address).status_code == 404


@pytest.mark.emulated("dynamodb")
def test_two_processes_that_need_the_key_first_make_one_key(application: CallbackApplication) -> None:
    table = LedgerTable(application.cloud.dynamodb, "ledger")
    one, other = DynamoCallbackKeys(table), DynamoCallbackKeys(table)
    assert other.read() is None
    assert one.read_or_make() == other.read_or_make() == DynamoCallbackKeys(table).read()
    assert len(one.read_or_make()) == 32
