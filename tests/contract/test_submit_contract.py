"""What every provider promises of a submit: paid once, refused for nothing, or in doubt until the list tells."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.contract.error_checks import promised
from tests.contract.input_pictures import noise
from tests.contract.stage_marks import needs, per_stage
from tests.contract.stages.base import ACCEPTED, NO_ANSWER, Stage
from tests.contract.stages.simulated import SimulatedStage

from darkroom.errors import NothingSent, OperatorFault, ProviderRejected, SourceGone, SubmitInDoubt, Throttled

each_no_answer = pytest.mark.parametrize("fault", NO_ANSWER)


def test_a_submit_answers_with_a_process_id_and_an_aware_eta(stage: Stage) -> None:
    submission = stage.submit()
    assert submission.process_id
    assert submission.eta.utcoffset() == timedelta(0)


def test_one_submit_is_paid_once(stage: Stage) -> None:
    stage.submit()
    assert stage.paid() == 1


@needs("queue")
def test_what_is_answered_with_a_process_has_no_result_staged(stage: Stage) -> None:
    assert not stage.submit().staged
    assert stage.kept == {}


@per_stage("fault", "operator_faults")
def test_a_submit_the_account_cannot_make_is_the_operators_fault_and_unpaid(stage: Stage, fault: str) -> None:
    stage.fault(fault)
    with promised(OperatorFault, stage) as caught:
        stage.submit()
    assert caught.value.code is stage.operator_faults[fault]
    assert stage.paid() == 0


def test_a_throttled_submit_is_unpaid(stage: Stage) -> None:
    stage.fault("throttle")
    with promised(Throttled, stage):
        stage.submit()
    assert stage.paid() == 0


@per_stage("what", "refusals")
def test_a_refused_image_or_value_is_rejected_and_unpaid(stage: Stage, what: str) -> None:
    plan, image = stage.refused(what)
    with promised(ProviderRejected, stage):
        stage.provider.submit(plan, image, stage.handle(), stage.keep)
    assert stage.paid() == 0


def test_a_redirected_submit_is_rejected_and_unpaid(stage: Stage) -> None:
    stage.fault("moved")
    with promised(ProviderRejected, stage):
        stage.submit()
    assert stage.paid() == 0


def test_a_refused_connection_proves_that_nothing_was_sent(stage: Stage) -> None:
    provider = stage.unreachable()
    with promised(NothingSent, stage):
        provider.submit(stage.plan(), stage.image(), stage.handle(), stage.keep)
    assert stage.paid() == 0


@each_no_answer
def test_a_submit_without_a_usable_answer_is_in_doubt(stage: Stage, fault: str) -> None:
    stage.fault(fault)
    with promised(SubmitInDoubt, stage):
        stage.submit()


@needs("list")
@each_no_answer
def test_the_list_tells_what_became_of_a_submit_in_doubt(stage: Stage, fault: str) -> None:
    stage.fault(fault)
    with pytest.raises(SubmitInDoubt):
        stage.submit()
    found = stage.find()
    assert found is not None
    assert len(found) == stage.paid() == (1 if fault in ACCEPTED else 0)


@needs("faults", "queue")
def test_a_submit_whose_answer_comes_too_late_is_in_doubt_and_listed(stage: SimulatedStage) -> None:
    stage.fault("delay", seconds=0.6)
    with promised(SubmitInDoubt, stage):
        stage.impatient().submit(stage.plan(), stage.image(), stage.handle(), stage.keep)
    stage.await_fault("delay")
    assert stage.paid() == len(stage.requests("submit")) == 1
    assert len(stage.find() or ()) == 1


class Broken(io.BytesIO):
    """A source that breaks after its first bytes."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            raise OSError("the source broke")
        return super().read(10)


@needs("upload")
@pytest.mark.parametrize("what", ["broken", "too short", "too long"])
def test_a_source_of_another_length_than_announced_is_in_doubt_and_unpaid(stage: Stage, what: str) -> None:
    announced = noise(stage.side)
    short, long = io.BytesIO(announced[:-1]), io.BytesIO(announced + b"x")
    content = {"broken": Broken(announced), "too short": short, "too long": long}[what]
    image = replace(stage.image(announced), open=lambda: content)
    with promised(SubmitInDoubt, stage):
        stage.provider.submit(stage.plan(), image, stage.handle(), stage.keep)
    assert content.closed
    assert stage.paid() == 0


@needs("upload")
def test_a_source_that_is_gone_is_said_to_be_gone(stage: Stage) -> None:
    def gone() -> io.BytesIO:
        raise SourceGone("in/cat.png is no longer there")

    with promised(SourceGone, stage):
        stage.provider.submit(stage.plan(), replace(stage.image(), open=gone), stage.handle(), stage.keep)
    assert stage.paid() == 0


def test_no_text_form_of_a_provider_shows_its_key(stage: Stage) -> None:
    stage.submit()
    assert stage.secrets[0] not in repr(stage.provider)


@needs("upload")
def test_what_is_sent_as_bytes_needs_no_link(stage: Stage) -> None:
    stage.submit()
    assert stage.minted == []
