"""Tests what every provider promises about a submit. It is paid once, or is refused without payment, or stays in doubt until
the vendor's list shows it.
"""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.contract.capability_marks import each_row, needs, per_provider, small_pictures
from tests.contract.error_checks import raises_safely
from tests.contract.faulty_transports import OUTLASTING_SECONDS
from tests.contract.input_pictures import noise
from tests.contract.providers_under_test.base import ACCEPTED, NO_ANSWER, ProviderUnderTest
from tests.contract.providers_under_test.simulated import SimulatedProvider

from darkroom.errors import (
    ErrorCode,
    NothingSent,
    OperatorFault,
    ProviderRejected,
    SourceGone,
    SubmitInDoubt,
    Throttled,
)

pytestmark = small_pictures

each_no_answer = each_row("fault", NO_ANSWER)


def test_a_submit_answers_with_a_process_id_and_an_aware_eta(under_test: ProviderUnderTest) -> None:
    submission = under_test.submit()
    assert submission.process_id
    assert submission.eta.utcoffset() == timedelta(0)


def test_one_submit_is_paid_once(under_test: ProviderUnderTest) -> None:
    under_test.submit()
    assert under_test.paid() == 1


@needs("queue")
def test_a_submit_answered_with_a_process_stages_no_result(under_test: ProviderUnderTest) -> None:
    assert not under_test.submit().staged
    assert under_test.kept == {}


@per_provider("fault", "operator_faults")
def test_a_submit_the_account_cannot_make_is_the_operators_fault_and_unpaid(
    under_test: ProviderUnderTest, fault: str
) -> None:
    under_test.add_fault(fault)
    with raises_safely(OperatorFault, under_test) as caught:
        under_test.submit()
    assert caught.value.code is under_test.operator_faults[fault]
    assert under_test.paid() == 0


def test_a_throttled_submit_is_unpaid(under_test: ProviderUnderTest) -> None:
    under_test.add_fault("throttle")
    with raises_safely(Throttled, under_test):
        under_test.submit()
    assert under_test.paid() == 0


@per_provider("what", "refusals")
def test_a_refused_image_or_value_is_rejected_and_unpaid(under_test: ProviderUnderTest, what: str) -> None:
    plan, image = under_test.refused(what)
    with raises_safely(ProviderRejected, under_test):
        under_test.provider.submit(plan, image, under_test.handle(), under_test.keep)
    assert under_test.paid() == 0


def test_a_redirected_submit_is_rejected_and_unpaid(under_test: ProviderUnderTest) -> None:
    under_test.add_fault("moved")
    with raises_safely(ProviderRejected, under_test):
        under_test.submit()
    assert under_test.paid() == 0


@needs("faults")
def test_a_wrong_base_url_is_told_as_the_operators_fault_and_not_the_images(under_test: SimulatedProvider) -> None:
    provider = under_test.at(f"{under_test.simulator.base_url}/nowhere")
    with raises_safely(ProviderRejected, under_test) as caught:
        provider.submit(under_test.plan(), under_test.image(), under_test.handle(), under_test.keep)
    assert f"{provider.name.capitalize()}BaseUrl" in str(caught.value)
    assert "/nowhere" in str(caught.value)
    assert "refused the image" not in str(caught.value)
    assert under_test.paid() == 0


def test_a_refused_connection_proves_that_nothing_was_sent(under_test: ProviderUnderTest) -> None:
    provider = under_test.unreachable()
    with raises_safely(NothingSent, under_test):
        provider.submit(under_test.plan(), under_test.image(), under_test.handle(), under_test.keep)
    assert under_test.paid() == 0


@each_no_answer
def test_a_submit_without_a_usable_answer_is_in_doubt(under_test: ProviderUnderTest, fault: str) -> None:
    under_test.add_fault(fault)
    with raises_safely(SubmitInDoubt, under_test):
        under_test.submit()


@needs("list")
@each_no_answer
def test_the_list_tells_what_became_of_a_submit_in_doubt(under_test: ProviderUnderTest, fault: str) -> None:
    under_test.add_fault(fault)
    with pytest.raises(SubmitInDoubt):
        under_test.submit()
    found = under_test.find()
    assert found is not None
    assert len(found) == under_test.paid() == (1 if fault in ACCEPTED else 0)


@needs("faults", "queue")
def test_a_submit_whose_answer_comes_too_late_is_in_doubt_and_listed(under_test: SimulatedProvider) -> None:
    under_test.add_fault("delay", seconds=OUTLASTING_SECONDS)
    with raises_safely(SubmitInDoubt, under_test):
        under_test.impatient().submit(under_test.plan(), under_test.image(), under_test.handle(), under_test.keep)
    assert under_test.paid() == len(under_test.requests("submit")) == 1
    assert len(under_test.find() or ()) == 1


class Broken(io.BytesIO):
    """Stands in for an upload whose read fails after its first bytes."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            raise OSError("the source broke")
        return super().read(10)


@needs("upload")
@each_row("what", ["broken", "too short", "too long"])
def test_a_source_of_another_length_than_announced_is_in_doubt_and_unpaid(
    under_test: ProviderUnderTest, what: str
) -> None:
    announced = noise(under_test.side)
    short, long = io.BytesIO(announced[:-1]), io.BytesIO(announced + b"x")
    content = {"broken": Broken(announced), "too short": short, "too long": long}[what]
    image = replace(under_test.image(announced), open=lambda: content)
    with raises_safely(SubmitInDoubt, under_test):
        under_test.provider.submit(under_test.plan(), image, under_test.handle(), under_test.keep)
    assert content.closed
    assert under_test.paid() == 0


@needs("upload")
def test_a_source_that_is_gone_is_said_to_be_gone(under_test: ProviderUnderTest) -> None:
    def gone() -> io.BytesIO:
        raise SourceGone("in/cat.png is no longer there")

    with raises_safely(SourceGone, under_test):
        under_test.provider.submit(
            under_test.plan(), replace(under_test.image(), open=gone), under_test.handle(), under_test.keep
        )
    assert under_test.paid() == 0


def test_no_text_form_of_a_provider_shows_its_key(under_test: ProviderUnderTest) -> None:
    under_test.submit()
    assert under_test.secrets[0] not in repr(under_test.provider)


@needs("upload")
def test_an_image_sent_as_bytes_needs_no_link(under_test: ProviderUnderTest) -> None:
    under_test.submit()
    assert under_test.links_created == []


@needs("error in 200")
@each_row("operation", ["submit", "synchronous"])
def test_an_error_with_the_status_of_a_success_is_that_error(under_test: ProviderUnderTest, operation: str) -> None:
    under_test.add_fault("error_in_200", on=operation)
    plan = under_test.plan(**(under_test.synchronous_tags if operation == "synchronous" else {}))
    with pytest.raises(OperatorFault) as caught:
        under_test.provider.submit(plan, under_test.image(), under_test.handle(), under_test.keep)
    assert caught.value.code is ErrorCode.OUT_OF_CREDITS
    assert under_test.paid() == 0
