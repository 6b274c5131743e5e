"""Tests what every provider promises about results. A new link gives all bytes, or the call raises ResultNotReady."""

from __future__ import annotations

from itertools import pairwise

import pytest
from tests.contract.capability_marks import each_row, needs, per_provider, same_provider
from tests.contract.error_checks import raises_safely
from tests.contract.faulty_transports import OUTLASTING_SECONDS
from tests.contract.input_pictures import opened
from tests.contract.providers_under_test.base import ProviderUnderTest
from tests.contract.providers_under_test.simulated import SimulatedProvider

from darkroom.errors import ProcessUnknown, ResultNotReady, UnsafeLink

pytestmark = needs("result")
TAIL_BYTES = 64


def content_of(under_test: ProviderUnderTest, process_id: str) -> bytes:
    """Return all bytes of the process's result."""
    with under_test.provider.result(process_id) as link:
        return b"".join(link.stream())


def test_a_result_is_whole_and_of_the_length_its_link_announces(under_test: ProviderUnderTest) -> None:
    with under_test.provider.result(under_test.finished()) as link:
        content = b"".join(link.stream())
    assert len(content) == link.size_bytes
    assert opened(content).size == (under_test.result_side, under_test.result_side)


def test_a_result_can_be_read_in_any_place_and_then_whole(under_test: ProviderUnderTest) -> None:
    with under_test.provider.result(under_test.finished()) as link:
        places = (0, 65_536 - 3, link.size_bytes - TAIL_BYTES)
        parts = [link.read(at, TAIL_BYTES) for at in places]
        content = b"".join(link.stream())
    assert parts == [content[at : at + TAIL_BYTES] for at in places]


def test_a_read_past_the_end_gives_what_there_is(under_test: ProviderUnderTest) -> None:
    with under_test.provider.result(under_test.finished()) as link:
        assert len(link.read(link.size_bytes - 5, 100)) == 5
        assert link.read(link.size_bytes + 5, 100) == b""


def test_a_result_comes_in_small_pieces(under_test: ProviderUnderTest) -> None:
    with under_test.provider.result(under_test.finished()) as link:
        assert max(len(piece) for piece in link.stream()) <= 256 * 1024


def test_a_result_can_be_fetched_again(under_test: ProviderUnderTest) -> None:
    process_id = under_test.finished()
    assert content_of(under_test, process_id) == content_of(under_test, process_id)


def test_no_text_form_of_a_link_shows_it(under_test: ProviderUnderTest) -> None:
    with under_test.provider.result(under_test.finished()) as link:
        assert not [secret for secret in under_test.secrets if secret in repr(link) + str(link)]


@per_provider("fault", "download_faults", fresh=same_provider)
def test_a_link_that_fails_when_opened_is_not_ready(under_test: ProviderUnderTest, fault: str) -> None:
    process_id = under_test.finished_once()
    under_test.add_fault(fault, on="result")
    with raises_safely(ResultNotReady, under_test), under_test.provider.result(process_id):
        pass


@per_provider("fault", "download_faults", fresh=same_provider)
def test_a_link_that_fails_in_a_read_is_not_ready(under_test: ProviderUnderTest, fault: str) -> None:
    with under_test.provider.result(under_test.finished_once()) as link:
        under_test.add_fault(fault, on="result")
        with raises_safely(ResultNotReady, under_test):
            link.read(link.size_bytes - TAIL_BYTES, TAIL_BYTES)


@per_provider("fault", "download_faults", fresh=same_provider)
def test_a_link_that_fails_in_the_stream_is_not_ready(under_test: ProviderUnderTest, fault: str) -> None:
    with under_test.provider.result(under_test.finished_once()) as link:
        under_test.add_fault(fault, on="result")
        with raises_safely(ResultNotReady, under_test):
            for _ in link.stream():
                pass


@per_provider("fault", "download_faults", fresh=same_provider)
def test_a_fresh_link_mends_a_failed_one(under_test: ProviderUnderTest, fault: str) -> None:
    process_id = under_test.finished_once()
    under_test.add_fault(fault, on="result")
    with pytest.raises(ResultNotReady), under_test.provider.result(process_id):
        pass
    assert content_of(under_test, process_id)


@needs("faults")
def test_a_host_of_results_that_does_not_answer_in_time_is_not_ready(under_test: SimulatedProvider) -> None:
    process_id = under_test.finished()
    under_test.add_fault("delay", on="result", seconds=OUTLASTING_SECONDS)
    with raises_safely(ResultNotReady, under_test), under_test.impatient().result(process_id):
        pass


def test_a_corrupt_result_has_the_right_length_and_is_for_the_caller_to_recognise(
    under_test: ProviderUnderTest,
) -> None:
    process_id = under_test.finished()
    right = content_of(under_test, process_id)
    with under_test.provider.result(process_id) as link:
        # For all requests, because one that an earlier test gave up may still be under way in the simulator, and take it.
        under_test.add_fault("corrupt", on="result", times=None)
        wrong = b"".join(link.stream())
    assert len(wrong) == len(right)
    assert wrong != right


def test_a_slow_result_arrives_whole(under_test: ProviderUnderTest) -> None:
    process_id = under_test.finished()
    right = content_of(under_test, process_id)
    with under_test.provider.result(process_id) as link:
        under_test.add_fault("slow", on="result")
        assert b"".join(link.stream()) == right


def test_a_link_that_is_not_public_and_https_is_not_opened(under_test: ProviderUnderTest) -> None:
    process_id = under_test.finished()
    provider = under_test.strict()
    with raises_safely(UnsafeLink, under_test), provider.result(process_id):
        pass


@needs("forget")
def test_the_result_of_a_forgotten_process_is_unknown(under_test: ProviderUnderTest) -> None:
    process_id = under_test.finished()
    under_test.provider.forget(process_id)
    with raises_safely(ProcessUnknown, under_test), under_test.provider.result(process_id):
        pass


def test_an_error_of_the_caller_passes_through_an_open_link_unchanged(under_test: ProviderUnderTest) -> None:
    process_id = under_test.finished()
    with pytest.raises(ZeroDivisionError), under_test.provider.result(process_id):
        raise ZeroDivisionError


@needs("faults")
def test_every_result_is_fetched_by_a_link_asked_for_anew(under_test: SimulatedProvider) -> None:
    process_id = under_test.finished()
    operations = []
    for _ in range(3):
        before = len(under_test.requests())
        content_of(under_test, process_id)
        operations.append([request["operation"] for request in under_test.requests()[before:]])
    assert operations[0] == [under_test.reads["download"][1], "result", "result"]
    assert all(one == other for one, other in pairwise(operations))


@needs("empty results")
def test_a_result_without_a_link_does_not_hide_the_next(under_test: ProviderUnderTest) -> None:
    under_test.add_fault("result_second")
    assert opened(content_of(under_test, under_test.finished())).width == under_test.result_side


@needs("key behind results")
@each_row("status", [401, 403, 404])
def test_a_result_behind_the_key_is_fetched_with_it(under_test: SimulatedProvider, status: int) -> None:
    locked = under_test.set_up(result_wants_key=True, status_without_key=status)
    assert opened(content_of(locked, locked.finished())).width == locked.result_side


@needs("key behind results")
def test_a_synchronous_result_behind_the_key_is_kept(under_test: SimulatedProvider) -> None:
    locked = under_test.set_up(result_wants_key=True)
    submission = locked.submit_synchronous()
    assert opened(locked.kept[submission.process_id]).width == locked.result_side


@needs("key behind results")
@each_row("host", ["localhost", None])
def test_the_key_goes_to_the_apis_own_host_and_no_further(under_test: SimulatedProvider, host: str | None) -> None:
    locked = under_test.set_up(result_wants_key=True, result_host=host)
    content_of(locked, locked.finished())
    files = [(entry["key_matched"], entry["status"]) for entry in locked.requests("file")]
    assert files == [(False, 401), (True, 302)] * 2
    links = locked.requests("result")
    assert len(links) == 2
    assert not [entry for entry in links if entry["key_leaked"] or entry["auth_header"]]


@needs("key behind results")
@each_row("fault", ["auth", "forbidden", "expired"])
def test_a_presigned_link_that_refuses_is_not_offered_the_key(under_test: SimulatedProvider, fault: str) -> None:
    process_id = under_test.finished()
    under_test.add_fault(fault, on="result", times=None)
    with raises_safely(ResultNotReady, under_test), under_test.provider.result(process_id):
        pass
    assert under_test.requests("result")
    assert not [entry for entry in under_test.requests("result") if entry["auth_header"]]
