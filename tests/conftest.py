"""Distributes the tests over processes. Tests that share a resource run in one process. All others are given out file by file.

The longest scopes start first, so that no process is still busy long after the others have ended.
"""

from __future__ import annotations

import functools
import gc
import os
import signal
from typing import Any

import pytest
from botocore import session as sessions
from hypothesis import HealthCheck, settings
from typer import main as typer_main
from typer import testing as typer_testing
from xdist.scheduler import LoadScopeScheduling

from darkroom.providers import http_client
from tests.rows import shared_fixtures

# Scopes that are larger than one file or run longer than a usual file, in the order in which they start. A folder is
# one scope if its tests share one cloud, are checked together at the end, or mostly wait. Scopes that mostly wait
# alternate with those that compute.
LONG_SCOPES = (
    "tests/e2e/",
    "tests/faults/test_schedules.py",
    "tests/e2e/test_operating.py",  # this file starts a cloud of its own
    "tests/contract/",
    "tests/e2e/test_vendors.py",  # so does this one, which test_callbacks.py shares
    "tests/simulators/",
    "tests/e2e/test_watched_folder.py",  # these three start their own clouds
    "tests/e2e/test_task_tokens.py",
    "tests/e2e/test_embedded_cloud.py",
    "tests/e2e/test_local_run.py",  # each test starts its own cloud
    "tests/e2e/test_killed_runs.py",  # and here, too
    "tests/faults/test_seeded_bugs.py",
    "tests/unit/test_worker_limit.py",
    "tests/unit/test_input_bucket.py",
    "tests/unit/test_statemachine.py",
    "tests/soak/",
)
JOINED = {  # a file → the file whose scope it joins
    "tests/e2e/test_callbacks.py": "tests/e2e/test_vendors.py",
    # The first chart of a process takes a second, because it starts a JavaScript engine.
    "tests/unit/test_cli_html_report.py": "tests/unit/test_html_report.py",
    "tests/unit/test_html_report_figures.py": "tests/unit/test_html_report.py",
}
WAITING_PROCESSES = 3  # at any time about this many processes wait for the cloud and need no core
MOST_PROCESSES = 6
# The garbage collector's thresholds: new objects before the youngest generation is collected, collections of the youngest
# before the middle one is collected, and collections of the middle one before the oldest one is.
COLLECTED_AFTER = (2000, 10, 100)
# Hypothesis must not fail a test because a busy machine makes or tries an example slowly.
settings.register_profile("without a clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("without a clock")


def scope_of(nodeid: str) -> str:
    """Return the longest entry of LONG_SCOPES that contains the test, or else the test's file."""
    path = nodeid.partition("::")[0]
    path = JOINED.get(path, path)
    return max((scope for scope in LONG_SCOPES if path.startswith(scope)), key=len, default=path)


class LongScopesFirst(LoadScopeScheduling):
    """Gives each process one scope at a time, in the order in which pytest collected the tests."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        # pytest-xdist would sort scopes by their number of tests, which says nothing about their length.
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def pytest_configure() -> None:
    """Let the tests of a process share what takes longer to make than most tests take, and what no test changes: boto3's
    service models, the commands that Typer makes of an application, and the certificates that HTTP clients trust.

    The garbage collector rests while pytest collects. All that is made then stays, and looking through it again and again
    takes as long as the collection itself.

    A shell that runs the tests in the background lets them ignore Ctrl-C, and all commands that they start. So the tests
    stop ignoring it.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sessions.create_loader = functools.cache(sessions.create_loader)
    typer_testing._get_command = typer_main.get_command = functools.cache(typer_main.get_command)
    http_client.tls_context = functools.cache(http_client.tls_context)
    gc.disable()


def pytest_collection_finish() -> None:
    """Let the garbage collector work again. It looks only at what tests make, and rarely at all of it, because little of
    that is left after a test.
    """
    gc.freeze()
    gc.set_threshold(*COLLECTED_AFTER)
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LongScopesFirst:
    return LongScopesFirst(config, log)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    return min((os.cpu_count() or 1) + WAITING_PROCESSES, MOST_PROCESSES)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and (shared := shared_fixtures(item)):
            raise pytest.UsageError(f"{item.nodeid}: all rows would share {shared}. Use pytest.mark.parametrize.")
    place = {scope: number for number, scope in enumerate(LONG_SCOPES)}
    items.sort(key=lambda item: place.get(scope_of(item.nodeid), len(place)))
