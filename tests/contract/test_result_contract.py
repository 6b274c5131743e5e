"""What every provider promises of results: whole bytes by a fresh link, or ResultNotReady."""

from __future__ import annotations

import io
from itertools import pairwise

import pytest
from PIL import Image
from tests.contract.conftest import SIDE_PIXELS, Stage, TopazStage, finished
from tests.contract.promises import promised

from darkroom.errors import OperatorFault, ProcessUnknown, ResultNotReady, Throttled

TAIL_BYTES = 64
BROKEN = ["cut", "expired", "reset_before", "error_before"]


def content_of(stage: Stage, process_id: str) -> bytes:
    """The whole result."""
    with stage.provider.result(process_id) as link:
        return b"".join(link.stream())


def test_a_result_is_whole_and_of_the_length_its_link_announces(stage: Stage) -> None:
    with stage.provider.result(finished(stage)) as link:
        content = b"".join(link.stream())
    assert len(content) == link.size_bytes
    assert Image.open(io.BytesIO(content)).size == (SIDE_PIXELS, SIDE_PIXELS)


def test_a_result_can_be_read_in_any_place_and_then_whole(stage: Stage) -> None:
    with stage.provider.result(finished(stage)) as link:
        parts = [link.read(at, TAIL_BYTES) for at in (0, 65_536 - 3, link.size_bytes - TAIL_BYTES)]
        content = b"".join(link.stream())
    assert parts == [content[at : at + TAIL_BYTES] for at in (0, 65_536 - 3, link.size_bytes - TAIL_BYTES)]


def test_a_read_past_the_end_gives_what_there_is(stage: Stage) -> None:
    with stage.provider.result(finished(stage)) as link:
        assert len(link.read(link.size_bytes - 5, 100)) == 5
        assert link.read(link.size_bytes + 5, 100) == b""


def test_a_result_comes_in_small_pieces(stage: Stage) -> None:
    with stage.provider.result(finished(stage)) as link:
        assert max(len(piece) for piece in link.stream()) <= 256 * 1024


def test_a_result_can_be_fetched_again(stage: Stage) -> None:
    process_id = finished(stage)
    assert content_of(stage, process_id) == content_of(stage, process_id)


def test_no_text_form_of_a_link_shows_it(stage: Stage) -> None:
    with stage.provider.result(finished(stage)) as link:
        assert not [secret for secret in stage.secrets if secret in repr(link) + str(link)]


@pytest.mark.parametrize("fault", BROKEN)
def test_a_link_that_fails_when_opened_is_not_ready(stage: Stage, fault: str) -> None:
    process_id = finished(stage)
    stage.fault(fault, on="result")
    with promised(ResultNotReady, stage), stage.provider.result(process_id):
        pass


@pytest.mark.parametrize("fault", BROKEN)
def test_a_link_that_fails_in_a_read_is_not_ready(stage: Stage, fault: str) -> None:
    with stage.provider.result(finished(stage)) as link:
        stage.fault(fault, on="result")
        with promised(ResultNotReady, stage):
            link.read(link.size_bytes - TAIL_BYTES, TAIL_BYTES)


@pytest.mark.parametrize("fault", BROKEN)
def test_a_link_that_fails_in_the_stream_is_not_ready(stage: Stage, fault: str) -> None:
    with stage.provider.result(finished(stage)) as link:
        stage.fault(fault, on="result")
        with promised(ResultNotReady, stage):
            for _ in link.stream():
                pass


@pytest.mark.parametrize("fault", BROKEN)
def test_a_fresh_link_mends_a_failed_one(stage: Stage, fault: str) -> None:
    process_id = finished(stage)
    stage.fault(fault, on="result")
    with pytest.raises(ResultNotReady), stage.provider.result(process_id):
        pass
    assert content_of(stage, process_id)


def test_a_corrupt_result_has_the_right_length_and_is_for_the_caller_to_recognise(stage: Stage) -> None:
    process_id = finished(stage)
    right = content_of(stage, process_id)
    with stage.provider.result(process_id) as link:
        stage.fault("corrupt", on="result")
        wrong = b"".join(link.stream())
    assert len(wrong) == len(right)
    assert wrong != right


def test_a_slow_result_arrives_whole(stage: Stage) -> None:
    process_id = finished(stage)
    right = content_of(stage, process_id)
    with stage.provider.result(process_id) as link:
        stage.fault("slow", on="result")
        assert b"".join(link.stream()) == right


def test_a_throttled_or_forbidden_download_says_so(stage: Stage) -> None:
    process_id = finished(stage)
    stage.fault("throttle", on="download")
    with promised(Throttled, stage), stage.provider.result(process_id):
        pass
    stage.fault("forbidden", on="download")
    with promised(OperatorFault, stage), stage.provider.result(process_id):
        pass


def test_the_result_of_a_forgotten_process_is_unknown(stage: Stage) -> None:
    process_id = finished(stage)
    stage.provider.forget(process_id)
    with promised(ProcessUnknown, stage), stage.provider.result(process_id):
        pass


def test_an_error_of_the_caller_passes_through_an_open_link_unchanged(stage: Stage) -> None:
    process_id = finished(stage)
    with pytest.raises(ZeroDivisionError), stage.provider.result(process_id):
        raise ZeroDivisionError


def test_every_result_is_fetched_by_a_link_minted_for_it(topaz: TopazStage, monkeypatch: pytest.MonkeyPatch) -> None:
    process_id = finished(topaz)
    operations = []
    for _ in range(3):
        topaz.simulator.journal.clear()
        content_of(topaz, process_id)
        operations.append([request["operation"] for request in topaz.simulator.requests])
    assert operations[0] == ["download", "result", "result"]
    assert all(one == other for one, other in pairwise(operations))
