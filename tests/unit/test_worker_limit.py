"""Tests how the embedded cloud lends the processes of its functions to invocations. The pool is the emulator's own. No
process is started.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from ministack.core import lambda_runtime

from darkroom_local.emulator.program import limit_workers
from darkroom_local.emulator.version import EmulatorChanged
from darkroom_local.emulator.worker_limit import WorkerLimit

SHORT_PATIENCE_SECONDS, PATIENCE_SECONDS = 0.05, 0.5


def started(name: str, lend: Callable[..., Any]) -> Any:
    """Return a worker of the function that is ready for its invocation."""
    config = {"FunctionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{name}"}
    worker, _ = lend(name, config, b"", qualifier="$LATEST")
    worker._start_time = time.time()
    return worker


def made(overload: float) -> WorkerLimit:
    lend, take_back = lambda_runtime.acquire_worker, lambda_runtime.release_worker
    return WorkerLimit(lend, take_back, 2, SHORT_PATIENCE_SECONDS, PATIENCE_SECONDS, lambda: overload)


@pytest.fixture
def limit() -> Iterator[WorkerLimit]:
    yield made(overload=1)
    lambda_runtime.reset()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


class Invocation:
    """Holds a worker in its own thread until `end` is called."""

    def __init__(self, limit: WorkerLimit, threads: ThreadPoolExecutor, name: str = "submit") -> None:
        self._ends = threading.Event()
        self.worker: Future[Any] = Future()
        self.over = threads.submit(self._run, limit, name)

    def _run(self, limit: WorkerLimit, name: str) -> None:
        worker = started(name, limit.acquire)
        self.worker.set_result(worker)
        self._ends.wait(30)
        limit.release(worker)

    def end(self) -> None:
        self._ends.set()
        self.over.result(30)


def test_an_invocation_waits_for_a_worker_instead_of_starting_a_third(
    limit: WorkerLimit, threads: ThreadPoolExecutor
) -> None:
    first, second = Invocation(limit, threads), Invocation(limit, threads)
    lent = {first.worker.result(10), second.worker.result(10)}
    third = Invocation(limit, threads)
    time.sleep(PATIENCE_SECONDS / 4)
    assert not third.worker.done()
    first.end()
    assert third.worker.result(10) in lent
    second.end()
    third.end()


def test_quick_invocations_share_one_worker(limit: WorkerLimit) -> None:
    workers = set()

    def invoke() -> None:
        worker = started("submit", limit.acquire)
        workers.add(worker)
        limit.release(worker)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(invoke) for _ in range(40)]:
            done.result(30)
    assert len(workers) == 1


def test_functions_do_not_wait_for_each_other(limit: WorkerLimit, threads: ThreadPoolExecutor) -> None:
    held = [Invocation(limit, threads) for _ in range(2)]
    other = Invocation(limit, threads, "poll")
    assert other.worker.result(PATIENCE_SECONDS / 2)
    for one in (*held, other):
        one.end()


def test_slow_invocations_run_side_by_side_in_the_end(limit: WorkerLimit, threads: ThreadPoolExecutor) -> None:
    slow = [Invocation(limit, threads) for _ in range(6)]
    assert len({one.worker.result(10) for one in slow}) == 6
    for one in slow:
        one.end()


def test_a_busy_machine_gets_no_more_processes_for_being_slow(threads: ThreadPoolExecutor) -> None:
    limit = made(overload=20)
    held = [Invocation(limit, threads) for _ in range(2)]
    lent = {one.worker.result(10) for one in held}
    third = Invocation(limit, threads)
    time.sleep(3 * PATIENCE_SECONDS)
    assert not third.worker.done()
    for one in held:
        one.end()
    assert third.worker.result(10) in lent
    third.end()
    lambda_runtime.reset()


def test_a_function_that_waits_for_itself_is_not_stuck(limit: WorkerLimit, threads: ThreadPoolExecutor) -> None:
    def invoke(depth: int) -> int:
        worker = started("submit", limit.acquire)
        deepest = threads.submit(invoke, depth + 1).result(20) if depth < 4 else depth
        limit.release(worker)
        return deepest

    assert threads.submit(invoke, 1).result(30) == 4


def test_workers_that_still_start_are_waited_for(limit: WorkerLimit, threads: ThreadPoolExecutor) -> None:
    held = [Invocation(limit, threads) for _ in range(2)]
    for worker in [one.worker.result(10) for one in held]:
        worker._start_time = None
    third = Invocation(limit, threads)
    time.sleep(3 * PATIENCE_SECONDS)
    assert not third.worker.done()
    for one in (*held, third):
        one.end()


def test_the_place_of_a_worker_that_was_dropped_is_free(limit: WorkerLimit, threads: ThreadPoolExecutor) -> None:
    def fails() -> None:
        started("submit", limit.acquire)._start_time = None
        lambda_runtime.invalidate_worker("submit")
        limit.release(None)

    for _ in range(3):
        threads.submit(fails).result(10)
    after = [Invocation(limit, threads) for _ in range(4)]
    assert len({one.worker.result(10) for one in after}) == 4
    for one in after:
        one.end()


def test_an_emulator_without_the_functions_that_are_replaced_is_refused() -> None:
    for other in (SimpleNamespace(), SimpleNamespace(acquire_worker=lambda name: None, release_worker=print)):
        with pytest.raises(EmulatorChanged, match="acquire_worker"):
            limit_workers(other)


def test_the_installed_emulator_marks_a_worker_that_has_started() -> None:
    assert lambda_runtime.Worker("", {}, b"")._start_time is None
