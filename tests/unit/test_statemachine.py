"""Tests the state machine: its graph as written, and its executions in moto's strict interpreter."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterator
from functools import cache
from typing import Any

import boto3
import pytest
import requests
from moto import mock_aws
from moto.awslambda_simple.models import lambda_simple_backends
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT_ID
from tests.fakes.state_machine import definition, text
from tests.unit.transitions_support import at_its_eta, walk

from darkroom.errors import ResultRefused
from darkroom.model import JobStatus, PollStatus

MACHINE = definition()
STATES: dict[str, dict[str, Any]] = MACHINE["States"]
TOLD = definition(callbacks=True)
TASKS = ("Poll", "Finalize")
ENDS = ("Completed", "Failed")
REGION = "eu-west-1"
TICK = {"job_id": "9f2c", "run": 1, "poll_at": "2026-01-01T00:00:00Z", "wait_seconds": 1, "status": "running"}
TOO_LARGE = "x" * 6_000_000  # Lambda answers a payload of this size with its own error, which makes a call fail in moto
MOST_TRANSITIONS = 7  # including the start, for a job that is done at its estimated time (eta)


def followers(state: dict[str, Any]) -> list[str]:
    branches = [*state.get("Choices", []), *state.get("Catch", [])]
    return [*filter(None, (state.get("Next"), state.get("Default"))), *(branch["Next"] for branch in branches)]


def reachable(start: str, without: str = "") -> set[str]:
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        name = ahead.pop()
        if name not in seen and name != without:
            seen.add(name)
            ahead += followers(STATES[name])
    return seen


BOTH = pytest.mark.parametrize("machine", [MACHINE, TOLD], ids=["off", "on"])


@BOTH
def test_every_next_state_exists_and_every_state_is_reached(machine: dict[str, Any]) -> None:
    """Step Functions refuses a definition with a state that no other one leads to (MISSING_TRANSITION_TARGET)."""
    assert {name for state in machine["States"].values() for name in followers(state)} <= set(machine["States"])
    assert reachable(machine["StartAt"]) == set(machine["States"])


@BOTH
def test_every_path_to_an_end_leads_through_finalize(machine: dict[str, Any]) -> None:
    assert not reachable(machine["StartAt"], without="Finalize") & set(ENDS)


def test_an_end_can_be_reached_from_every_state() -> None:
    assert all(reachable(name) & set(ENDS) for name in STATES)


@pytest.mark.parametrize("name", ["IsRunning", "Outcome"])
def test_callbacks_change_which_wait_a_running_job_gets_and_nothing_else(name: str) -> None:
    off, on = ([(rule["StringEquals"], rule["Next"]) for rule in m["States"][name]["Choices"]] for m in (MACHINE, TOLD))
    assert next(state for word, state in off if word == "running") == MACHINE["StartAt"] == "WaitForEta"
    assert next(state for word, state in on if word == "running") == TOLD["StartAt"] == "WaitToBeTold"
    rest = [{**m, "StartAt": "", "States": {**m["States"], "IsRunning": {}, "Outcome": {}}} for m in (MACHINE, TOLD)]
    assert rest[0] == rest[1]


def test_no_status_means_callbacks_while_they_are_off() -> None:
    """So every execution goes the way that it went before there were callbacks."""
    words = {rule["StringEquals"] for name in ("IsRunning", "Outcome") for rule in STATES[name]["Choices"]}
    words_of_functions = {*JobStatus, *PollStatus}
    assert [word for word in words if word not in words_of_functions] == ["callbacks are off"]


def test_a_token_is_written_only_into_the_row_of_its_run_and_only_while_nobody_has_called_back() -> None:
    wait = TOLD["States"]["WaitToBeTold"]
    clauses = wait["Parameters"]["ConditionExpression"].split(" AND ")
    assert clauses == ["#run = :run", "#status = :processing", "attribute_not_exists(#told_at)"]
    assert wait["Parameters"]["UpdateExpression"] == "SET #task_token = :task_token"
    assert wait["TimeoutSecondsPath"] == "$.wait_seconds"
    assert {tuple(c["ErrorEquals"]): c["Next"] for c in wait["Catch"]} == {
        ("States.Timeout",): "Poll",
        ("DynamoDb.ConditionalCheckFailedException",): "Finalize",
        ("States.ALL",): "WaitForEta",
    }


@pytest.mark.parametrize("name", TASKS)
def test_a_task_retries_every_failure_and_every_time_out_with_jitter(name: str) -> None:
    """States.TaskFailed matches every error except States.Timeout, even errors of the Lambda service (AWS, Handling errors)."""
    retry = STATES[name]["Retry"][-1]
    assert retry["JitterStrategy"] == "FULL"
    assert retry["ErrorEquals"] == ["States.TaskFailed", "States.Timeout"]


def test_a_refused_result_is_not_tried_again_before_the_long_wait() -> None:
    """The name of a Python function's error is that of its class (AWS Lambda, "Python function errors")."""
    assert STATES["Finalize"]["Retry"][0] == {"ErrorEquals": [ResultRefused.__name__], "MaxAttempts": 0}


@pytest.mark.parametrize("name", TASKS)
def test_what_a_task_could_not_mend_is_waited_out_with_the_input_untouched(name: str) -> None:
    (catch,) = STATES[name]["Catch"]
    assert catch["ErrorEquals"] == ["States.ALL"]
    assert "ResultPath" in catch
    assert catch["ResultPath"] is None
    assert STATES[catch["Next"]]["Type"] == "Wait"
    assert STATES[catch["Next"]]["Next"] == name


def test_the_first_ten_tries_for_a_result_lie_within_two_minutes() -> None:
    _, retry = STATES["Finalize"]["Retry"]
    waits = [
        min(retry["IntervalSeconds"] * retry["BackoffRate"] ** n, retry["MaxDelaySeconds"])
        for n in range(retry["MaxAttempts"])
    ]
    assert len(waits) == 10
    assert sum(waits) <= 120


def test_the_execution_has_no_time_limit_and_passes_its_five_keys_on_as_they_are() -> None:
    assert "TimeoutSeconds" not in MACHINE
    reshaping = {"Parameters", "ResultSelector", "ResultPath", "InputPath", "OutputPath", "Arguments", "Output"}
    assert {name for name, state in STATES.items() if reshaping & set(state)} == {"WaitToBeTold"}
    reshaped = [STATES["WaitToBeTold"], *STATES["WaitToBeTold"]["Catch"]]
    assert all(one["ResultPath"] is None for one in reshaped)  # nothing of a callback gets into the execution


# --- runs


@pytest.fixture(scope="module")
def cloud() -> Iterator[None]:
    """A cloud with the functions. All executions of this file run there, one after the other."""
    config: Any = {"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}
    with pytest.MonkeyPatch.context() as patch, mock_aws(config=config):
        for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(key, "testing")
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        client.cache_clear()
        deploy_functions(*TASKS)
        yield
    client.cache_clear()
    state_machine.cache_clear()


@cache
def client(service: str) -> Any:
    return boto3.client(service)


def deploy_functions(*names: str) -> None:
    role = client("iam").create_role(RoleName="any", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    for name in names:
        client("lambda").create_function(
            FunctionName=name, Runtime="python3.13", Role=role, Handler="any.handler", Code={"ZipFile": b"PK"}
        )


def answer(*statuses: str) -> None:
    """Set the answers of the functions, in the order of their calls."""
    lambda_simple_backends[ACCOUNT_ID][REGION].lambda_simple_results_queue.clear()  # a test that failed may leave some
    results = [json.dumps({**TICK, "status": status}) for status in statuses]
    body = {"results": results, "region": REGION}
    requests.post("http://motoapi.amazonaws.com/moto-api/static/lambda-simple/response", json=body, timeout=5)


@cache
def state_machine(asl: str) -> str:
    """Create the state machine of this definition, and return its ARN."""
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:"
    asl = asl.replace("${PollArn}", f"{arn}Poll").replace("${FinalizeArn}", f"{arn}Finalize")
    created = client("stepfunctions").create_state_machine(
        name=f"darkroom-{uuid.uuid4()}", definition=asl, roleArn=f"arn:aws:iam::{ACCOUNT_ID}:role/any"
    )
    return str(created["stateMachineArn"])


def start(asl: str = "") -> str:
    """Start an execution, and return its ARN."""
    run = client("stepfunctions").start_execution(
        stateMachineArn=state_machine(asl or text()), name=str(uuid.uuid4()), input=json.dumps(TICK)
    )
    return str(run["executionArn"])


def finish(run: str) -> tuple[dict[str, Any], list[str]]:
    """Wait until the execution has ended. Return its description and the states that it entered."""
    states = client("stepfunctions")
    until = time.monotonic() + 300
    while (end := states.describe_execution(executionArn=run))["status"] == "RUNNING":
        assert time.monotonic() < until
        time.sleep(0.05)
    return dict(end), entered(run)


def entered(run: str) -> list[str]:
    history = client("stepfunctions").get_execution_history(executionArn=run)["events"]
    return [event["stateEnteredEventDetails"]["name"] for event in history if "stateEnteredEventDetails" in event]


@pytest.mark.usefixtures("cloud")
def test_a_job_done_at_its_eta_takes_no_more_than_seven_transitions() -> None:
    answer("ended", "COMPLETED")
    end, path = finish(start())
    assert end["status"] == "SUCCEEDED"
    assert path == ["WaitForEta", "Poll", "IsRunning", "Finalize", "Outcome", "Completed"]
    assert len(path) + 1 <= MOST_TRANSITIONS


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize(
    "answers",
    [("ended", "COMPLETED"), ("running", "running", "ended", "COMPLETED"), ("ended", "running", "ended", "FAILED")],
    ids=["at its eta", "late", "sent back"],
)
def test_the_model_of_an_execution_enters_the_same_states_as_an_interpreter(answers: tuple[str, ...]) -> None:
    answer(*answers)
    _, path = finish(start())
    assert path == walk(*answers).path


@pytest.mark.usefixtures("cloud")
def test_a_running_job_is_waited_for_whichever_task_finds_it_running() -> None:
    answer("running", "ended", "running", "ended", "COMPLETED")
    end, path = finish(start())
    assert end["status"] == "SUCCEEDED"
    assert path.count("WaitForEta") == 3
    assert json.loads(end["output"]) == {**TICK, "status": "COMPLETED"}


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize("status", ["FAILED", "CANCELLED", "REJECTED", "IN_DOUBT"])
def test_a_job_without_a_result_fails_its_run_and_points_at_the_ledger(status: str) -> None:
    answer("ended", status)
    end, path = finish(start())
    assert end["status"] == "FAILED"
    assert path[-1] == "Failed"
    assert "JOB#" in end["cause"]


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize("answers", [(TOO_LARGE, "ended", "COMPLETED"), ("ended", TOO_LARGE, "COMPLETED")], ids=TASKS)
def test_an_error_that_lambda_itself_reports_is_retried_before_it_is_waited_out(answers: tuple[str, ...]) -> None:
    answer(*answers)
    end, path = finish(start())
    assert end["status"] == "SUCCEEDED"
    assert path == at_its_eta().path


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize(
    ("task", "answers", "wait"),
    [
        ("Poll", (TOO_LARGE, "ended", "COMPLETED"), "WaitAfterFailure"),
        ("Finalize", ("ended", TOO_LARGE, "COMPLETED"), "WaitToFinalizeAgain"),
    ],
)
def test_a_task_that_keeps_failing_is_repeated_with_the_same_input(
    task: str, answers: tuple[str, ...], wait: str
) -> None:
    hasty = json.loads(re.sub(r'"Seconds": \d+', '"Seconds": 1', text()))
    del hasty["States"][task]["Retry"]
    answer(*answers)
    end, path = finish(start(json.dumps(hasty)))
    assert path.count(wait) == 1
    assert path.count(task) == 2
    assert json.loads(end["output"]) == {**TICK, "status": "COMPLETED"}
