"""Tests what happens when a model's retirement day comes. New uploads are refused or get the replacement, and running jobs
are left alone.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.fakes.application import ApplicationUnderTest, picture
from tests.fakes.aws_account import Cloud

from darkroom.model import JobStatus, ProcessState, WarningMetric
from darkroom_cli.jobs import tables

# The vendor's pages name two retirement days, 2026-12-09 and this one. Darkroom takes the later day.
RETIRED = datetime(2027, 1, 1, tzinfo=UTC)
TAGS = "model=Denoise Normal"


@pytest.fixture
def world(account: Cloud) -> ApplicationUnderTest:
    world = ApplicationUnderTest(account)
    world.clock.now = RETIRED - timedelta(hours=1)
    return world


def test_the_day_before_a_job_runs_and_its_event_says_until_when(world: ApplicationUnderTest) -> None:
    job = world.complete(world.cloud.put("a.jpg", picture(), tags=TAGS))
    assert (job.status, job.model) == (JobStatus.COMPLETED, "Denoise Normal")
    ((_, detail),) = world.bus.sent
    assert (detail["retires"], detail["replaced_by"]) == ("2026-12-09", "Denoise Max")
    assert tables.everything(job)["retires"] == "2026-12-09"


def test_from_the_day_on_a_job_is_refused_unpaid_with_its_successor(world: ApplicationUnderTest) -> None:
    world.clock.advance(timedelta(hours=1))
    world.deliver(world.cloud.put("a.jpg", picture(), tags=TAGS))
    job = world.job()
    assert (job.status, job.error_code, job.reservation) == (JobStatus.REJECTED, "UnknownModel", None)
    assert "its successor is Denoise Max" in str(job.error)
    assert world.provider.processes == {}
    report = world.cloud.report("a.jpg")
    assert report is not None
    assert "Denoise Max" in str(report["message"])


def test_replace_takes_the_successor(world: ApplicationUnderTest) -> None:
    world.clock.advance(timedelta(hours=1))
    job = world.complete(world.cloud.put("a.jpg", picture(), tags=f"{TAGS}&retired=replace"))
    assert (job.status, job.model, job.credits) == (JobStatus.COMPLETED, "Denoise Max", 1)
    assert "retires" not in world.bus.sent[-1][1]


@pytest.mark.parametrize(
    "defaults",
    [
        "model=Denoise Normal",
        "model=Super Focus V2",
        "model=Denoise Normal,retired=refuse",
        "preset=grain",
        "model=Denoise Normal,retired=replace,strength=0.5",
    ],
)
def test_an_upload_waits_while_the_stacks_defaults_name_a_retired_model(
    world: ApplicationUnderTest, defaults: str
) -> None:
    world.cloud.put("darkroom.toml", b'[presets.grain]\nmodel = "Denoise Normal"\n')
    world.defaults = defaults
    world.clock.advance(timedelta(hours=1))
    upload = world.cloud.put("a.jpg", picture())
    world.submit(upload)
    job = world.job()
    assert (job.status, job.error_code) == (JobStatus.CLAIMED, "InvalidSetting")
    assert "DefaultSettings is wrong: model=" in str(job.error)
    assert "has retired" in str(job.error)
    assert (world.alerts.rung, world.cloud.report("a.jpg")) == (["WrongDefaults"], None)
    world.defaults = "model=Denoise Max"
    world.clock.advance(16 * 60)
    world.sweep()
    assert world.complete(upload).model == "Denoise Max"


@pytest.mark.parametrize(
    ("defaults", "tags"),
    [
        ("model=Standard V2", "model=Denoise Normal"),
        ("retired=refuse", "model=Denoise Normal"),
        ("model=Denoise Normal,retired=replace", "retired=refuse"),
        ("model=Denoise Normal,retired=replace", "strength=0.5"),
    ],
)
def test_an_upload_whose_own_settings_exclude_the_successor_is_refused(
    world: ApplicationUnderTest, defaults: str, tags: str
) -> None:
    world.defaults = defaults
    world.clock.advance(timedelta(hours=1))
    world.submit(world.cloud.put("a.jpg", picture(), tags=tags))
    assert (world.job().status, world.job().error_code) == (JobStatus.REJECTED, "UnknownModel")
    assert world.alerts.rung == []


def test_an_upload_that_names_its_own_model_runs_while_others_wait(world: ApplicationUnderTest) -> None:
    world.defaults = "model=Denoise Normal"
    world.clock.advance(timedelta(hours=1))
    world.submit(world.cloud.put("a.jpg", picture(), tags="model=Denoise Max"))
    assert world.job().status is JobStatus.PROCESSING


def test_a_job_at_the_vendor_is_left_alone(world: ApplicationUnderTest) -> None:
    upload = world.cloud.put("a.jpg", picture(), tags=TAGS)
    world.deliver(upload)
    world.clock.advance(timedelta(hours=2))
    world.sweep()
    job = world.job()
    assert job.status is JobStatus.PROCESSING
    world.provider.become(ProcessState.COMPLETED, job.require_process().process_id)
    world.finalize(job)
    assert world.job().status is JobStatus.COMPLETED


def test_a_job_that_was_never_sent_is_refused_when_its_turn_comes(world: ApplicationUnderTest) -> None:
    world.operate.pause("topaz", "a pause over the day")
    upload = world.cloud.put("a.jpg", picture(), tags=TAGS)
    world.submit(upload)
    assert world.job().status is JobStatus.CLAIMED
    world.clock.advance(timedelta(hours=2))
    world.operate.resume("topaz")
    world.deliver(upload)
    assert (world.job().status, world.job().error_code) == (JobStatus.REJECTED, "UnknownModel")
    assert world.provider.processes == {}


def test_the_sweep_counts_yesterdays_jobs_on_models_that_retire_within_thirty_days(world: ApplicationUnderTest) -> None:
    world.clock.now = datetime(2026, 11, 9, 23, 0, tzinfo=UTC)
    for name in ("a", "b"):
        world.complete(world.cloud.put(f"{name}.jpg", picture(), tags=TAGS))
    world.complete(world.cloud.put("c.jpg", picture(), tags="model=Wonder"))  # this model retires later
    world.complete(world.cloud.put("d.jpg", picture()))
    world.clock.advance(timedelta(hours=2))
    assert world.sweep()["RetiringModels"] == 2
    assert world.alerts.noted == [WarningMetric.RETIRING_MODEL]
    assert "RetiringModels" not in world.sweep()  # the jobs are counted once a day


def test_the_sweep_counts_nothing_earlier(world: ApplicationUnderTest) -> None:
    world.clock.now = datetime(2026, 11, 7, 23, 0, tzinfo=UTC)
    world.complete(world.cloud.put("a.jpg", picture(), tags=TAGS))
    world.clock.advance(timedelta(hours=2))
    assert "RetiringModels" not in world.sweep()
