"""Tests what a vendor's callbacks are worth: its status is true, whatever its callbacks say and however they come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.contract.capability_marks import needs, per_provider, small_pictures
from tests.contract.providers_under_test.simulated import SimulatedProvider
from tests.simulators.client import until
from tests.simulators.webhook_receiver import WebhookReceiver, receive_webhooks

from darkroom.model import ProcessState

pytestmark = [needs("callbacks"), small_pictures]


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with receive_webhooks() as made:
        yield made


def submitted(under_test: SimulatedProvider, receiver: WebhookReceiver) -> str:
    """Submit the usual picture, and ask for callbacks to the receiver. Return the process id."""
    plan = under_test.plan()
    plan = replace(plan, parameters={**plan.parameters, "webhook_url": receiver.url("/a-handle/a-mac")})
    return under_test.provider.submit(plan, under_test.image(), under_test.handle(), under_test.keep).process_id


@per_provider("fault", "callback_faults")
def test_a_job_ends_as_its_status_says_however_its_callbacks_come(under_test: SimulatedProvider, fault: str) -> None:
    under_test.add_fault(fault)
    with receive_webhooks() as receiver:
        process_id = submitted(under_test, receiver)
        under_test.await_end(process_id)
        assert under_test.provider.progress(process_id).state is ProcessState.COMPLETED
        if fault == "callbacks_lost":
            assert receiver.bodies == []
        else:
            until(receiver.statuses, lambda words: "Completed" in words)
            assert {body["process_id"] for body in receiver.bodies} == {process_id}


def test_a_callback_may_say_completed_while_the_job_still_runs(
    under_test: SimulatedProvider, receiver: WebhookReceiver
) -> None:
    under_test.add_fault("callbacks_early")
    under_test.keep_next_running()
    process_id = submitted(under_test, receiver)
    until(receiver.statuses, lambda words: "Completed" in words)
    assert under_test.provider.progress(process_id).state is ProcessState.RUNNING


def test_no_callback_carries_the_key(under_test: SimulatedProvider, receiver: WebhookReceiver) -> None:
    process_id = submitted(under_test, receiver)
    under_test.await_end(process_id)
    until(receiver.statuses, lambda words: "Completed" in words)
    assert under_test.keys.stored not in str(receiver.headers) + str(receiver.bodies)
