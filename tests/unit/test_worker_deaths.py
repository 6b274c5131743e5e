"""A worker process of the embedded cloud that dies: what it held is free at once, and what others hold is not."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from subprocess import PIPE
from types import SimpleNamespace
from typing import Any

import pytest

from darkroom_local.emulator import worker_deaths
from darkroom_local.emulator.version import EmulatorChanged
from darkroom_local.emulator.worker_deaths import WorkerDeaths

NEVER = {"S": "9999-01-01T00:00:00.000Z"}


class Process(SimpleNamespace):
    """Stands for a worker's process."""

    def poll(self) -> int | None:
        return None


class Worker:
    """The emulator's worker: an invocation takes the lease of a job, and may end by the death of the process."""

    def __init__(self, tables: Tables) -> None:
        self.config: dict[str, Any] = {"FunctionName": "submit"}
        self._proc: Process | None = None
        self._tables = tables

    def invoke(self, event: str, request_id: str) -> dict[str, Any]:
        if request_id == "never starts":
            raise RuntimeError("Worker process exited immediately. stderr: ")
        self._proc = self._proc or Process()
        name = self.config["Environment"]["Variables"]["AWS_SDK_UA_APP_ID"]
        self._tables.ask({"user-agent": f"Botocore/1 app/{name} x"}, event)
        if request_id == "dies":
            self._proc = None
            return {"status": "error", "error": "Worker process died"}
        return {"status": "error", "error": "the handler raised"} if request_id == "fails" else {"status": "ok"}


class Tables:
    """The emulator's DynamoDB, with one table and an event loop that handles its requests."""

    def __init__(self) -> None:
        self.table: dict[str, Any] = {"items": {}}
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    async def handle_request(self, method: str, path: str, headers: dict[str, str], body: str) -> None:
        self._set_item(self.table, f"JOB#{body}", "JOB", {"lease_until": NEVER})

    def _set_item(self, table: Any, pk: str, sk: str, item: Any) -> Any:
        before = table["items"].get(pk, {}).get(sk)
        table["items"].setdefault(pk, {})[sk] = item
        return before

    def ask(self, headers: dict[str, str], body: str) -> None:
        asyncio.run_coroutine_threadsafe(self.handle_request("POST", "/", headers, body), self.loop).result(5)

    def is_held(self, job: str) -> bool:
        return bool(self.table["items"][f"JOB#{job}"]["JOB"]["lease_until"] == NEVER)


@pytest.fixture
def tables() -> Iterator[Tables]:
    made = Tables()
    yield made
    made.loop.call_soon_threadsafe(made.loop.stop)
    made.thread.join(5)
    made.loop.close()


@pytest.fixture
def worker_class(tables: Tables) -> type[Worker]:
    class Watched(Worker):
        invoke = Worker.invoke

    def run_batch(esm: Any, func_rec: Any, event: str, batch: list[dict[str, Any]]) -> None:
        how = {"a": "fails", "b": "dies", "c": "never starts"}[event]
        with contextlib.suppress(RuntimeError):  # as the emulator's does
            func_rec.invoke(event, how)

    lambdas = SimpleNamespace(_run_sqs_batch=run_batch)
    WorkerDeaths().attach(Watched, lambdas, tables)
    Watched.run_batch = lambdas._run_sqs_batch  # type: ignore[attr-defined]
    return Watched


def test_the_lease_of_a_worker_that_died_is_over_and_others_are_not(tables: Tables, worker_class: type[Worker]) -> None:
    living, dying = worker_class(tables), worker_class(tables)
    living.invoke("a", "lives")
    dying.invoke("b", "dies")
    assert (tables.is_held("a"), tables.is_held("b")) == (True, False)


def test_a_handler_that_raised_keeps_its_lease(tables: Tables, worker_class: type[Worker]) -> None:
    worker_class(tables).invoke("a", "fails")
    assert tables.is_held("a")


def test_a_lease_that_a_living_worker_took_over_stays(tables: Tables, worker_class: type[Worker]) -> None:
    dying, next_owner = worker_class(tables), worker_class(tables)
    dying.invoke("a", "lives")
    tables.table["items"]["JOB#a"]["JOB"] = {}  # its owner ended it
    next_owner.invoke("a", "lives")
    dying.invoke("b", "dies")
    assert tables.is_held("a")


def test_only_a_death_makes_the_messages_visible_at_once(tables: Tables, worker_class: type[Worker]) -> None:
    later = time.time() + 300
    messages = {event: [{"visible_at": later}] for event in "abc"}
    for event, batch in messages.items():
        worker_class.run_batch(None, worker_class(tables), event, batch)  # type: ignore[attr-defined]
    assert messages["a"][0]["visible_at"] == later
    assert messages["b"][0]["visible_at"] < later
    assert messages["c"][0]["visible_at"] < later


def test_an_emulator_without_what_is_changed_is_refused() -> None:
    with pytest.raises(EmulatorChanged, match="_run_sqs_batch"):
        WorkerDeaths().attach(Worker, SimpleNamespace(), SimpleNamespace())


def test_the_installed_emulator_says_that_a_worker_died() -> None:
    from ministack.core.lambda_runtime import Worker as Installed

    worker = Installed("submit", {"Timeout": 5}, b"")
    command = [sys.executable, "-c", "input()"]  # it ends without an answer
    with subprocess.Popen(command, text=True, stdin=PIPE, stdout=PIPE, stderr=PIPE) as worker._proc:
        assert worker.invoke({}, "request")["error"] in worker_deaths._DEATHS
    assert worker_deaths._ENDED_EARLY in inspect.getsource(Installed._spawn)
