"""Tests that the probe, which finds out how a vendor spells the names of settings, is a job like any other. It is in the
ledger, respects the limits, and is paid once.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.fakes.application import DEADLINE, INVOCATION, MONTH, ApplicationUnderTest
from tests.fakes.aws_account import Cloud
from tests.rows import each_row

from darkroom.errors import Inapplicable, Throttled
from darkroom.model import Job, JobStatus, Limits, Plan, ProcessState, Spelling
from darkroom.pipeline.message_outcomes import Ignored
from darkroom.pipeline.spelling_probe import TAGS, spelling_in
from darkroom_cli.catalogs.spelling_probe import FOLDER, picture

KEY = f"{FOLDER}now.png"


def probed(world: ApplicationUnderTest) -> Job:
    return world.make_container().probe(world.cloud.put(KEY, picture(), tags=urlencode(TAGS)), world.ends)


def test_the_probe_sends_one_setting_under_both_names_with_two_values(account: Cloud) -> None:
    world = ApplicationUnderTest(account)
    plans: list[Plan] = []
    world.provider.draw = lambda plan: plans.append(plan) or b""  # type: ignore[func-returns-value]
    job = probed(world)
    (plan,) = plans
    sent = plan.parameters
    assert (sent["fix_compression"], sent["fixCompression"]) == ("0.31", "0.62")
    assert (job.status, job.model, job.label, job.require_reservation().credits_reserved) == (
        JobStatus.PROCESSING,
        "Standard V2",
        "darkroom-probe",
        1,
    )


def test_no_folder_file_changes_it(account: Cloud) -> None:
    account.put("darkroom.toml", b"sclae = 2")
    assert probed(ApplicationUnderTest(account)).status is JobStatus.PROCESSING


def test_its_credit_is_reserved_and_settled_like_any_other(account: Cloud) -> None:
    world = ApplicationUnderTest(account)
    job = probed(world)
    world.provider.become(ProcessState.COMPLETED, job.require_process().process_id, Decimal(1))
    world.finalize(job)
    assert world.job().status is JobStatus.COMPLETED
    assert account.budget("topaz", MONTH)["spent"] == 1
    world.assert_books_balance()


def test_a_limit_that_is_reached_refuses_it_unpaid(account: Cloud) -> None:
    world = ApplicationUnderTest(account, limits=Limits({"topaz": Decimal("0.5")}, Decimal(0), {}, {}))
    with pytest.raises(Inapplicable, match=f"was not sent: .*limit.* \\(job {'[0-9a-f]' * 32}\\)"):
        probed(world)
    assert (world.job().status, world.provider.processes) == (JobStatus.REJECTED, {})


def test_a_vendor_that_does_not_take_it_now_leaves_it_to_the_job_to_say_why(account: Cloud) -> None:
    world = ApplicationUnderTest(account)
    world.provider.refusals = [Throttled("HTTP 429")]
    with pytest.raises(Inapplicable, match="was not sent: look at the job"):
        probed(world)
    assert (world.job().status, world.job().error) == (JobStatus.CLAIMED, "HTTP 429")


def test_nobody_else_takes_it_over_while_the_command_may_run(account: Cloud) -> None:
    world = ApplicationUnderTest(account)
    submit = world.provider.submit

    def slow(*told: Any) -> Any:
        world.clock.advance(INVOCATION)
        world.sweep()
        return submit(*told)

    world.provider.submit = slow  # type: ignore[method-assign]
    assert (probed(world).status, world.queue.sent) == (JobStatus.PROCESSING, [])


def test_its_process_is_awaited_until_the_deadline_of_any_job(account: Cloud) -> None:
    world = ApplicationUnderTest(account)
    job = probed(world)
    assert job.deadline_at == world.clock() + DEADLINE
    assert world.poll(job).status == "running"


def test_the_functions_leave_its_picture_alone(account: Cloud) -> None:
    world = ApplicationUnderTest(account)
    assert isinstance(world.submit(account.put(KEY, picture(), tags=urlencode(TAGS))), Ignored)
    assert account.jobs() == []


@each_row(
    ("echoed", "spelling"),
    [
        ({"fix_compression": 0.31}, Spelling.SNAKE),
        ({"fix_compression": 0.62}, Spelling.CAMEL),
        ({"anything": "0.62", "other": True}, Spelling.CAMEL),
        ({"fix_compression": 0.31, "fixCompression": 0.62}, Spelling.BOTH),
        ({}, None),
        ({"fix_compression": 0.5}, None),
    ],
)
def test_the_value_that_the_vendor_used_tells_the_spelling(
    echoed: dict[str, object], spelling: Spelling | None
) -> None:
    assert spelling_in(echoed) is spelling
