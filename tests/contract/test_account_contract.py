"""What every provider promises of its account and its key: the credits as they move, and a rotated key in use."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.contract.error_checks import promised
from tests.contract.stage_marks import needs, per_stage
from tests.contract.stages.base import KEY, Stage
from tests.contract.stages.simulated import SimulatedStage

from darkroom.errors import DarkroomError, OperatorFault, ProviderUnavailable, SubmitInDoubt
from darkroom.model import Balance


def moved(stage: Stage, before: Balance) -> tuple[Decimal, Decimal, Decimal]:
    """By how many prices of a picture available, reserved and total differ."""
    after = balance(stage)
    names = ("available", "reserved", "total")
    available, reserved, total = ((getattr(after, name) - getattr(before, name)) / stage.price for name in names)
    return available, reserved, total


def balance(stage: Stage) -> Balance:
    """The account now, whose numbers add up."""
    found = stage.provider.balance()
    assert found is not None
    assert all(isinstance(number, Decimal) for number in (found.available, found.reserved, found.total))
    assert found.total == found.available + found.reserved
    return found


@needs("account", "reserves", "queue")
def test_a_running_job_is_reserved_and_not_spent(stage: Stage) -> None:
    before = balance(stage)
    stage.running()
    assert moved(stage, before) == (-1, 1, 0)


@needs("account")
def test_a_finished_job_is_spent_and_no_longer_reserved(stage: Stage) -> None:
    before = balance(stage)
    stage.finished()
    assert moved(stage, before) == (-1, 0, -1)


@needs("account", "forget")
def test_a_forgotten_job_stays_spent(stage: Stage) -> None:
    before = balance(stage)
    stage.provider.forget(stage.finished())
    assert moved(stage, before) == (-1, 0, -1)


@needs("account", "cancel", "queue")
def test_a_cancelled_job_is_given_back(stage: Stage) -> None:
    before = balance(stage)
    assert stage.provider.cancel(stage.running())
    assert moved(stage, before) == (0, 0, 0)


@needs("account", "queue")
@per_stage("fault", "endings")
def test_a_job_that_ends_without_a_result_is_given_back(stage: Stage, fault: str) -> None:
    before = balance(stage)
    stage.fault(fault)
    stage.finished()
    assert moved(stage, before) == (0, 0, 0)


@needs("account", "held")
def test_a_held_call_that_is_tried_in_vain_is_given_back(stage: SimulatedStage) -> None:
    before = balance(stage)
    stage.fault("failed_job", on="held")
    with pytest.raises(SubmitInDoubt):
        stage.submit_held()
    assert moved(stage, before) == (0, 0, 0)


@needs("account")
def test_a_submit_in_doubt_that_was_accepted_is_spent(stage: Stage) -> None:
    before = balance(stage)
    stage.fault("error_after")
    with pytest.raises(SubmitInDoubt):
        stage.submit()
    (process,) = stage.find() or ()
    stage.finish(process.process_id)
    assert moved(stage, before) == (-1, 0, -1)


@needs("account")
def test_asking_for_the_balance_costs_nothing_and_changes_nothing(stage: Stage) -> None:
    assert balance(stage) == balance(stage)
    assert stage.paid() == 0


@needs("account")
def test_a_refused_connection_makes_the_balance_unavailable(stage: Stage) -> None:
    provider = stage.unreachable()
    with promised(ProviderUnavailable, stage):
        provider.balance()


@needs("untold account")
def test_an_account_that_the_vendor_tells_nobody_is_not_asked_for(stage: SimulatedStage) -> None:
    assert stage.provider.balance() is None
    assert stage.requests() == []


def test_the_fingerprint_is_twelve_hex_digits_that_change_with_the_key(stage: Stage) -> None:
    before = stage.provider.key_fingerprint()
    stage.rotate_key()
    stage.provider.refresh_key()
    after = stage.provider.key_fingerprint()
    assert before != after
    assert all(len(mark) == 12 and int(mark, 16) >= 0 and mark not in stage.secrets[0] for mark in (before, after))


def test_a_rotated_key_counts_from_the_refresh_on(stage: Stage) -> None:
    before = stage.provider.key_fingerprint()
    stage.rotate_key()
    assert stage.provider.key_fingerprint() == before
    stage.provider.refresh_key()
    after = stage.provider.key_fingerprint()
    stage.provider.refresh_key()
    assert before != after == stage.provider.key_fingerprint()


@needs("faults")
def test_after_a_refresh_the_rotated_key_is_sent_at_once(stage: SimulatedStage) -> None:
    for key in ("an-old-key", KEY):
        stage.rotate_key(key)
        stage.provider.refresh_key()
    stage.find()
    stage.submit()
    asked = [request for request in stage.requests() if request["operation"] != "result"]
    assert asked
    assert {(request["key_matched"], request["status"]) for request in asked} == {(True, 200)}
    assert stage.keys.refreshes == 2


@needs("faults")
def test_a_rotated_key_is_noticed_by_the_401_of_the_old_one(stage: SimulatedStage) -> None:
    stage.rotate_key("an-old-key")
    stage.keys.refresh()
    stage.keys.stored = KEY
    stage.submit()
    asked = [request["status"] for request in stage.requests() if request["operation"] != "result"]
    assert asked == [401, 200]
    assert stage.paid() == 1


@needs("held")
def test_a_rotated_key_is_noticed_in_a_held_call_too(stage: SimulatedStage) -> None:
    stage.rotate_key("an-old-key")
    stage.keys.refresh()
    stage.keys.stored = KEY
    assert stage.submit_held().staged
    assert stage.paid() == 1


@needs("faults")
def test_a_401_reads_the_keys_again_once_and_sends_the_same_key_no_second_time(stage: SimulatedStage) -> None:
    stage.fault("auth", times=None)
    with promised(OperatorFault, stage):
        stage.submit()
    assert stage.keys.refreshes == 1
    assert len(stage.requests()) == 1


@needs("faults")
@pytest.mark.parametrize("key", ["", "two words", "clé", "line\nbreak"])
def test_a_key_that_no_header_can_carry_is_never_sent_and_never_shown(stage: SimulatedStage, key: str) -> None:
    stage.rotate_key(key)
    stage.provider.refresh_key()
    for call in (stage.submit, stage.find):
        with promised(OperatorFault, stage) as caught:
            call()
        assert not key or key not in str(caught.value)
    assert stage.requests() == []


@needs("faults")
def test_a_wrong_key_is_told_from_a_broken_vendor(stage: SimulatedStage) -> None:
    stage.rotate_key("a-wrong-key")
    stage.provider.refresh_key()
    stage.secrets = ("a-wrong-key", *stage.secrets[1:])
    with promised(OperatorFault, stage):
        stage.submit()
    with promised(OperatorFault, stage):
        stage.find()
    assert stage.paid() == 0


@needs("faults")
def test_a_redirected_call_is_made_once_and_followed_nowhere(stage: SimulatedStage) -> None:
    stage.fault("moved")
    with pytest.raises(DarkroomError):
        stage.submit()
    assert [request["status"] for request in stage.requests()] == [301]
