"""The death of a worker at any point of a synchronous job: the staged result is adopted, published once and paid
once.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.fakes import small_catalogs
from tests.fakes.application import MONTH, World, picture
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
    ("ledger", "get"), ("ledger", "take_over"), ("ledger", "lock_output"), ("outputs", "receipt"), ("staging", "open"),
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


def assert_published_and_paid_once(world: World, *, left: bool = False) -> None:
    job = world.job()
    assert (job.status, job.run, len(world.provider.processes)) == (JobStatus.COMPLETED, 1, 1)
    assert world.cloud.body("a.jpg") == world.provider.processes["process-1"].result
    staged = {output_keys.incoming_key(job.job_id)} if left else set()
    assert (world.cloud.keys(), world.cloud.versions("a.jpg")) == ({"a.jpg", *staged}, 1)
    assert world.cloud.budget("topaz", MONTH)["spent"] == 2
    assert set(world.bus.kinds) == {"Job Completed"}
    world.assert_books_balance()


@pytest.mark.parametrize("step", SUBMIT_STEPS, ids=ids)
@WHEN
def test_submit_may_die_at_any_step(world: World, step: tuple[str, str], after: bool) -> None:
    upload = world.cloud.put("a.jpg", picture())
    kill(world, *step, after=after)
    deliver_until_done(world, upload)
    if (step, after) == (("staging", "stage"), False):  # the answer died with its worker
        assert (world.job().status, world.job().error_code) == (JobStatus.FAILED, "ResultLost")
        assert len(world.provider.processes) == 1
        return
    finalize_until_done(world)
    assert_published_and_paid_once(world)


@pytest.mark.parametrize("step", ADOPT_STEPS, ids=ids)
@WHEN
def test_the_adoption_of_a_staged_result_may_die_at_any_step(world: World, step: tuple[str, str], after: bool) -> None:
    upload = world.cloud.put("a.jpg", picture())
    world.provider.losses = [SubmitInDoubt("lost")]
    world.submit(upload)
    kill(world, *step, after=after)
    deliver_until_done(world, upload)
    finalize_until_done(world)
    assert_published_and_paid_once(world)


@pytest.mark.parametrize("step", FINALIZE_STEPS, ids=ids)
@WHEN
def test_finalize_may_die_at_any_step(world: World, step: tuple[str, str], after: bool) -> None:
    world.deliver(world.cloud.put("a.jpg", picture(), tags="label=x"))
    kill(world, *step, after=after)
    finalize_until_done(world)
    assert_published_and_paid_once(world, left=(*step, after) in LEAVES)
