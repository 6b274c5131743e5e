"""Tests the promises of providers whose vendor fetches the input by a link. They send exactly this link, and a submit that is
not accepted costs nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.contract.capability_marks import each_row, needs, per_provider, small_pictures
from tests.contract.error_checks import raises_safely
from tests.contract.input_pictures import noise, opened
from tests.contract.providers_under_test.simulated import SimulatedProvider

from darkroom.errors import DarkroomError, NothingSent, ProviderRejected
from darkroom.model import ProcessState

pytestmark = small_pictures

OF_THE_LINK = "response-content-disposition"


@needs("link")
def test_the_vendor_fetches_exactly_the_link_once(under_test: SimulatedProvider) -> None:
    under_test.finished(**under_test.link_tags)
    assert len(under_test.links_created) == 1
    assert under_test.fetched() == under_test.links_created


@needs("link")
def test_the_key_never_reaches_the_host_of_the_input(under_test: SimulatedProvider) -> None:
    under_test.finished(**under_test.link_tags)
    ((_, headers),) = under_test.site.input_requests(under_test.job_id)
    assert under_test.secrets[0] not in repr(headers)
    assert not {name.lower() for name in headers} & {"authorization", "x-api-key", "cookie"}


@needs("link")
def test_the_handle_stands_in_the_query_of_the_link(under_test: SimulatedProvider) -> None:
    under_test.finished(**under_test.link_tags)
    (address,) = under_test.fetched()
    name = dict(parse_qsl(urlsplit(address).query))[OF_THE_LINK]
    assert name == f'attachment; filename="{under_test.handle()}.png"'


@needs("link")
def test_every_submit_mints_a_link_of_its_own(under_test: SimulatedProvider) -> None:
    for attempt in (1, 2):
        under_test.await_end(under_test.submit(attempt, **under_test.link_tags).process_id)
    assert under_test.fetched() == under_test.links_created
    assert len(set(under_test.links_created)) == 2


@needs("link")
def test_a_link_that_cannot_be_minted_costs_nothing(under_test: SimulatedProvider) -> None:
    def unsigned() -> NoReturn:
        raise NothingSent("the link could not be signed")

    plan = under_test.plan(**under_test.link_tags)
    with raises_safely(NothingSent, under_test):
        under_test.provider.submit(
            plan, replace(under_test.image(), link=unsigned), under_test.handle(), under_test.keep
        )
    assert under_test.requests() == []
    assert under_test.paid() == 0


@needs("link")
def test_an_image_sent_by_link_is_never_opened(under_test: SimulatedProvider) -> None:
    def opening() -> NoReturn:
        raise AssertionError("the image was opened although it is sent by link")

    plan = under_test.plan(**under_test.link_tags)
    under_test.provider.submit(plan, replace(under_test.image(), open=opening), under_test.handle(), under_test.keep)
    assert under_test.paid() == 1


@needs("link", "result")
def test_the_result_is_of_the_picture_behind_the_link(under_test: SimulatedProvider) -> None:
    with under_test.provider.result(under_test.finished(**under_test.link_tags)) as link:
        picture = opened(b"".join(link.stream()))
    assert picture.size == (under_test.result_side, under_test.result_side)
    small = picture.convert("RGB").resize((8, 8)).tobytes()
    wanted = opened(noise(under_test.side)).convert("RGB").resize((8, 8)).tobytes()
    assert max(abs(one - other) for one, other in zip(small, wanted, strict=True)) < 40


def nothing_there(under_test: SimulatedProvider) -> None:
    """Let every new link lead to an input that does not exist."""
    under_test.link = lambda content, handle: under_test.site.publish_input(b"", handle)  # type: ignore[method-assign]


@needs("link", "fetches at once")
def test_an_input_that_is_not_there_is_refused_for_nothing(under_test: SimulatedProvider) -> None:
    nothing_there(under_test)
    with raises_safely(ProviderRejected, under_test):
        under_test.submit(**under_test.link_tags)
    assert under_test.simulator.account.consumed_credits == under_test.consumed_before
    assert under_test.kept == {}


@needs("link", "queue", "fetches later")
def test_an_input_that_is_not_there_makes_a_job_that_fails_for_nothing(under_test: SimulatedProvider) -> None:
    nothing_there(under_test)
    assert under_test.provider.progress(under_test.finished(**under_test.link_tags)).state is ProcessState.FAILED
    assert under_test.simulator.account.consumed_credits == under_test.consumed_before


@needs("link", "late fetch")
@per_provider("fault", "delay_faults")
def test_an_input_that_is_fetched_late_is_worked_on_all_the_same(under_test: SimulatedProvider, fault: str) -> None:
    under_test.add_fault(fault)
    process_id = under_test.finished(**under_test.link_tags)
    assert under_test.fetched() == under_test.links_created
    assert under_test.provider.progress(process_id).state in (ProcessState.COMPLETED, ProcessState.EXPIRED)


@needs("link")
@each_row("fault", ["error_before", "throttle", "auth"])
def test_a_submit_that_was_not_accepted_fetches_nothing(under_test: SimulatedProvider, fault: str) -> None:
    under_test.add_fault(fault)
    with pytest.raises(DarkroomError):
        under_test.submit(**under_test.link_tags)
    assert under_test.fetched() == []
