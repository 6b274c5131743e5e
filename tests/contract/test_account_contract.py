"""Tests what every provider promises about its account and API key. The credits change correctly, and a new key is used."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.contract.capability_marks import each_row, needs, per_provider, small_pictures
from tests.contract.error_checks import raises_safely
from tests.contract.providers_under_test.base import KEY, ProviderUnderTest
from tests.contract.providers_under_test.simulated import SimulatedProvider

from darkroom.errors import DarkroomError, ErrorCode, KeyMissing, OperatorFault, ProviderUnavailable, SubmitInDoubt
from darkroom.model import Balance

pytestmark = small_pictures


def moved(under_test: ProviderUnderTest, before: Balance) -> tuple[Decimal, Decimal, Decimal]:
    """Return how the available, reserved and total credits have changed since `before`. The unit is the price of one picture."""
    after = balance(under_test)
    names = ("available", "reserved", "total")
    available, reserved, total = ((getattr(after, name) - getattr(before, name)) / under_test.price for name in names)
    return available, reserved, total


def balance(under_test: ProviderUnderTest) -> Balance:
    """Return the current balance, after checking that its numbers add up."""
    found = under_test.provider.balance()
    assert found is not None
    assert all(isinstance(number, Decimal) for number in (found.available, found.reserved, found.total))
    assert found.total == found.available + found.reserved
    return found


@needs("account", "reserves", "queue")
def test_a_running_job_is_reserved_and_not_spent(under_test: ProviderUnderTest) -> None:
    before = balance(under_test)
    under_test.running()
    assert moved(under_test, before) == (-1, 1, 0)


@needs("account")
def test_a_finished_job_is_spent_and_no_longer_reserved(under_test: ProviderUnderTest) -> None:
    before = balance(under_test)
    under_test.finished()
    assert moved(under_test, before) == (-1, 0, -1)


@needs("account", "forget")
def test_a_forgotten_job_stays_spent(under_test: ProviderUnderTest) -> None:
    before = balance(under_test)
    under_test.provider.forget(under_test.finished())
    assert moved(under_test, before) == (-1, 0, -1)


@needs("account", "cancel", "queue")
def test_a_cancelled_job_is_refunded(under_test: ProviderUnderTest) -> None:
    before = balance(under_test)
    assert under_test.provider.cancel(under_test.running())
    assert moved(under_test, before) == (0, 0, 0)


@needs("account", "queue")
@per_provider("fault", "ending_faults")
def test_a_job_that_ends_without_a_result_is_refunded(under_test: ProviderUnderTest, fault: str) -> None:
    before = balance(under_test)
    under_test.add_fault(fault)
    under_test.finished()
    assert moved(under_test, before) == (0, 0, 0)


@needs("account", "synchronous")
def test_a_synchronous_call_that_fails_is_refunded(under_test: SimulatedProvider) -> None:
    before = balance(under_test)
    under_test.add_fault("failed_job", on="synchronous")
    with pytest.raises(SubmitInDoubt):
        under_test.submit_synchronous()
    assert moved(under_test, before) == (0, 0, 0)


@needs("account")
def test_a_submit_in_doubt_that_was_accepted_is_spent(under_test: ProviderUnderTest) -> None:
    before = balance(under_test)
    under_test.add_fault("error_after")
    with pytest.raises(SubmitInDoubt):
        under_test.submit()
    (process,) = under_test.find() or ()
    under_test.await_end(process.process_id)
    assert moved(under_test, before) == (-1, 0, -1)


@needs("account")
def test_asking_for_the_balance_costs_nothing_and_changes_nothing(under_test: ProviderUnderTest) -> None:
    assert balance(under_test) == balance(under_test)
    assert under_test.paid() == 0


@needs("account")
def test_a_refused_connection_makes_the_balance_unavailable(under_test: ProviderUnderTest) -> None:
    provider = under_test.unreachable()
    with raises_safely(ProviderUnavailable, under_test):
        provider.balance()


@needs("untold account")
def test_an_account_that_the_vendor_does_not_show_is_not_asked_for(under_test: SimulatedProvider) -> None:
    assert under_test.provider.balance() is None
    assert under_test.requests() == []


def test_the_fingerprint_is_24_hex_digits_of_which_twelve_change_with_the_key(under_test: ProviderUnderTest) -> None:
    before = under_test.provider.key_fingerprint()
    under_test.rotate_key()
    under_test.provider.refresh_key()
    after = under_test.provider.key_fingerprint()
    assert (before[:12] == after[:12], before[12:] == after[12:]) == (False, True)
    assert all(len(mark) == 24 and int(mark, 16) >= 0 and mark not in under_test.secrets[0] for mark in (before, after))


def test_the_other_digits_change_with_the_host_of_the_base_url_and_not_with_its_port(
    under_test: ProviderUnderTest,
) -> None:
    """A simulator that keeps its state gets a new port at each start."""
    here = under_test.provider.key_fingerprint()
    restarted, elsewhere = (under_test.moved(host).key_fingerprint() for host in ("127.0.0.1:9", "other.example"))
    assert here == restarted
    assert (here[:12] == elsewhere[:12], here[12:] == elsewhere[12:]) == (True, False)


def test_a_rotated_key_counts_from_the_refresh_on(under_test: ProviderUnderTest) -> None:
    before = under_test.provider.key_fingerprint()
    under_test.rotate_key()
    assert under_test.provider.key_fingerprint() == before
    under_test.provider.refresh_key()
    after = under_test.provider.key_fingerprint()
    under_test.provider.refresh_key()
    assert before != after == under_test.provider.key_fingerprint()


@needs("faults")
def test_after_a_refresh_the_rotated_key_is_sent_at_once(under_test: SimulatedProvider) -> None:
    for key in ("an-old-key", KEY):
        under_test.rotate_key(key)
        under_test.provider.refresh_key()
    under_test.find()
    under_test.submit()
    asked = [request for request in under_test.requests() if request["operation"] != "result"]
    assert asked
    assert {(request["key_matched"], request["status"]) for request in asked} == {(True, 200)}
    assert under_test.keys.refreshes == 2


@needs("faults")
def test_a_rotated_key_is_noticed_by_the_401_of_the_old_one(under_test: SimulatedProvider) -> None:
    under_test.rotate_key("an-old-key")
    under_test.keys.refresh()
    under_test.keys.stored = KEY
    under_test.submit()
    asked = [request["status"] for request in under_test.requests() if request["operation"] != "result"]
    assert asked == [401, 200]
    assert under_test.paid() == 1


@needs("synchronous")
def test_a_rotated_key_is_noticed_in_a_synchronous_call_too(under_test: SimulatedProvider) -> None:
    under_test.rotate_key("an-old-key")
    under_test.keys.refresh()
    under_test.keys.stored = KEY
    assert under_test.submit_synchronous().staged
    assert under_test.paid() == 1


@needs("faults")
def test_a_401_reads_the_keys_again_once_and_sends_the_same_key_no_second_time(under_test: SimulatedProvider) -> None:
    under_test.add_fault("auth", times=None)
    with raises_safely(OperatorFault, under_test):
        under_test.submit()
    assert under_test.keys.refreshes == 1
    assert len(under_test.requests()) == 1


@needs("faults")
@each_row("key", ["", "two words", "clé", "line\nbreak"])
def test_a_key_that_no_header_can_carry_is_never_sent_and_never_shown(under_test: SimulatedProvider, key: str) -> None:
    under_test.rotate_key(key)
    under_test.provider.refresh_key()
    for call in (under_test.submit, under_test.find):
        with raises_safely(KeyMissing, under_test) as caught:
            call()
        assert not key or key not in str(caught.value)
    assert under_test.requests() == []


@needs("faults")
def test_a_wrong_key_is_told_from_a_broken_vendor(under_test: SimulatedProvider) -> None:
    under_test.rotate_key("a-wrong-key")
    under_test.provider.refresh_key()
    under_test.secrets = ("a-wrong-key", *under_test.secrets[1:])
    with raises_safely(OperatorFault, under_test):
        under_test.submit()
    with raises_safely(OperatorFault, under_test):
        under_test.find()
    assert under_test.paid() == 0


@needs("faults")
def test_a_redirected_call_is_made_once_and_followed_nowhere(under_test: SimulatedProvider) -> None:
    under_test.add_fault("moved")
    with pytest.raises(DarkroomError):
        under_test.submit()
    assert [request["status"] for request in under_test.requests()] == [301]


def test_a_key_is_checked_free_of_charge(under_test: ProviderUnderTest) -> None:
    under_test.provider.check_key()
    assert under_test.paid() == 0


@needs("faults")
def test_the_check_tells_a_wrong_key_from_a_vendor_that_does_not_answer(under_test: SimulatedProvider) -> None:
    under_test.rotate_key("a-wrong-key")
    under_test.provider.refresh_key()
    under_test.secrets = ("a-wrong-key", *under_test.secrets[1:])
    with raises_safely(OperatorFault, under_test) as caught:
        under_test.provider.check_key()
    assert caught.value.code is ErrorCode.AUTH_FAILED
