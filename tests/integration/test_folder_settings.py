"""`darkroom.toml` in the input bucket: which uploads it counts for, what a wrong one does, and how soon a mended one counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.fakes.application import ApplicationUnderTest, picture
from tests.fakes.aws_account import INPUT
from tests.integration.time_support import Replaced

from darkroom.aws.folder_files import S3FolderFiles
from darkroom.errors import DarkroomError, SourceDenied, SourceGone, SourceUnreadable
from darkroom.model import Job, JobStatus, ProcessState, Upload
from darkroom.pipeline.message_outcomes import Ignored


def drop(application: ApplicationUnderTest, key: str, text: str) -> str:
    """Upload a darkroom.toml and deliver its event. Return what submit says."""
    outcome = application.submit(application.cloud.put(key, text.encode()))
    assert isinstance(outcome, Ignored)
    return outcome.reason


def sent(application: ApplicationUnderTest, key: str, **more: Any) -> Job:
    """Upload a picture and deliver its event. Return its job."""
    upload = application.cloud.put(key, picture(), **more)
    application.submit(upload)
    return next(j for j in application.cloud.jobs() if (j.source_key, j.source_version) == (key, upload.version_id))


def test_the_nearest_file_wins_and_its_parents_fill_what_is_open(application: ApplicationUnderTest) -> None:
    drop(application, "darkroom.toml", 'model = "CGI"\nlabel = "all"\noutput_format = "png"')
    drop(application, "shop/darkroom.toml", 'model = "Redefine"\nscale = 2')
    job = sent(application, "shop/new/a.jpg", Metadata={"creativity": "3"}, tags="scale=3")
    assert job.status is JobStatus.PROCESSING
    assert {name: job.settings[name] for name in ("model", "label", "output_format", "creativity", "scale")} == {
        "model": "Redefine", "label": "all", "output_format": "png", "creativity": "3", "scale": "3",
    }  # fmt: skip
    assert sent(application, "b.jpg").model == "CGI"


def test_the_last_rule_that_matches_wins_key_by_key(application: ApplicationUnderTest) -> None:
    text = 'model = "CGI"\n[[rules]]\nmatch = "*.jpg"\nscale = 2\nlabel = "jpg"\n[[rules]]\nmatch = "a*"\nscale = 3\n'
    drop(application, "in/darkroom.toml", text)
    job = sent(application, "in/deep/A1.JPG")
    assert (job.model, job.settings["scale"], job.settings["label"]) == ("CGI", "3", "jpg")
    assert sent(application, "in/b.jpg").settings["scale"] == "2"
    assert "scale" not in sent(application, "in/b.png").settings


def test_a_wrong_file_has_a_report_and_uploads_below_it_cost_nothing_until_it_is_mended(
    application: ApplicationUnderTest,
) -> None:
    assert "in/darkroom.toml: sclae='2' is not known; did you mean scale" in drop(
        application, "in/darkroom.toml", "sclae=2"
    )
    report = application.cloud.report("in/darkroom.toml")
    assert report is not None
    assert (report["code"], report["source_key"]) == ("InvalidSetting", "in/darkroom.toml")
    refused = sent(application, "in/deep/a.jpg")
    assert (refused.status, refused.error_code) == (JobStatus.REJECTED, "InvalidSetting")
    assert "in/darkroom.toml: sclae" in (refused.error or "")
    assert sent(application, "elsewhere/a.jpg").status is JobStatus.PROCESSING
    assert drop(application, "in/darkroom.toml", "scale = 2") == "a darkroom.toml that is right"
    assert application.cloud.report("in/darkroom.toml") is None
    assert sent(application, "in/deep/a.jpg").settings["scale"] == "2"
    application.assert_books_balance()


def test_a_file_that_is_no_toml_is_refused_with_its_line(application: ApplicationUnderTest) -> None:
    assert "at line 2, column 7" in drop(application, "darkroom.toml", 'model = "CGI"\nscale 2\n')
    assert "darkroom.toml: it is not valid TOML" in (sent(application, "a.jpg").error or "")


def test_skip_needs_no_valid_file(application: ApplicationUnderTest) -> None:
    drop(application, "darkroom.toml", "sclae=2")
    assert sent(application, "a.jpg", tags="skip=true").status is JobStatus.SKIPPED


def test_a_file_makes_no_job_and_is_no_lost_upload(application: ApplicationUnderTest) -> None:
    drop(application, "darkroom.toml", "scale=2")
    application.sweep()
    application.clock.now = datetime.now(UTC) + timedelta(hours=1)
    application.sweep()
    assert application.cloud.jobs() == []
    assert application.queue.sent == []


@pytest.mark.parametrize(
    ("key", "is_checked"),
    [("darkroom.toml", True), ("in/darkroom.toml", True), ("in/a/darkroom.toml", True), ("other/darkroom.toml", False)],
)
def test_a_file_outside_of_the_prefix_is_nobodys(application: ApplicationUnderTest, key: str, is_checked: bool) -> None:
    upload = application.cloud.put(key, b"sclae=2")
    application.make_container(INPUT_PREFIX="in/", INPUT_SUFFIXES=".jpg").submit(
        upload, application.ends, is_repeated=False
    )
    assert (application.cloud.report(key) is not None) is is_checked


def test_users_presets_reach_uploads_below_and_unknown_ones_are_refused(application: ApplicationUnderTest) -> None:
    drop(application, "darkroom.toml", '[presets.shop]\nmodel = "CGI"\nscale = 2\nlabel = "shop"')
    job = sent(application, "x/a.jpg", tags="preset=Shop&scale=3")
    assert (job.model, job.settings["scale"], job.settings["label"], job.settings["preset"]) == (
        "CGI",
        "3",
        "shop",
        "Shop",
    )
    assert "preset='shopp' in x/darkroom.toml" in drop(application, "x/darkroom.toml", 'preset = "shopp"')
    assert drop(application, "x/darkroom.toml", 'preset = "shop"') == "a darkroom.toml that is right"
    assert sent(application, "x/b.jpg").model == "CGI"


def test_output_rules_decide_the_key_and_the_tags(application: ApplicationUnderTest) -> None:
    text = '[output]\nkey = "{folder}/{stem}-{model}-{width}.{ext}"\ntags = "drop"\nsuffix = { jpeg = "jpg" }'
    drop(application, "in/darkroom.toml", text)
    done = application.complete(application.cloud.put("in/a/cat.jpeg", picture(40, 30), tags="Project=x"))
    assert (done.status, done.require_dispatch().output_key) == (JobStatus.COMPLETED, "in/a/cat-standard-v2-40.jpg")
    assert application.cloud.keys() == {"in/a/cat-standard-v2-40.jpg"}
    tags = application.cloud.s3.get_object_tagging(Bucket="darkroom-out", Key="in/a/cat-standard-v2-40.jpg")["TagSet"]
    assert tags == []
    kept = application.complete(application.cloud.put("cat.jpg", picture(), tags="Project=x"))
    assert kept.require_dispatch().output_key == "cat.jpg"


def test_flat_folders_refuse_a_collision_before_paying(application: ApplicationUnderTest) -> None:
    drop(application, "darkroom.toml", '[output]\nfolders = "flat"')
    assert sent(application, "a/cat.jpg").require_dispatch().output_key == "cat.jpg"
    second = sent(application, "b/cat.jpg")
    assert (second.status, second.error_code) == (JobStatus.REJECTED, "OutputCollision")
    application.assert_books_balance()


def test_a_failure_of_an_older_version_leaves_no_report_beside_a_newer_result_under_another_key(
    application: ApplicationUnderTest,
) -> None:
    drop(application, "darkroom.toml", '[output]\nkey = "{stem}-{model}.{ext}"')
    older = replace(application.cloud.put("a.jpg", picture()), sequencer="0A")
    application.submit(older)
    application.complete(replace(application.cloud.put("a.jpg", picture(41, 30)), sequencer="0B"))
    job = next(j for j in application.cloud.jobs() if j.source_version == older.version_id)
    application.provider.become(ProcessState.FAILED, job.require_process().process_id)
    application.clock.advance(60)
    application.finalize(job)
    assert application.cloud.report("a.jpg") is None


class Counted:
    """A client that counts GetObject and can refuse it."""

    def __init__(self, client: Any) -> None:
        self.client, self.calls = client, 0

    def get_object(self, **parameters: Any) -> Any:
        self.calls += 1
        return self.client.get_object(**parameters)


def test_a_file_is_kept_for_a_minute_but_never_older_than_the_upload(application: ApplicationUnderTest) -> None:
    now = datetime.now(UTC) + timedelta(minutes=1)
    client = Counted(application.cloud.s3)
    files = S3FolderFiles(client, lambda: now)  # type: ignore[arg-type]
    long_ago = now - timedelta(minutes=5)
    application.cloud.put("darkroom.toml", b"scale=2")
    first = files.read(INPUT, "darkroom.toml", long_ago)
    assert first is not None
    assert first.body == b"scale=2"
    assert files.read(INPUT, "x/darkroom.toml", long_ago) is None
    assert files.read(INPUT, "x/darkroom.toml", long_ago) is None
    assert files.read(INPUT, "darkroom.toml", long_ago) == first
    assert client.calls == 2
    application.cloud.put("darkroom.toml", b"scale=3")
    mended = files.read(INPUT, "darkroom.toml", now)  # for an upload that may be newer than what is kept
    assert mended is not None
    assert mended.body == b"scale=3"
    now += timedelta(seconds=61)
    assert files.read(INPUT, "darkroom.toml", long_ago) == mended  # asked again, not changed: no body comes
    assert client.calls == 4


def test_a_file_that_may_not_be_read_lets_uploads_wait(application: ApplicationUnderTest) -> None:
    class Denied:
        def read(self, bucket: str, key: str, as_of: datetime) -> None:
            raise SourceDenied(f"{bucket}/{key} may not be read")

    application.ports["folder_files"] = Denied()
    job = sent(application, "a.jpg")
    assert (job.status, job.error_code) == (JobStatus.CLAIMED, "SourceUnreadable")
    assert "darkroom.toml may not be read" in (job.error or "")


@pytest.mark.parametrize("unread", [SourceGone, SourceDenied, SourceUnreadable])
def test_a_file_that_cannot_be_read_when_it_is_uploaded_has_no_report_and_is_not_delivered_again(
    application: ApplicationUnderTest, unread: type[DarkroomError]
) -> None:
    def refuse(upload: Upload) -> None:
        raise unread("no bytes")

    application.ports["sources"] = Replaced(application.ports["sources"], find=refuse)
    assert drop(application, "darkroom.toml", "sclae=2") == "no bytes"
    assert application.cloud.report("darkroom.toml") is None


def test_a_file_is_checked_although_its_parents_is_wrong(application: ApplicationUnderTest) -> None:
    drop(application, "darkroom.toml", 'sclae = "2"')
    assert drop(application, "x/darkroom.toml", 'label = "mine"') == "a darkroom.toml that is right"
    assert "that is wrong" in drop(application, "x/y/darkroom.toml", 'lable = "mine"')


def test_wrong_defaults_hold_every_upload_and_call_once(application: ApplicationUnderTest) -> None:
    application.defaults = "model=Standrd V2"
    container = application.make_container()
    for name in "abc":
        container.submit(application.cloud.put(f"{name}.jpg", picture()), application.ends, is_repeated=False)
    assert {job.status for job in application.cloud.jobs()} == {JobStatus.CLAIMED}
    assert application.alerts.rung == ["WrongDefaults"]
    (message,) = {job.error or "" for job in application.cloud.jobs()}
    assert "DefaultSettings is wrong: model='Standrd V2'" in message
    assert "did you mean Standard V2" in message
    application.defaults = "model=Standard V2"
    application.clock.advance(16 * 60)
    application.sweep()
    for what, _ in application.queue.sent:
        application.submit(what)
    assert {job.status for job in application.cloud.jobs()} == {JobStatus.PROCESSING}


@pytest.mark.parametrize(
    "defaults", ["preset=upscale-3x", "scale=2,output_width=100", "sclae=2", "model=CGI,model=CGI"]
)
def test_defaults_that_no_upload_could_use_refuse_none(application: ApplicationUnderTest, defaults: str) -> None:
    application.defaults = defaults
    assert sent(application, "a.jpg").status is JobStatus.CLAIMED
    assert application.alerts.rung == ["WrongDefaults"]
    assert sent(application, "b.jpg", tags="skip=true").status is JobStatus.SKIPPED
    application.clock.advance(25 * 3600)
    application.sweep_and_deliver()
    job = next(one for one in application.cloud.jobs() if one.source_key == "a.jpg")
    assert (job.status, job.error_code) == (JobStatus.FAILED, "InvalidSetting")
    assert "DefaultSettings is wrong" in (job.error or "")
