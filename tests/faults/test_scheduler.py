"""Tests that one seed of the scheduler gives one schedule, that races are found, and that clocks and deaths work as promised."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fakes.memory_dynamodb import InMemoryDynamo
from tests.faults.choices import Bursts, Picker, Priorities, RandomDeaths, Uniform
from tests.faults.example_port import Store
from tests.faults.port_proxies import Proxy, RandomFaults
from tests.faults.scheduler import START, Scheduler
from tests.faults.workers import WorkerDied

KEY = {"pk": {"S": "COUNTER"}, "sk": {"S": "x"}}
ROOT = Path(__file__).parents[2]


def counter(client: Any, *, guarded: bool) -> None:
    """Read the counter and write it back plus one. With `guarded`, try again if another worker was faster."""
    while True:
        read = int(client.get_item(TableName="ledger", Key=KEY, ConsistentRead=True)["Item"]["n"]["N"])
        request = {"TableName": "ledger", "Item": {**KEY, "n": {"N": str(read + 1)}}}
        if guarded:
            request |= {
                "ConditionExpression": "#n = :n",
                "ExpressionAttributeNames": {"#n": "n"},
                "ExpressionAttributeValues": {":n": {"N": str(read)}},
            }
        try:
            client.put_item(**request)
            return
        except ClientError:
            continue


def count(seed: int, *, guarded: bool, workers: int = 2, **choices: Any) -> tuple[int, Scheduler]:
    """Return the counter after each worker has added one, and the scheduler that ran the workers."""
    dynamo = InMemoryDynamo()
    dynamo.put_item(TableName="ledger", Item={**KEY, "n": {"N": "0"}})
    with Scheduler(seed, **choices) as scheduler:
        client = Proxy(dynamo, scheduler, "dynamo")
        for number in range(workers):
            scheduler.spawn(f"w{number}", lambda: counter(client, guarded=guarded))
        scheduler.run()
    return int(dynamo.get_item(TableName="ledger", Key=KEY)["Item"]["n"]["N"]), scheduler


def busy(seed: int) -> Scheduler:
    """Run a schedule that has deaths, errors, sleeps, clock skew and jitter. Return its scheduler."""
    store = Store()
    faults = RandomFaults({"store.w*": [TimeoutError]}, {"*": [ConnectionError]}, chance=0.1)
    with Scheduler(seed, deaths=RandomDeaths(0.05)) as scheduler:
        port = Proxy(store, scheduler, "store", faults)

        def work() -> None:
            import random

            for word in {"alpha", "beta", "gamma"}:  # the order of a set must not change the schedule
                port.write(str(len(word)))
                scheduler.sleep(random.uniform(0, 3))
                scheduler.note(scheduler.clock().isoformat())

        for number in range(4):
            scheduler.spawn(f"w{number}", work, skew=number, delay=number / 2)
        scheduler.run()
        return scheduler


@pytest.mark.parametrize("seed", range(5))
def test_one_seed_is_one_trace(seed: int) -> None:
    first, second = busy(seed), busy(seed)
    assert first.trace == second.trace
    assert [(name, repr(outcome)) for name, outcome in first.ended] == [(n, repr(o)) for n, o in second.ended]
    assert busy(seed + 100).trace != first.trace


def test_a_trace_does_not_depend_on_hash_randomization() -> None:
    script = "from tests.faults.test_scheduler import busy; print(busy(7).timeline(10_000))"
    path = f"{ROOT}:{ROOT / 'layers/core'}"
    printed = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": path},
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "random")
    }
    assert len(printed) == 1
    assert "w3" in printed.pop()


@pytest.mark.parametrize("picker", [Uniform, Bursts, Priorities])
def test_the_lost_update_of_unguarded_writers_is_found_within_a_few_seeds(picker: type[Picker]) -> None:
    counts = [count(seed, guarded=False, picker=_made(picker))[0] for seed in range(10)]
    assert {1, 2} <= set(counts)


@pytest.mark.parametrize("picker", [Uniform, Bursts, Priorities])
def test_guarded_writers_never_lose_an_update(picker: type[Picker]) -> None:
    assert {count(seed, guarded=True, workers=4, picker=_made(picker))[0] for seed in range(40)} == {4}


def _made(picker: type[Picker]) -> Picker:
    return picker(horizon=8) if picker is Priorities else picker()  # type: ignore[call-arg]


def test_every_order_of_two_short_workers_is_explored() -> None:
    def order(seed: int) -> str:
        store = Store()
        with Scheduler(seed) as scheduler:
            port = Proxy(store, scheduler, "store")
            scheduler.spawn("a", lambda: [port.write("a"), port.write("a")])
            scheduler.spawn("b", lambda: [port.write("b"), port.write("b")])
            scheduler.run()
        return "".join(store.done)

    assert {order(seed) for seed in range(60)} == {"aabb", "abab", "abba", "baab", "baba", "bbaa"}


def test_other_exceptions_end_one_worker_and_are_kept() -> None:
    with Scheduler(3) as scheduler:
        scheduler.spawn("bad", lambda: [][0])
        scheduler.spawn("good", lambda: "done")
        scheduler.run()
        ended = dict(scheduler.ended)
    assert (type(ended["bad"]), ended["good"], scheduler.alive) == (IndexError, "done", [])


def test_what_an_invariant_raises_comes_out_of_run_and_no_worker_goes_on() -> None:
    store = Store()

    def invariant() -> None:
        assert len(port.done) < 3, "too many"  # reading an attribute through the proxy gives the scheduler no turn

    with Scheduler(1, after_step=invariant) as scheduler:
        port = Proxy(store, scheduler, "store")
        for name in "abc":
            scheduler.spawn(name, lambda: [port.write("x") for _ in range(9)])
        with pytest.raises(AssertionError, match="too many"):
            scheduler.run()
        assert len(store.done) == 3
    assert len(store.done) == 3  # ending the other workers had no effect either
    assert "store.write" in scheduler.timeline(5)


def test_the_clock_is_each_workers_own_and_moves_for_all() -> None:
    seen = {}

    def look(name: str) -> None:
        seen[name] = scheduler.clock() - START
        scheduler.sleep(100)
        seen[name + "'"] = scheduler.clock() - START

    with Scheduler(1) as scheduler:
        scheduler.spawn("a", lambda: look("a"), skew=20)
        scheduler.spawn("b", lambda: look("b"), skew=-20, delay=50)
        scheduler.advance(10)
        scheduler.run()
        assert scheduler.clock() - START == timedelta(seconds=150)
        with pytest.raises(ValueError, match="skew"):
            scheduler.spawn("c", lambda: None, skew=20.1)
    assert {name: delta.total_seconds() for name, delta in seen.items()} == {"a": 30, "a'": 130, "b": 30, "b'": 130}


def test_a_worker_past_its_lifetime_dies_where_it_stands() -> None:
    store = Store()
    with Scheduler(1) as scheduler:
        port = Proxy(store, scheduler, "store")
        scheduler.spawn("w", lambda: [port.write("x"), scheduler.sleep(301), port.write("late")], lifetime=300)
        scheduler.run()
        assert (store.done, scheduler.seconds) == (["x"], 300)
        assert isinstance(scheduler.ended[0][1], WorkerDied)


def test_a_killed_worker_dies_at_its_point_and_one_that_never_began_does_nothing() -> None:
    store = Store()
    with Scheduler(1) as scheduler:
        port = Proxy(store, scheduler, "store")
        for name in "ab":
            scheduler.spawn(name, lambda: port.write("x"))
        assert scheduler.step("a")
        scheduler.kill("a")
        scheduler.kill("b")
        scheduler.run()
        assert (store.done, [type(outcome) for _, outcome in scheduler.ended]) == ([], [WorkerDied, WorkerDied])


def test_a_schedule_can_be_written_by_hand() -> None:
    store = Store()
    with Scheduler(1) as scheduler:
        port = Proxy(store, scheduler, "store")
        for name in "ab":
            scheduler.spawn(name, lambda name=name: port.write(name))  # type: ignore[misc]
        for name in "abba":
            assert scheduler.step(name)
        assert store.done == ["b", "a"]
        scheduler.run()
        assert not scheduler.step()


def test_each_worker_that_has_begun_is_unwound_at_the_end_whatever_happened() -> None:
    def schedule(seed: int) -> None:
        begun: list[str] = []
        unwound: list[str] = []

        def work(name: str) -> None:
            begun.append(name)
            try:
                for _ in range(9):
                    port.write("x")
            finally:
                unwound.append(name)

        with Scheduler(seed, deaths=RandomDeaths(0.2)) as scheduler:
            port = Proxy(Store(), scheduler, "store")
            for number in range(5):
                scheduler.spawn(f"w{number}", partial(work, f"w{number}"))
            scheduler.run(max_steps=seed)
        assert sorted(unwound) == sorted(begun)
        begun_at_least_one.append(bool(begun))

    begun_at_least_one: list[bool] = []
    for seed in range(20):
        schedule(seed)
    assert begun_at_least_one == [False, *[True] * 19]


def test_a_thread_that_is_no_worker_may_not_come_to_a_point() -> None:
    def work() -> None:
        raised: list[BaseException] = []

        def other() -> None:
            try:
                scheduler.point("x")
            except BaseException as error:
                raised.append(error)

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        raise raised[0]

    with Scheduler(1) as scheduler:
        scheduler.spawn("w", work)
        scheduler.run()
        assert isinstance(scheduler.ended[0][1], AssertionError)


def test_ctrl_c_in_a_worker_ends_the_run() -> None:
    def work() -> None:
        raise KeyboardInterrupt

    with Scheduler(1) as scheduler:
        scheduler.spawn("w", work)
        with pytest.raises(KeyboardInterrupt):
            scheduler.run()
