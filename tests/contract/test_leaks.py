"""No key and no signed link leaves the adapter: not in logs at DEBUG, not on a result's host, not by a redirect."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator

import pytest
from tests.contract.conftest import KEY, TopazStage, finished, handle, submit

from darkroom import wiring
from darkroom.errors import DarkroomError
from darkroom.providers.topaz import LEGACY_KEY_PREFIX

SUBMIT_FAULTS = ("auth", "throttle", "error_before", "reset_before", "moved", "error_after", "lost_answer", "garbage")
RESULT_FAULTS = ("expired", "cut", "corrupt", "reset_before", "error_before")
SECRETS = re.compile(re.escape(KEY) + r"|signature=|/results/", re.IGNORECASE)


@pytest.fixture
def levels() -> Iterator[None]:
    """Puts the libraries' log levels back, which are global."""
    before = {name: logging.getLogger(name).level for name in ("", *wiring.TALKATIVE)}
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def job_with_faults(stage: TopazStage) -> None:
    """Everything that can go wrong in a submit, a poll and a download, and then a result; errors are logged."""
    log = logging.getLogger("darkroom.test")
    for kind in SUBMIT_FAULTS:
        stage.fault(kind)
        with contextlib.suppress(DarkroomError):
            submit(stage)
    process_id = finished(stage)
    for kind in ("auth", "reset_before", "garbage"):
        for operation in ("status", "list", "download"):
            stage.fault(kind, on=operation)
        for call in (
            lambda: stage.provider.progress(process_id),
            lambda: stage.provider.find(handle()),
            lambda: stage.provider.result(process_id).__enter__(),
        ):
            try:
                call()
            except DarkroomError:
                log.exception("a call failed")
    for kind in (*RESULT_FAULTS, None):
        if kind:
            stage.fault(kind, on="result")
        try:
            with stage.provider.result(process_id) as link:
                log.debug("opened %s", link)
                b"".join(link.stream())
        except DarkroomError:
            log.exception("a download failed")


def test_the_log_of_a_job_with_faults_holds_no_key_and_no_link(
    topaz: TopazStage, caplog: pytest.LogCaptureFixture, levels: None
) -> None:
    wiring.quiet_loggers()
    logging.getLogger().setLevel(logging.DEBUG)
    with caplog.at_level(logging.DEBUG):
        job_with_faults(topaz)
    assert "a call failed" in caplog.text
    assert not SECRETS.search(caplog.text)
    raw = [f"{record.msg} {record.args!r} {record.exc_text}" for record in caplog.records]
    assert not [text for text in raw if SECRETS.search(text)]


def test_without_quiet_loggers_the_same_search_finds_a_link(
    topaz: TopazStage, caplog: pytest.LogCaptureFixture, levels: None
) -> None:
    for name in wiring.TALKATIVE:
        logging.getLogger(name).setLevel(logging.DEBUG)
    with caplog.at_level(logging.DEBUG):
        job_with_faults(topaz)
    assert SECRETS.search(caplog.text)


def test_the_key_never_reaches_a_results_host(topaz: TopazStage) -> None:
    job_with_faults(topaz)
    downloads = [request for request in topaz.simulator.requests if request["operation"] == "result"]
    assert downloads
    assert not [request for request in downloads if request["key_leaked"] or request["auth_header"]]
    names = {name.lower() for request in downloads for name in request["header_names"]}
    assert not names & {"x-api-key", "authorization", "cookie"}


def test_every_call_of_the_api_carries_the_right_key(topaz: TopazStage) -> None:
    job_with_faults(topaz)
    calls = [request for request in topaz.simulator.requests if request["operation"] != "result"]
    assert calls
    assert all(request["key_matched"] and request["auth_header"] == "x-api-key" for request in calls)


def test_every_submit_arrives_with_its_length_and_unchunked(topaz: TopazStage) -> None:
    job_with_faults(topaz)
    submits = [request for request in topaz.simulator.requests if request["operation"] == "submit"]
    assert len(submits) == len(SUBMIT_FAULTS) + 1
    assert all(request["has_content_length"] and request["transfer_encoding"] is None for request in submits)


def test_the_whole_status_list_is_never_deleted(topaz: TopazStage) -> None:
    job_with_faults(topaz)
    for process_id in ("", ".", "..", "%2e", "/", "?"):
        topaz.provider.forget(process_id)
    assert not [request for request in topaz.simulator.requests if request["operation"] == "delete"]


def test_a_redirected_call_is_made_once_and_followed_nowhere(topaz: TopazStage) -> None:
    topaz.fault("moved")
    with contextlib.suppress(DarkroomError):
        submit(topaz)
    assert [request["status"] for request in topaz.simulator.requests] == [301]


def test_a_401_reads_the_keys_again_once(topaz: TopazStage) -> None:
    topaz.fault("auth", times=None)
    with contextlib.suppress(DarkroomError):
        submit(topaz)
    assert topaz.keys.refreshes == 1
    assert len(topaz.simulator.requests) == 1


def test_a_rotated_key_is_noticed_by_the_401_of_the_old_one(topaz: TopazStage) -> None:
    topaz.keys.stored = "an-old-key"
    topaz.keys.refresh()
    topaz.keys.stored = KEY
    submit(topaz)
    assert [request["status"] for request in topaz.simulator.requests] == [401, 200]
    assert topaz.paid() == 1


def test_a_legacy_key_goes_as_a_bearer_token_and_no_other_header(topaz: TopazStage) -> None:
    topaz.keys.stored = LEGACY_KEY_PREFIX + "x"
    topaz.keys.refresh()
    with contextlib.suppress(DarkroomError):
        topaz.provider.find(handle())
    assert [request["auth_header"] for request in topaz.simulator.requests] == ["authorization"]
