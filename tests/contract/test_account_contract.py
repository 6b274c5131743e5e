"""What every provider promises of its account and its key: the credits as they move, and a rotated key in use."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.contract.conftest import KEY, Stage, TopazStage, finished, submit
from tests.contract.promises import promised

from darkroom.errors import OperatorFault, ProviderUnavailable
from darkroom.model import Balance, ProcessState

FAILING = {
    "auth": OperatorFault, "forbidden": OperatorFault, "no_funds": OperatorFault, "no_subscription": OperatorFault,
    "topping_up": OperatorFault, "reset_before": ProviderUnavailable, "error_before": ProviderUnavailable,
    "error_after": ProviderUnavailable, "lost_answer": ProviderUnavailable, "garbage": ProviderUnavailable,
    "moved": ProviderUnavailable,
}  # fmt: skip


def moved(before: Balance, after: Balance) -> tuple[Decimal, Decimal, Decimal]:
    """By how much available, reserved and total differ."""
    return after.available - before.available, after.reserved - before.reserved, after.total - before.total


def balance(stage: Stage) -> Balance:
    """The account now, whose numbers add up."""
    found = stage.provider.balance()
    assert found is not None
    assert all(isinstance(number, Decimal) for number in (found.available, found.reserved, found.total))
    assert found.total == found.available + found.reserved
    return found


def test_a_running_job_is_reserved_and_not_spent(stage: Stage) -> None:
    before = balance(stage)
    submit(stage, held=True)
    assert moved(before, balance(stage)) == (-1, 1, 0)


def test_a_finished_job_is_spent_and_no_longer_reserved(stage: Stage) -> None:
    before = balance(stage)
    finished(stage)
    assert moved(before, balance(stage)) == (-1, 0, -1)


def test_a_forgotten_job_stays_spent(stage: Stage) -> None:
    before = balance(stage)
    stage.provider.forget(finished(stage))
    assert moved(before, balance(stage)) == (-1, 0, -1)


def test_a_cancelled_job_is_given_back(stage: Stage) -> None:
    before = balance(stage)
    assert stage.provider.cancel(submit(stage, held=True).process_id)
    assert moved(before, balance(stage)) == (0, 0, 0)


@pytest.mark.parametrize("fault", ["failed_job", "cancelled_job"])
def test_a_job_that_ends_without_a_result_is_given_back(stage: Stage, fault: str) -> None:
    before = balance(stage)
    stage.fault(fault)
    assert stage.provider.progress(finished(stage)).state in (ProcessState.FAILED, ProcessState.CANCELLED)
    assert moved(before, balance(stage)) == (0, 0, 0)


def test_asking_for_the_balance_costs_nothing_and_changes_nothing(stage: Stage) -> None:
    assert balance(stage) == balance(stage)
    assert stage.paid() == 0


@pytest.mark.parametrize(("fault", "kind"), FAILING.items())
def test_an_account_that_cannot_be_read_is_the_operators_fault_or_unavailable(
    stage: Stage, fault: str, kind: type[OperatorFault | ProviderUnavailable]
) -> None:
    stage.fault(fault, on="account")
    with promised(kind, stage):
        stage.provider.balance()


def test_a_refused_connection_makes_the_balance_unavailable(stage: Stage) -> None:
    provider = stage.unreachable()
    with promised(ProviderUnavailable, stage):
        provider.balance()


def test_a_rotated_key_counts_from_the_refresh_on(stage: Stage) -> None:
    before = stage.provider.key_fingerprint()
    stage.rotate_key()
    assert stage.provider.key_fingerprint() == before
    stage.provider.refresh_key()
    after = stage.provider.key_fingerprint()
    stage.provider.refresh_key()
    assert before != after == stage.provider.key_fingerprint()


def test_after_a_refresh_the_rotated_key_is_sent_at_once(topaz: TopazStage) -> None:
    topaz.rotate_key("an-old-key")
    topaz.provider.refresh_key()
    topaz.rotate_key(KEY)
    topaz.provider.refresh_key()
    assert topaz.provider.balance()
    submit(topaz)
    assert [(request["key_matched"], request["status"]) for request in topaz.simulator.requests] == [(True, 200)] * 2
    assert topaz.keys.refreshes == 2
