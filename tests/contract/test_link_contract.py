"""What every provider that fetches its input promises: exactly the link, without the key, and nothing paid without one."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.contract.error_checks import promised
from tests.contract.input_pictures import noise, opened
from tests.contract.stage_marks import needs, per_stage
from tests.contract.stages.simulated import SimulatedStage

from darkroom.errors import DarkroomError, NothingSent, ProviderRejected
from darkroom.model import ProcessState

OF_THE_LINK = "response-content-disposition"


@needs("link")
def test_the_vendor_fetches_exactly_the_link_once(stage: SimulatedStage) -> None:
    stage.finished(**stage.link_tags)
    assert len(stage.minted) == 1
    assert stage.fetched() == stage.minted


@needs("link")
def test_the_key_never_reaches_the_host_of_the_input(stage: SimulatedStage) -> None:
    stage.finished(**stage.link_tags)
    ((_, headers),) = stage.site.asked_of_gallery(stage.job_id)
    assert stage.secrets[0] not in repr(headers)
    assert not {name.lower() for name in headers} & {"authorization", "x-api-key", "cookie"}


@needs("link")
def test_the_handle_stands_in_the_query_of_the_link(stage: SimulatedStage) -> None:
    stage.finished(**stage.link_tags)
    (address,) = stage.fetched()
    name = dict(parse_qsl(urlsplit(address).query))[OF_THE_LINK]
    assert name == f'attachment; filename="{stage.handle()}.png"'


@needs("link")
def test_every_submit_mints_a_link_of_its_own(stage: SimulatedStage) -> None:
    for attempt in (1, 2):
        stage.finish(stage.submit(attempt, **stage.link_tags).process_id)
    assert stage.fetched() == stage.minted
    assert len(set(stage.minted)) == 2


@needs("link")
def test_a_link_that_cannot_be_minted_costs_nothing(stage: SimulatedStage) -> None:
    def unsigned() -> NoReturn:
        raise NothingSent("the link could not be signed")

    plan = stage.plan(**stage.link_tags)
    with promised(NothingSent, stage):
        stage.provider.submit(plan, replace(stage.image(), link=unsigned), stage.handle(), stage.keep)
    assert stage.requests() == []
    assert stage.paid() == 0


@needs("link")
def test_what_is_sent_by_link_is_never_opened(stage: SimulatedStage) -> None:
    def opening() -> NoReturn:
        raise AssertionError("the image was opened")

    plan = stage.plan(**stage.link_tags)
    stage.provider.submit(plan, replace(stage.image(), open=opening), stage.handle(), stage.keep)
    assert stage.paid() == 1


@needs("link", "result")
def test_the_result_is_of_the_picture_behind_the_link(stage: SimulatedStage) -> None:
    with stage.provider.result(stage.finished(**stage.link_tags)) as link:
        picture = opened(b"".join(link.stream()))
    assert picture.size == (stage.result_side, stage.result_side)
    small = picture.convert("RGB").resize((8, 8)).tobytes()
    wanted = opened(noise(stage.side)).convert("RGB").resize((8, 8)).tobytes()
    assert max(abs(one - other) for one, other in zip(small, wanted, strict=True)) < 40


def nothing_there(stage: SimulatedStage) -> None:
    """From now on every link leads nowhere."""
    stage.link = lambda content, handle: stage.site.hang(b"", handle)  # type: ignore[method-assign]


@needs("link", "fetches at once")
def test_an_input_that_is_not_there_is_refused_for_nothing(stage: SimulatedStage) -> None:
    nothing_there(stage)
    with promised(ProviderRejected, stage):
        stage.submit(**stage.link_tags)
    assert stage.simulator.account.consumed_credits == stage.consumed_before
    assert stage.kept == {}


@needs("link", "queue", "fetches later")
def test_an_input_that_is_not_there_makes_a_job_that_fails_for_nothing(stage: SimulatedStage) -> None:
    nothing_there(stage)
    assert stage.provider.progress(stage.finished(**stage.link_tags)).state is ProcessState.FAILED
    assert stage.simulator.account.consumed_credits == stage.consumed_before


@needs("link", "late fetch")
@per_stage("fault", "delays")
def test_an_input_that_is_fetched_late_is_worked_on_all_the_same(stage: SimulatedStage, fault: str) -> None:
    stage.fault(fault)
    process_id = stage.finished(**stage.link_tags)
    assert stage.fetched() == stage.minted
    assert stage.provider.progress(process_id).state in (ProcessState.COMPLETED, ProcessState.EXPIRED)


@needs("link")
@pytest.mark.parametrize("fault", ["error_before", "throttle", "auth"])
def test_of_a_submit_that_was_not_accepted_nothing_is_fetched(stage: SimulatedStage, fault: str) -> None:
    stage.fault(fault)
    with pytest.raises(DarkroomError):
        stage.submit(**stage.link_tags)
    assert stage.fetched() == []
