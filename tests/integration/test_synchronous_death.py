"""Tests workers that die at any step of a synchronous job. The next worker adopts the staged result, which is published
once and paid once.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.fakes import small_catalogs
from tests.fakes.application import MONTH, ApplicationUnderTest, picture
from tests.integration.worker_death_support import (
    LEAVES,
    WHEN,
    deaths_happened,
    deliver_until_done,
    finalize_until_done,
    ids,
    kill,
)

from darkroom import output_keys
from darkroom.errors import SubmitInDoubt
from darkroom.model import JobStatus

SUBMIT_STEPS = [
    ("ledger", "reserve"), ("sources", "open"), ("provider", "submit"), ("staging", "stage"), ("ledger", "bind"),
    ("executions", "start"),
]  # fmt: skip
ADOPT_STEPS = [("ledger", "take_over"), ("staging", "find"), ("ledger", "bind"), ("executions", "start")]
FINALIZE_STEPS = [
    ("ledger", "get"), ("ledger", "take_over"), ("ledger", "lock_output"), ("outputs", "find"), ("staging", "open"),
    ("sources", "find"), ("outputs", "write"), ("outputs", "remove_report"), ("ledger", "settle"),
    ("events", "publish"), ("ledger", "mark_published"), ("staging", "drop"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def every_planned_death_happens() -> Iterator[None]:
    yield
    assert deaths_happened()


@pytest.fixture(autouse=True)
def only_synchronous(monkeypatch: pytest.MonkeyPatch) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book("is_synchronous = true\ncredits = 2"))


def assert_published_and_paid_once(application: ApplicationUnderTest, *, left: bool = False) -> None:
    job = application.job()
    assert (job.status, job.run, len(application.provider.processes)) == (JobStatus.COMPLETED, 1, 1)
    assert application.cloud.body("a.jpg") == application.provider.processes["process-1"].result
    staged = {output_keys.incoming_key(job.job_id)} if left else set()
    assert (application.cloud.keys(), application.cloud.versions("a.jpg")) == ({"a.jpg", *staged}, 1)
    assert application.cloud.budget("topaz", MONTH)["spent"] == 2
    assert set(application.bus.kinds) == {"Job Completed"}
    application.assert_books_balance()


@pytest.mark.parametrize("step", SUBMIT_STEPS, ids=ids)
@WHEN
def test_submit_may_die_at_any_step(application: ApplicationUnderTest, step: tuple[str, str], after: bool) -> None:
    upload = application.cloud.put("a.jpg", picture())
    kill(application, *step, after=after)
    deliver_until_done(application, upload)
    if (step, after) == (("staging", "stage"), False):  # the worker died with the answer that it had received
        assert (application.job().status, application.job().error_code) == (JobStatus.FAILED, "ResultLost")
        assert len(application.provider.processes) == 1
        return
    finalize_until_done(application)
    assert_published_and_paid_once(application)


@pytest.mark.parametrize("step", ADOPT_STEPS, ids=ids)
@WHEN
def test_the_adoption_of_a_staged_result_may_die_at_any_step(
    application: ApplicationUnderTest, step: tuple[str, str], after: bool
) -> None:
    upload = application.cloud.put("a.jpg", picture())
    application.provider.losses = [SubmitInDoubt("lost")]
    application.submit(upload)
    kill(application, *step, after=after)
    deliver_until_done(application, upload)
    finalize_until_done(application)
    assert_published_and_paid_once(application)


@pytest.mark.parametrize("step", FINALIZE_STEPS, ids=ids)
@WHEN
def test_finalize_may_die_at_any_step(application: ApplicationUnderTest, step: tuple[str, str], after: bool) -> None:
    application.deliver(application.cloud.put("a.jpg", picture(), tags="label=x"))
    kill(application, *step, after=after)
    finalize_until_done(application)
    assert_published_and_paid_once(application, left=(*step, after) in LEAVES)
