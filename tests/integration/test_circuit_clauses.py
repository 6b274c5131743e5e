"""Tests what the conditions of a circuit's row refuse when another worker or a person was faster than this one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.fakes.application import START
from tests.fakes.aws_account import TABLE, cloud

from darkroom.aws.circuits import DynamoCircuits
from darkroom.aws.ledger_table import LedgerTable

LATER = START + timedelta(minutes=5)


@pytest.fixture
def circuits() -> Iterator[DynamoCircuits]:
    with cloud() as account:
        circuits = DynamoCircuits(LedgerTable(account.dynamodb, TABLE))
        circuits.open("topaz", "InsufficientCredits", "no credits", START - timedelta(minutes=15), START)
        yield circuits


def test_a_circuit_says_when_it_was_opened_and_not_when_it_is_tried(circuits: DynamoCircuits) -> None:
    circuit = circuits.get("topaz")
    assert circuit is not None
    assert (circuit.opened_at, circuit.retry_at) == (START - timedelta(minutes=15), START)


def test_of_two_workers_that_saw_the_same_circuit_one_probes(circuits: DynamoCircuits) -> None:
    assert circuits.probe("topaz", START, LATER)
    assert not circuits.probe("topaz", START, LATER)
    assert circuits.probe("topaz", LATER, LATER + timedelta(minutes=5))


def test_a_probe_does_not_pass_a_pause_that_began_after_the_circuit_was_read(circuits: DynamoCircuits) -> None:
    circuits.pause("topaz", "prices are checked", START)
    assert not circuits.probe("topaz", START, LATER)


def test_a_probe_that_succeeds_does_not_end_a_pause(circuits: DynamoCircuits) -> None:
    circuits.pause("topaz", "prices are checked", START)
    circuits.close("topaz")
    circuit = circuits.get("topaz")
    assert circuit is not None
    assert circuit.paused


def test_a_job_that_waits_does_not_open_a_circuit_that_was_closed(circuits: DynamoCircuits) -> None:
    circuits.close("topaz")
    circuits.note_waiting("topaz", START)
    circuits.open("topaz", "AuthFailed", "wrong key", LATER, LATER)
    circuits.close("topaz")
    assert circuits.get("topaz") is None
    circuits.pause("topaz", "", START)
    paused = circuits.get("topaz")
    assert paused is not None
    assert paused.waiting_at is None
