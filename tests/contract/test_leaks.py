"""No key and no signed link leaves an adapter, whatever goes wrong: not in logs at DEBUG, not in errors, not to another host."""

from __future__ import annotations

import contextlib
import logging
import re
import time
from collections.abc import Callable, Iterator

import pytest
from tests.contract.shared_servers import SIGNATURE
from tests.contract.stage_marks import needs
from tests.contract.stages.base import KEY
from tests.contract.stages.simulated import OPTIONS, SimulatedStage

from darkroom import container
from darkroom.errors import DarkroomError
from darkroom.model import ProcessState
from darkroom.providers.topaz import LEGACY_KEY_PREFIX

pytestmark = needs("faults")
SECRETS = re.compile("|".join([re.escape(KEY), SIGNATURE, "signature=", "/results/"]), re.IGNORECASE)
LOG = logging.getLogger("darkroom.test")
ENDING = ("cancel", "delete")  # what comes after everything else
SIDE = 32  # of the pictures: what is looked for does not depend on it
POLL_SECONDS, MOST_POLLS = 0.01, 100
OUTSIDE = ("result", "file")  # operations that are no calls of the API


@pytest.fixture
def levels() -> Iterator[None]:
    """Puts the libraries' log levels back, which are global."""
    before = {name: logging.getLogger(name).level for name in ("", *container.CHATTY_LOGGERS)}
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def attempt(call: Callable[[], object]) -> None:
    """One call, whose error is logged as the pipeline would."""
    try:
        LOG.debug("answered %s", call())
    except DarkroomError:
        LOG.exception("a call failed")


def download(stage: SimulatedStage, process_id: str) -> int:
    with stage.provider.result(process_id) as link:
        LOG.debug("opened %s", link)
        return len(b"".join(link.stream()))


def await_end(stage: SimulatedStage, process_id: str) -> None:
    """Polls, as the pipeline would; what goes wrong is logged."""
    states: list[ProcessState] = []
    for _ in range(MOST_POLLS):
        attempt(lambda: states.append(stage.provider.progress(process_id).state))
        if states and states[-1] is not ProcessState.RUNNING:
            return
        time.sleep(POLL_SECONDS)


def journey(stage: SimulatedStage, kind: str | None = None) -> None:
    """Every call of the port, each twice where a fault awaits the first: on every operation that the kind may strike."""
    if kind:
        for operation in type(stage).simulator_class.supported_faults.kinds[kind].operations:
            stage.simulator.faults.add(kind, 1, operation, **OPTIONS.get(kind, {}))
    times = 2 if kind else 1
    stage.side = SIDE  # type: ignore[misc]
    submitted: list[str] = []
    for _ in range(times):
        if "queue" in stage.can:
            attempt(lambda: submitted.append(stage.submit(**stage.link_tags).process_id))
        if "held" in stage.can:
            attempt(lambda: stage.submit_held())
    process_id = submitted[-1] if submitted else "1234"
    if submitted:
        await_end(stage, process_id)
    for _ in range(times):
        attempt(lambda: download(stage, process_id))
        for read in sorted(stage.asks, key=ENDING.__contains__):
            attempt(lambda read=read: stage.ask(read, process_id))  # type: ignore[misc]


def all_faults(stage: SimulatedStage) -> None:
    """A journey for every kind of fault that the simulator knows. They prove nothing of the faults, so none is counted."""
    stage.note()
    for kind in type(stage).simulator_class.supported_faults.kinds:
        journey(stage, kind)
        stage.simulator.faults.clear()


def test_the_log_of_every_fault_holds_no_key_and_no_link(
    stage: SimulatedStage, caplog: pytest.LogCaptureFixture, levels: None
) -> None:
    container.quiet_loggers()
    logging.getLogger().setLevel(logging.DEBUG)
    with caplog.at_level(logging.DEBUG):
        all_faults(stage)
    stage.simulator.journal.clear()
    assert caplog.text.count("a call failed") > len(type(stage).simulator_class.supported_faults.kinds)
    assert "opened" in caplog.text or "result" not in stage.can
    assert not SECRETS.search(caplog.text)
    raw = [f"{record.msg} {record.args!r} {record.exc_text}" for record in caplog.records]
    assert not [text for text in raw if SECRETS.search(text)]


def test_without_quiet_loggers_the_same_search_finds_a_link(
    stage: SimulatedStage, caplog: pytest.LogCaptureFixture, levels: None
) -> None:
    for name in container.CHATTY_LOGGERS:
        logging.getLogger(name).setLevel(logging.DEBUG)
    with caplog.at_level(logging.DEBUG):
        journey(stage)
    assert SECRETS.search(caplog.text)


def test_the_key_goes_with_every_call_of_the_api_and_nowhere_else(stage: SimulatedStage) -> None:
    for kind in (None, "auth", "moved", "error_before", "expired"):
        journey(stage, kind)
    calls = stage.requests()
    stage.simulator.journal.clear()
    api = [entry for entry in calls if entry["operation"] not in OUTSIDE]
    assert api
    assert all(entry["key_matched"] for entry in api)
    downloads = [entry for entry in calls if entry["operation"] == "result"]
    assert downloads
    names = {name.lower() for entry in downloads for name in entry["header_names"]}
    assert not names & {"x-api-key", "authorization", "cookie"}
    inputs = stage.site.asked_of_gallery(stage.job_id)
    assert inputs
    assert KEY not in repr(inputs)


def test_every_submit_arrives_with_its_length_and_unchunked(stage: SimulatedStage) -> None:
    for kind in (None, "throttle", "error_after"):
        journey(stage, kind)
    submits = stage.requests("submit", "edit")
    stage.simulator.journal.clear()
    assert len(submits) >= 5
    assert all(entry["has_content_length"] and entry["transfer_encoding"] is None for entry in submits)


@needs("legacy key")
def test_a_legacy_key_goes_as_a_bearer_token_and_no_other_header(stage: SimulatedStage) -> None:
    stage.rotate_key(LEGACY_KEY_PREFIX + "x")
    stage.keys.refresh()
    with contextlib.suppress(DarkroomError):
        stage.find()
    assert [request["auth_header"] for request in stage.requests()] == ["authorization"]
