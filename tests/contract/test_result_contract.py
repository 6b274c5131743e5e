"""What every provider promises of results: whole bytes by a fresh link, or ResultNotReady."""

from __future__ import annotations

from itertools import pairwise

import pytest
from tests.contract.error_checks import promised
from tests.contract.input_pictures import opened
from tests.contract.stage_marks import needs, per_stage
from tests.contract.stages.base import Stage
from tests.contract.stages.simulated import SimulatedStage

from darkroom.errors import ProcessUnknown, ResultNotReady, UnsafeLink

pytestmark = needs("result")
TAIL_BYTES = 64


def content_of(stage: Stage, process_id: str) -> bytes:
    """The whole result."""
    with stage.provider.result(process_id) as link:
        return b"".join(link.stream())


def test_a_result_is_whole_and_of_the_length_its_link_announces(stage: Stage) -> None:
    with stage.provider.result(stage.finished()) as link:
        content = b"".join(link.stream())
    assert len(content) == link.size_bytes
    assert opened(content).size == (stage.result_side, stage.result_side)


def test_a_result_can_be_read_in_any_place_and_then_whole(stage: Stage) -> None:
    with stage.provider.result(stage.finished()) as link:
        places = (0, 65_536 - 3, link.size_bytes - TAIL_BYTES)
        parts = [link.read(at, TAIL_BYTES) for at in places]
        content = b"".join(link.stream())
    assert parts == [content[at : at + TAIL_BYTES] for at in places]


def test_a_read_past_the_end_gives_what_there_is(stage: Stage) -> None:
    with stage.provider.result(stage.finished()) as link:
        assert len(link.read(link.size_bytes - 5, 100)) == 5
        assert link.read(link.size_bytes + 5, 100) == b""


def test_a_result_comes_in_small_pieces(stage: Stage) -> None:
    with stage.provider.result(stage.finished()) as link:
        assert max(len(piece) for piece in link.stream()) <= 256 * 1024


def test_a_result_can_be_fetched_again(stage: Stage) -> None:
    process_id = stage.finished()
    assert content_of(stage, process_id) == content_of(stage, process_id)


def test_no_text_form_of_a_link_shows_it(stage: Stage) -> None:
    with stage.provider.result(stage.finished()) as link:
        assert not [secret for secret in stage.secrets if secret in repr(link) + str(link)]


@per_stage("fault", "broken")
def test_a_link_that_fails_when_opened_is_not_ready(stage: Stage, fault: str) -> None:
    process_id = stage.finished()
    stage.fault(fault, on="result")
    with promised(ResultNotReady, stage), stage.provider.result(process_id):
        pass


@per_stage("fault", "broken")
def test_a_link_that_fails_in_a_read_is_not_ready(stage: Stage, fault: str) -> None:
    with stage.provider.result(stage.finished()) as link:
        stage.fault(fault, on="result")
        with promised(ResultNotReady, stage):
            link.read(link.size_bytes - TAIL_BYTES, TAIL_BYTES)


@per_stage("fault", "broken")
def test_a_link_that_fails_in_the_stream_is_not_ready(stage: Stage, fault: str) -> None:
    with stage.provider.result(stage.finished()) as link:
        stage.fault(fault, on="result")
        with promised(ResultNotReady, stage):
            for _ in link.stream():
                pass


@per_stage("fault", "broken")
def test_a_fresh_link_mends_a_failed_one(stage: Stage, fault: str) -> None:
    process_id = stage.finished()
    stage.fault(fault, on="result")
    with pytest.raises(ResultNotReady), stage.provider.result(process_id):
        pass
    assert content_of(stage, process_id)


@needs("faults")
def test_a_host_of_results_that_does_not_answer_in_time_is_not_ready(stage: SimulatedStage) -> None:
    process_id = stage.finished()
    stage.fault("delay", on="result", seconds=0.6)
    with promised(ResultNotReady, stage), stage.impatient().result(process_id):
        pass


def test_a_corrupt_result_has_the_right_length_and_is_for_the_caller_to_recognise(stage: Stage) -> None:
    process_id = stage.finished()
    right = content_of(stage, process_id)
    with stage.provider.result(process_id) as link:
        stage.fault("corrupt", on="result")
        wrong = b"".join(link.stream())
    assert len(wrong) == len(right)
    assert wrong != right


def test_a_slow_result_arrives_whole(stage: Stage) -> None:
    process_id = stage.finished()
    right = content_of(stage, process_id)
    with stage.provider.result(process_id) as link:
        stage.fault("slow", on="result")
        assert b"".join(link.stream()) == right


def test_a_link_that_is_not_public_and_https_is_not_opened(stage: Stage) -> None:
    process_id = stage.finished()
    provider = stage.strict()
    with promised(UnsafeLink, stage), provider.result(process_id):
        pass


@needs("forget")
def test_the_result_of_a_forgotten_process_is_unknown(stage: Stage) -> None:
    process_id = stage.finished()
    stage.provider.forget(process_id)
    with promised(ProcessUnknown, stage), stage.provider.result(process_id):
        pass


def test_an_error_of_the_caller_passes_through_an_open_link_unchanged(stage: Stage) -> None:
    process_id = stage.finished()
    with pytest.raises(ZeroDivisionError), stage.provider.result(process_id):
        raise ZeroDivisionError


@needs("faults")
def test_every_result_is_fetched_by_a_link_asked_for_anew(stage: SimulatedStage) -> None:
    process_id = stage.finished()
    operations = []
    for _ in range(3):
        before = len(stage.requests())
        content_of(stage, process_id)
        operations.append([request["operation"] for request in stage.requests()[before:]])
    assert operations[0] == [stage.asks["download"][1], "result", "result"]
    assert all(one == other for one, other in pairwise(operations))


@needs("empty results")
def test_a_result_without_a_link_does_not_hide_the_next(stage: Stage) -> None:
    stage.fault("result_second")
    assert opened(content_of(stage, stage.finished())).width == stage.result_side


@needs("key behind results")
@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_result_behind_the_key_is_fetched_with_it(stage: SimulatedStage, status: int) -> None:
    locked = stage.set_up(result_wants_key=True, status_without_key=status)
    assert opened(content_of(locked, locked.finished())).width == locked.result_side


@needs("key behind results")
def test_a_held_result_behind_the_key_is_kept(stage: SimulatedStage) -> None:
    locked = stage.set_up(result_wants_key=True)
    submission = locked.submit_held()
    assert opened(locked.kept[submission.process_id]).width == locked.result_side


@needs("key behind results")
@pytest.mark.parametrize("host", ["localhost", None])
def test_the_key_goes_to_the_apis_own_host_and_no_further(stage: SimulatedStage, host: str | None) -> None:
    locked = stage.set_up(result_wants_key=True, result_host=host)
    content_of(locked, locked.finished())
    files = [(entry["key_matched"], entry["status"]) for entry in locked.requests("file")]
    assert files == [(False, 401), (True, 302)] * 2
    links = locked.requests("result")
    assert len(links) == 2
    assert not [entry for entry in links if entry["key_leaked"] or entry["auth_header"]]


@needs("key behind results")
@pytest.mark.parametrize("fault", ["auth", "forbidden", "expired"])
def test_a_presigned_link_that_refuses_is_not_offered_the_key(stage: SimulatedStage, fault: str) -> None:
    process_id = stage.finished()
    stage.fault(fault, on="result", times=None)
    with promised(ResultNotReady, stage), stage.provider.result(process_id):
        pass
    assert stage.requests("result")
    assert not [entry for entry in stage.requests("result") if entry["auth_header"]]
