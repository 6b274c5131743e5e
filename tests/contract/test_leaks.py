"""Tests that no API key and no signed link leaves an adapter, whatever fails. They must not be in DEBUG logs, in errors, or in
calls to another host.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import re
import time
from collections.abc import Callable, Iterator

import pytest
from tests.contract.capability_marks import needs, small_pictures
from tests.contract.providers_under_test.base import KEY
from tests.contract.providers_under_test.simulated import OPTIONS, SimulatedProvider
from tests.contract.shared_servers import SIGNATURE

from darkroom.adapters import CHATTY_LOGGERS, quiet_loggers
from darkroom.errors import DarkroomError
from darkroom.model import ProcessState
from darkroom.providers.topaz import LEGACY_KEY_PREFIX

pytestmark = [needs("faults"), small_pictures]
SECRETS = re.compile("|".join([re.escape(KEY), SIGNATURE, "signature=", "/results/"]), re.IGNORECASE)
LOG = logging.getLogger("darkroom.test")
ENDING = ("cancel", "delete")  # these calls are made last, because they end a process
WITHOUT_PROCESS = ("account", "key", "estimate")  # only faults of their own operation change these calls
POLL_SECONDS, LONGEST_POLL_SECONDS, MOST_POLLS = 0.01, 0.1, 1000
OUTSIDE = ("result", "file")  # operations that serve files and are no part of the vendor's API


@pytest.fixture
def levels() -> Iterator[None]:
    """Restore the log levels of the libraries after the test, because they are global."""
    before = {name: logging.getLogger(name).level for name in ("", *CHATTY_LOGGERS)}
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def attempt(call: Callable[[], object]) -> None:
    """Make one call. Log its answer, or its error as the pipeline does."""
    try:
        LOG.debug("answered %s", call())
    except DarkroomError:
        LOG.exception("a call failed")


def download(under_test: SimulatedProvider, process_id: str) -> int:
    with under_test.provider.result(process_id) as link:
        LOG.debug("opened %s", link)
        return len(b"".join(link.stream()))


def await_end(under_test: SimulatedProvider, process_id: str) -> None:
    """Poll the process until it has ended, and log every error as the pipeline does."""
    states: list[ProcessState] = []
    for poll in range(MOST_POLLS):
        time.sleep(min(POLL_SECONDS * 2 ** min(poll, 10), LONGEST_POLL_SECONDS))
        attempt(lambda: states.append(under_test.provider.progress(process_id).state))
        if states and states[-1] is not ProcessState.RUNNING:
            return


def attempt_past_faults(under_test: SimulatedProvider, call: Callable[[], object]) -> None:
    """Make one call, and if it met a fault, make it again."""
    faults_before = under_test.simulator.faults.remaining()
    attempt(call)
    if under_test.simulator.faults.remaining() != faults_before:
        attempt(call)


def call_everything(under_test: SimulatedProvider, kind: str | None = None) -> None:
    """Make every call of the port. If the fault `kind` is given, it strikes once in each operation that it can strike, and
    calls that it cannot change are left out.
    """
    struck = type(under_test).simulator_class.supported_faults.kinds[kind].operations if kind else ()
    for operation in struck:
        under_test.simulator.faults.add(kind, 1, operation, **OPTIONS.get(kind, {}))
    make = functools.partial(attempt_past_faults, under_test)
    submitted: list[str] = []
    if "queue" in under_test.capabilities:
        make(lambda: submitted.append(under_test.submit(**under_test.link_tags).process_id))
    if "synchronous" in under_test.capabilities:
        make(lambda: under_test.submit_synchronous())
    process_id = submitted[-1] if submitted else "1234"
    if submitted:
        await_end(under_test, process_id)
    make(lambda: download(under_test, process_id))
    for read in sorted(under_test.reads, key=ENDING.__contains__):
        if not kind or read not in WITHOUT_PROCESS or under_test.reads[read][1] in struck:
            make(lambda read=read: under_test.ask(read, process_id))  # type: ignore[misc]


def all_faults(under_test: SimulatedProvider) -> None:
    """Make every call with every kind of fault. These faults do not count as met by a test, because only leaks are tested."""
    under_test.count_faults_met()
    for kind in type(under_test).simulator_class.supported_faults.kinds:
        call_everything(under_test, kind)
        under_test.simulator.faults.clear()


def test_the_log_of_every_fault_holds_no_key_and_no_link(
    under_test: SimulatedProvider, caplog: pytest.LogCaptureFixture, levels: None
) -> None:
    quiet_loggers()
    logging.getLogger().setLevel(logging.DEBUG)
    with caplog.at_level(logging.DEBUG):
        all_faults(under_test)
    under_test.simulator.journal.clear()
    assert caplog.text.count("a call failed") > len(type(under_test).simulator_class.supported_faults.kinds)
    assert "opened" in caplog.text or "result" not in under_test.capabilities
    assert not SECRETS.search(caplog.text)
    raw = [f"{record.msg} {record.args!r} {record.exc_text}" for record in caplog.records]
    assert not [text for text in raw if SECRETS.search(text)]


def test_without_quiet_loggers_the_same_search_finds_a_link(
    under_test: SimulatedProvider, caplog: pytest.LogCaptureFixture, levels: None
) -> None:
    for name in CHATTY_LOGGERS:
        logging.getLogger(name).setLevel(logging.DEBUG)
    with caplog.at_level(logging.DEBUG):
        call_everything(under_test)
    assert SECRETS.search(caplog.text)


def test_the_key_goes_with_every_call_of_the_api_and_nowhere_else(under_test: SimulatedProvider) -> None:
    for kind in (None, "auth", "moved", "error_before", "expired"):
        call_everything(under_test, kind)
    calls = under_test.requests()
    under_test.simulator.journal.clear()
    api = [entry for entry in calls if entry["operation"] not in OUTSIDE]
    assert api
    assert all(entry["key_matched"] for entry in api)
    downloads = [entry for entry in calls if entry["operation"] == "result"]
    assert downloads
    names = {name.lower() for entry in downloads for name in entry["header_names"]}
    assert not names & {"x-api-key", "authorization", "cookie"}
    inputs = under_test.site.input_requests(under_test.job_id)
    assert inputs
    assert KEY not in repr(inputs)


def test_every_submit_arrives_with_its_length_and_unchunked(under_test: SimulatedProvider) -> None:
    for kind in (None, "throttle", "error_after"):
        call_everything(under_test, kind)
    submits = under_test.requests("submit", "edit")
    under_test.simulator.journal.clear()
    assert len(submits) >= 5
    assert all(entry["has_content_length"] and entry["transfer_encoding"] is None for entry in submits)


@needs("legacy key")
def test_a_legacy_key_goes_as_a_bearer_token_and_no_other_header(under_test: SimulatedProvider) -> None:
    under_test.rotate_key(LEGACY_KEY_PREFIX + "x")
    under_test.keys.refresh()
    with contextlib.suppress(DarkroomError):
        under_test.find()
    assert [request["auth_header"] for request in under_test.requests()] == ["authorization"]
