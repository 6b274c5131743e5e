"""Tests the commands that an operator gives to a deployed stack, and what they do to the uploads."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from darkroom.adapters import utc_now
from darkroom.aws.ledger import DynamoLedger
from darkroom.aws.ledger_table import LedgerTable
from darkroom.configuration import Configuration
from darkroom.model import Limits, Spelling
from tests.e2e.deployed_application import Darkroom, picture
from tests.e2e.stack_operator import Operator

HELD_SECONDS = 15.0  # how long a job runs at the provider, so that a command finds it running


@pytest.fixture(scope="module")
def operator(darkroom: Darkroom, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    return Operator(darkroom, tmp_path_factory.mktemp("home"))


def send(room: Darkroom, key: str) -> str:
    """Upload a picture whose key sends no event, and return the id of its job. The test sets a fault for this job first, and
    then starts it with `room.notify`."""
    room.upload(key, picture(80, 60, "PNG"))
    return room.job_id(key)


def status(word: str) -> Callable[[dict[str, Any]], object]:
    return lambda job: job.get("status") == word


def running(room: Darkroom, key: str, *, fails: bool = False, seconds: float = HELD_SECONDS) -> dict[str, Any]:
    """Return a job that runs at the provider for `seconds`. With `fails`, it then fails there."""
    job_id = send(room, key)
    room.simulator.faults.add("eta_early", match=job_id, late_seconds=seconds)
    if fails:
        room.simulator.faults.add("failed_job", match=job_id)
    room.notify(key)
    return room.until(key, status("PROCESSING"))


@contextmanager
def submit_with(room: Darkroom, **variables: str) -> Iterator[None]:
    """Run the block while the submit function has these environment variables. Restore its own ones afterwards."""
    name, functions = room.function("Submit"), room.client("lambda")
    own = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": own | variables})
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": own})


def booked(room: Darkroom, job: dict[str, Any]) -> Decimal:
    return Decimal(room.row("BUDGET#topaz", job["budget_month"])["reserved"])


def dead_letters(room: Darkroom) -> int:
    found = room.client("sqs").get_queue_attributes(
        QueueUrl=room.stack.outputs["IntakeDlqUrl"], AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(found["Attributes"]["ApproximateNumberOfMessages"])


def test_while_a_provider_is_paused_uploads_wait_and_then_follow(darkroom: Darkroom, operator: Operator) -> None:
    key = "held/paused.png"
    operator("pause", "topaz", "--why", "prices are being checked")
    try:
        send(darkroom, key)
        darkroom.notify(key)
        waiting = darkroom.until(key, lambda job: "next_attempt_at" in job)
        assert waiting["status"] == "CLAIMED"
        assert "prices are being checked" in waiting["error"]
        assert key in operator("jobs", "--status", "claimed")
    finally:
        operator("resume", "topaz")
    darkroom.make_due(key)
    darkroom.sweep()
    assert darkroom.ended([key])[key]["status"] == "COMPLETED"
    assert len(darkroom.submits(key)) == 1


def test_a_running_job_is_cancelled_at_the_provider_and_costs_nothing(darkroom: Darkroom, operator: Operator) -> None:
    key, account = "held/unwanted.png", darkroom.simulator.account
    before = account.balance()["total_credits"]
    running(darkroom, key, seconds=4 * HELD_SECONDS)
    assert account.reserved_credits == 1
    assert "CANCELLED" in operator("cancel", key)
    job = darkroom.until(key, status("CANCELLED"))
    assert job["credits"] == 0
    assert booked(darkroom, job) == 0
    assert (account.balance()["total_credits"], account.reserved_credits) == (before, 0)
    assert key not in darkroom.output_keys()


def test_a_job_that_is_over_cannot_be_cancelled(darkroom: Darkroom, operator: Operator) -> None:
    assert "the job is over" in operator("cancel", "held/unwanted.png", expect=2)


def test_a_failed_job_is_run_again_and_paid_once(darkroom: Darkroom, operator: Operator) -> None:
    key = "held/second-try.png"
    job_id = send(darkroom, key)
    darkroom.simulator.faults.add("failed_job", match=job_id)
    darkroom.notify(key)
    assert darkroom.ended([key])[key]["error_code"] == "ProviderFailed"
    operator("rerun", job_id)
    job = darkroom.until(key, status("COMPLETED"))
    assert (job["run"], job["credits"]) == (2, Decimal(1))
    first, second = (submit["filename"] for submit in darkroom.submits(key))
    assert first.startswith(f"{job_id}-1-")
    assert second.startswith(f"{job_id}-2-")
    assert "use --completed" in operator("rerun", job_id, expect=2)


def test_what_a_limit_refused_is_run_again_after_it_was_raised(darkroom: Darkroom, operator: Operator) -> None:
    keys = ["held/over-budget-1.png", "held/over-budget-2.png"]
    with submit_with(darkroom, MONTHLY_CREDIT_LIMIT="topaz=0.5"):
        for key in keys:
            send(darkroom, key)
            darkroom.notify(key)
        refused = darkroom.ended(keys)
    assert {job["error_code"] for job in refused.values()} == {"BudgetExceeded"}
    assert {job["source_key"] for job in operator.seen("--status", "REJECTED")} >= set(keys)
    assert "2 of 2 run again" in operator("rerun", "--code", "BudgetExceeded", "--yes")
    for key in keys:
        assert darkroom.until(key, status("COMPLETED"))["run"] == 2
    assert "0 jobs" in operator("rerun", "--code", "BudgetExceeded")


def test_dead_letters_are_sent_again_once_the_cause_is_mended(darkroom: Darkroom, operator: Operator) -> None:
    key, queue = "held/dead-letter.png", darkroom.stack.outputs["IntakeQueueUrl"]
    sqs = darkroom.client("sqs")
    own = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["VisibilityTimeout", "RedrivePolicy"])["Attributes"]
    twice = json.dumps(json.loads(own["RedrivePolicy"]) | {"maxReceiveCount": 2})
    try:
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "1", "RedrivePolicy": twice})
        with submit_with(darkroom, LEDGER_TABLE="no-such-table"):
            send(darkroom, key)
            darkroom.notify(key)
            ends = time.monotonic() + 600
            while dead_letters(darkroom) == 0:
                assert time.monotonic() < ends
                time.sleep(0.5)
    finally:
        sqs.set_queue_attributes(QueueUrl=queue, Attributes=own)
    assert darkroom.job(key) == {}
    assert "messages sent again: 1" in operator("redrive")
    assert darkroom.ended([key])[key]["status"] == "COMPLETED"
    assert dead_letters(darkroom) == 0


def doubt(room: Darkroom, key: str) -> dict[str, Any]:
    """Put the job of an upload in doubt, as a worker does when the API key has changed. Return the job."""
    table = LedgerTable(room.client("dynamodb"), room.stack.outputs["LedgerTable"])
    ledger = DynamoLedger(table, Limits({}, Decimal(0), {}, {}))
    job = ledger.get(room.job_id(key))
    assert job is not None
    ledger.mark_in_doubt(job, "nobody can tell: a person must resolve it", utc_now())
    return room.job(key)


def test_a_doubt_that_is_abandoned_gives_its_reservation_back(darkroom: Darkroom, operator: Operator) -> None:
    key = "held/given-up.png"
    running(darkroom, key, fails=True)
    doubted = doubt(darkroom, key)
    assert (doubted["status"], booked(darkroom, doubted)) == ("IN_DOUBT", 1)
    assert [job["source_key"] for job in operator.seen("--status", "IN_DOUBT")] == [key]
    assert "CANCELLED" in operator("resolve", key, "--abandon")
    job = darkroom.job(key)
    assert (job["status"], job["credits"], booked(darkroom, job)) == ("CANCELLED", 0, 0)


def test_a_doubt_is_ended_by_the_process_that_a_person_found(darkroom: Darkroom, operator: Operator) -> None:
    key, faults = "held/found-again.png", darkroom.simulator.faults
    job_id = send(darkroom, key)
    faults.add("unknown_status", on="status", times=None, match=job_id)  # the vendor says that the job is not done
    darkroom.notify(key)
    process = darkroom.until(key, status("PROCESSING"))["process_id"]
    doubt(darkroom, key)
    assert "use --adopt" in operator("resolve", key, "--resubmit", "--yes", expect=2)
    operator("resolve", key, "--adopt", process)
    faults.clear()
    job = darkroom.ended([key])[key]
    assert (job["status"], job["credits"], len(darkroom.submits(key))) == ("COMPLETED", Decimal(1), 1)


def test_one_job_is_shown_with_all_that_is_known(darkroom: Darkroom, operator: Operator) -> None:
    key = "held/second-try.png"
    told = json.loads(operator("job", key, "--json"))
    assert told["job_id"] == darkroom.job_id(key)
    assert told["handle_prefix"] == f"{darkroom.job_id(key)}-2-"
    assert key in operator("job", f"s3://{darkroom.stack.input_bucket}/{key}")


def drift(operator: Operator, provider: str) -> str:
    """Return the drift, which is the last column of the provider's line in the output of `darkroom reconcile`."""
    (line,) = [line.split() for line in operator("reconcile").splitlines() if line.split()[:1] == [provider]]
    return line[-1]


@pytest.mark.parametrize("provider", ["topaz", "aimlapi"])
def test_drift_is_shown_until_it_is_accepted(darkroom: Darkroom, operator: Operator, provider: str) -> None:
    account = darkroom.simulators[provider].account
    operator("reconcile", "--accept")
    account.set_available(account.available_credits - 7)
    assert drift(operator, provider) == "7"
    assert "accepted" in operator("reconcile", "--accept")
    assert drift(operator, provider) == "0"


def test_a_stack_that_is_not_there_is_named(operator: Operator) -> None:
    assert "no stack elsewhere" in operator("jobs", "--stack", "elsewhere", expect=2)


def test_the_probe_asks_first_and_then_spends_one_credit_in_the_ledger(darkroom: Darkroom, operator: Operator) -> None:
    topaz = darkroom.simulator
    paid = len(topaz.submits)
    asked = operator("models", "--probe", "topaz", expect=1, answer="n\n")
    assert "costs one credit. Do you agree?" in asked
    operator("models", "--probe", "topaz", expect=1)
    assert len(topaz.submits) == paid

    said = operator("models", "--probe", "topaz", answer="y\n")
    job_id, process_id = re.findall(r"sent: job (\w+), process ([\w-]+), 1 credits reserved", said)[0]
    (sent,) = topaz.submits[paid:]
    assert (sent["process_id"], sent["credits"]) == (process_id, 1)
    assert (sent["fields"]["fix_compression"], sent["fields"]["fixCompression"]) == ("0.31", "0.62")
    (spelling,) = re.findall(r"deploy with SettingSpelling=topaz=(\w+)", said)
    pinned = Configuration({"SETTING_SPELLING": f"topaz={spelling}"}).spellings(["topaz"])
    assert pinned == {"topaz": Spelling(spelling)}

    ends = time.monotonic() + 600
    while (job := darkroom.row(f"JOB#{job_id}", "JOB"))["status"] != "COMPLETED":
        assert time.monotonic() < ends, job
        time.sleep(0.25)
    assert (job["label"], job["model"], job["credits"]) == ("darkroom-probe", "Standard V2", 1)
    assert job["source_key"].startswith("_darkroom/probe/")
    month = darkroom.row("BUDGET#topaz", job["budget_month"])
    assert month["spent"] >= 1


def test_a_provider_that_repeats_nothing_cannot_be_probed(operator: Operator) -> None:
    assert "no other provider reports back which settings it used" in operator("models", "--probe", "oxen", expect=2)


def test_the_operator_sees_all_of_it_at_one_look(darkroom: Darkroom, operator: Operator) -> None:
    """Comes last, so that there are jobs with many ends. Elsewhere an in-memory table stands in for the embedded cloud."""
    key = "held/seen.png"
    darkroom.upload(key, picture(80, 60, "PNG"), "label=seen&scale=2")
    job_id = darkroom.job_id(key)
    darkroom.notify(key)
    darkroom.ended([key])
    look = json.loads(operator("status", "--json"))
    assert look["today"]["ends"]["COMPLETED"] >= 1
    assert look["today"]["uploads"] == look["today"]["counted"]
    assert (look["dead_letters"], look["unread"]) == (0, {})
    assert look["providers"][0]["has_key"] is True
    told = json.loads(operator("job", job_id[:8], "--json"))
    assert told["settings_from"]["scale"] == "tags"
    assert (
        json.loads(operator("job", f"s3://{told['output_bucket']}/{told['output_key']}", "--json"))["job_id"] == job_id
    )
    assert [each["job_id"] for each in operator.seen("--label", "seen", "--since", "1h")] == [job_id]
    row = json.loads(operator("report", "--by", "label", "--since", "1h", "--json").splitlines()[-1])
    assert (row["label"], row["credits"]) == ("seen", told["credits"])
    assert f"there is no job 'seen/{job_id}'" in operator("job", f"seen/{job_id}", expect=2)


def test_the_page_shows_results_beside_their_originals(operator: Operator, tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    said = operator("report", "--html", "--out", str(target))
    block = re.search(r'id="entries">(.*?)</script>', target.read_text(encoding="utf-8"), re.DOTALL)
    assert block
    shown = {job["id"]: job for job in json.loads(block[1])}
    assert f"{len(shown)} uploads" in said
    completed = [shown[job["job_id"]] for job in operator.seen("--status", "COMPLETED")]
    assert all("picture" in job or "noPicture" in job for job in completed)
    assert any("picture" in job and ["Format", "PNG", "PNG"] in job["changes"] for job in completed)
