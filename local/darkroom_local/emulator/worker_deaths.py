"""Ends what a dead worker process held in the emulator: its leases in the ledger, and the messages that it had received.

On AWS nobody learns that a worker has died, and so the next one waits for the lease and the message. Here the emulator sees its
processes end. Only the wait for the provider's list remains. It must not decide what becomes of the job: the application does.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
import functools
import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from darkroom_local.emulator.ledger_journal import LEASES, Key, Row, after_death
from darkroom_local.emulator.version import require

_NAME = "AWS_SDK_UA_APP_ID"  # botocore puts it into the User-Agent of each request, as app/NAME
# What the emulator's worker answers if its process ends during an invocation, or just before.
_DEATHS = frozenset({"Worker process died", f"[Errno {errno.EPIPE}] {os.strerror(errno.EPIPE)}"})
_ENDED_EARLY = "Worker process exited immediately"  # what it raises if its process ends before the first invocation
_PATIENCE_SECONDS = 10.0  # for the event loop to end the leases

Worker = Any  # the emulator's


class WorkerDeaths:
    """Knows which process wrote which lease, by a name that each worker process has in its requests."""

    def __init__(self) -> None:
        self._writer: contextvars.ContextVar[str] = contextvars.ContextVar("writer", default="")
        self._leases: dict[Key, tuple[str, Any]] = {}  # a row with a lease: its holder, its table
        self._seen = threading.local()  # whether the thread's last worker died
        self._dynamodb: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def attach(self, worker_class: Any, lambda_service: Any, dynamodb: Any) -> None:
        """Changes three parts of ministack. Before a journal is attached. Raises EmulatorChanged."""
        require(worker_class, {"invoke": "request_id"})
        require(lambda_service, {"_run_sqs_batch": "batch"})
        require(dynamodb, {"handle_request": "headers", "_set_item": "item"})
        self._dynamodb = dynamodb
        worker_class.invoke = self._watching(worker_class.invoke)
        lambda_service._run_sqs_batch = self._delivering(lambda_service._run_sqs_batch)
        dynamodb.handle_request = self._naming(dynamodb.handle_request)
        dynamodb._set_item = self._noting(dynamodb._set_item)

    def _watching(self, invoke: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        @functools.wraps(invoke)
        def invoke_and_watch(worker: Worker, *details: Any, **more: Any) -> dict[str, Any]:
            if worker._proc is None or worker._proc.poll() is not None:  # its next process gets a name of its own
                worker.config = _named(worker.config, uuid.uuid4().hex)
            try:
                answer = invoke(worker, *details, **more)
            except RuntimeError as error:  # the process ended while it started: it held nothing but its messages
                self._seen.death = _ENDED_EARLY in str(error)
                raise
            self._seen.death = answer.get("error") in _DEATHS
            if self._seen.death:
                self._end_leases(_name_of(worker.config))
            return answer

        return invoke_and_watch

    def _delivering(self, run_batch: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(run_batch)
        def run_sqs_batch(esm: Any, func_rec: Any, event: Any, batch: list[dict[str, Any]], *details: Any) -> None:
            self._seen.death = False
            run_batch(esm, func_rec, event, batch, *details)
            if self._seen.death:
                for message in batch:
                    message["visible_at"] = time.time()

        return run_sqs_batch

    def _naming(self, handle: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(handle)
        async def handle_request(method: str, path: str, headers: Mapping[str, str], *details: Any) -> Any:
            self._loop = asyncio.get_running_loop()
            token = self._writer.set(_writer_of(headers.get("user-agent", "")))
            try:
                return await handle(method, path, headers, *details)
            finally:
                self._writer.reset(token)

        return handle_request

    def _noting(self, set_item: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(set_item)
        def set_and_note(table: Any, pk_val: str, sk_val: str, item: Row) -> Any:
            before = set_item(table, pk_val, sk_val, item)
            lease = _lease_of(item)
            if not any(lease):
                self._leases.pop((pk_val, sk_val), None)
            elif lease != _lease_of(before or {}):
                self._leases[pk_val, sk_val] = (self._writer.get(), table)
            return before

        return set_and_note

    def _end_leases(self, name: str) -> None:
        """Returns once the leases of that worker are over."""
        if name and self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._end(name), self._loop).result(_PATIENCE_SECONDS)

    async def _end(self, name: str) -> None:
        held = [(key, table) for key, (holder, table) in self._leases.items() if holder == name]
        for (pk, sk), table in held:
            row = table["items"].get(pk, {}).get(sk)
            if row is not None:
                self._dynamodb._set_item(table, pk, sk, after_death(row, datetime.now(UTC)))


def _named(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    variables = config.get("Environment", {}).get("Variables", {})
    return {**config, "Environment": {**config.get("Environment", {}), "Variables": {**variables, _NAME: name}}}


def _name_of(config: Mapping[str, Any]) -> str:
    return str(config.get("Environment", {}).get("Variables", {}).get(_NAME, ""))


def _writer_of(user_agent: str) -> str:
    return next((part.removeprefix("app/") for part in user_agent.split() if part.startswith("app/")), "")


def _lease_of(row: Row) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in LEASES)
