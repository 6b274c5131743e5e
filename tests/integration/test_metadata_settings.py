"""Tests settings that an upload carries in its object metadata: what is sent to the provider, what is refused, and what
the job records.
"""

from __future__ import annotations

import logging
from urllib.parse import urlencode

import pytest
from tests.fakes.application import ApplicationUnderTest, drawn, picture
from tests.fakes.aws_account import INPUT

from darkroom.model import JobStatus, Plan, Upload
from darkroom_local.folder.uploads import carriers

PROMPTS = ["sharp, clear", "“größer”, klarer", "plain words", "a =?UTF-8?Q?b?= c"]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_what_the_command_line_sets_is_what_the_provider_is_sent(
    application: ApplicationUnderTest, prompt: str
) -> None:
    tags, metadata = carriers({"model": "Redefine", "prompt": prompt})
    sent: list[Plan] = []
    application.provider.draw = lambda plan: sent.append(plan) or drawn(plan)  # type: ignore[func-returns-value]
    application.deliver(application.cloud.put("a.jpg", picture(), tags=urlencode(tags), Metadata=metadata))
    job = application.job()
    assert (job.status, job.settings["prompt"]) == (JobStatus.PROCESSING, prompt)
    (plan,) = sent
    assert plan.parameters["prompt"] == prompt
    assert plan.layers["model"] == "tags"


def test_a_parameter_in_metadata_that_the_model_does_not_take_is_refused(application: ApplicationUnderTest) -> None:
    application.deliver(application.cloud.put("a.jpg", picture(), Metadata={"prompt": "sharp, clear"}))
    assert (application.job().status, application.job().error_code) == (JobStatus.REJECTED, "InvalidSetting")
    assert "in metadata" in (application.job().error or "")


def test_a_typo_in_metadata_is_refused_and_other_tools_are_left_alone(application: ApplicationUnderTest) -> None:
    theirs = {
        "s3cmd-attrs": "atime:1/ctime:1/mode:33188",
        "mtime": "1.5",
        "file-mtime": "1ns",
        "mode": "33188",
        "uid": "0",
    }
    application.deliver(application.cloud.put("a.jpg", picture(), Metadata=theirs))
    assert application.job().status is JobStatus.PROCESSING
    application.deliver(application.cloud.put("b.jpg", picture(), Metadata={**theirs, "modle": "CGI"}))
    refused = next(job for job in application.cloud.jobs() if job.source_key == "b.jpg")
    assert (refused.status, refused.error_code) == (JobStatus.REJECTED, "InvalidSetting")


CAMERA = {"model": "X-T5", "mode": "manual", "scale": "big", "provider": "acme", "seed": "x"}


@pytest.mark.parametrize(
    ("stack", "metadata", "model"),
    [({"TAG_PREFIX": "darkroom:"}, {**CAMERA, "darkroom-model": "CGI"}, "CGI"),
     ({"TAG_PREFIX": "darkroom:"}, CAMERA, "Standard V2"),
     ({"TAG_PREFIX": "darkroom:", "METADATA_SETTINGS": "on"}, {"model": "CGI"}, "CGI"),
     ({"METADATA_SETTINGS": "off"}, CAMERA, "Standard V2"),
     ({"METADATA_SETTINGS": "on"}, {"model": "CGI"}, "CGI")],
)  # fmt: skip
def test_the_stack_says_which_metadata_holds_settings(
    application: ApplicationUnderTest, stack: dict[str, str], metadata: dict[str, str], model: str
) -> None:
    upload = application.cloud.put("a.jpg", picture(), Metadata=metadata)
    application.make_container(**stack).submit(upload, application.ends, is_repeated=False)
    assert (application.job().status, application.job().model) == (JobStatus.PROCESSING, model)


def test_skip_in_metadata_skips(application: ApplicationUnderTest) -> None:
    application.deliver(application.cloud.put("a.jpg", picture(), Metadata={"Skip": "yes"}))
    assert application.job().status is JobStatus.SKIPPED


def test_metadata_is_read_when_the_sweep_brings_the_job_again(application: ApplicationUnderTest) -> None:
    application.operate.pause("topaz", "away")
    application.submit(application.cloud.put("a.jpg", picture(), Metadata={"model": "Redefine"}))
    assert (application.job().status, application.job().model) == (JobStatus.CLAIMED, "Redefine")
    application.operate.resume("topaz")
    application.submit(Upload(INPUT, "a.jpg", application.job().source_version))
    application.clock.advance(16 * 60)
    application.sweep_and_deliver()
    assert (application.job().status, application.job().model) == (JobStatus.PROCESSING, "Redefine")


def test_a_line_in_the_log_says_which_layer_gave_what_and_what_was_dropped(
    application: ApplicationUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    application.defaults = "creativity=3,opacity=0.2"
    with caplog.at_level(logging.INFO, logger="darkroom"):
        application.deliver(application.cloud.put("a.jpg", picture(), tags="model=Redefine", Metadata={"scale": "2"}))
    (line,) = (vars(record) for record in caplog.records if record.message == "planned")
    assert (line["job_id"], line["provider"], line["model"]) == (application.job().job_id, "topaz", "Redefine")
    assert {name: line["layers"][name] for name in ("model", "scale", "creativity")} == {
        "model": "tags",
        "scale": "metadata",
        "creativity": "stack",
    }
    (note,) = line["notes"]
    assert "opacity" in note
    assert "dropped" in note
