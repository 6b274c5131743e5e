"""Tests `darkroom enhance`: what it sends and refuses, that nothing is paid twice, and that results come home."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.application import ApplicationUnderTest, picture
from tests.fakes.aws_account import INPUT, OUTPUT
from tests.integration.enhance_support import enhanced, folder_of_photos, versions, working
from tests.rows import each_row
from tests.unit.cli_support import Stack, deployed, run

from darkroom.model import Limits, Upload
from darkroom.setting_layers import metadata_layer, resolve
from darkroom_cli.batch import uploading
from darkroom_cli.batch.earlier_uploads import MARK
from darkroom_cli.stack import batch_reader, deployment


@pytest.fixture
def stack() -> Iterator[Stack]:
    with deployed(emulates_s3=True) as made:
        yield made


@pytest.fixture
def application(stack: Stack) -> ApplicationUnderTest:
    return stack.application


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return folder_of_photos(tmp_path / "photos", 3)


@pytest.fixture
def works(application: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let the application process all uploads whenever the command waits."""
    work = working(application)
    monkeypatch.setattr(batch_reader, "pause", work)
    return work


def test_pictures_are_sent_followed_and_brought(
    application: ApplicationUnderTest, photos: Path, works: object, tmp_path: Path
) -> None:
    done = run("enhance", str(photos), "--set", "scale=2", "--out", str(tmp_path / "out"))
    assert done.exit_code == 0, done.output
    assert "to send: 3 pictures: 3 credits of topaz, 0.36 USD" in done.stdout
    assert "3 of 3 completed, 3 credits of topaz, 0.36 USD" in done.stdout
    for number in range(3):
        assert (tmp_path / "out" / f"{number}.jpg").read_bytes() == application.cloud.body(f"{number}.jpg")
    assert {job.settings["scale"] for job in application.cloud.jobs()} == {"2"}
    application.assert_books_balance()


def test_the_same_command_again_pays_nothing_and_sends_nothing(
    application: ApplicationUnderTest, photos: Path, works: object, tmp_path: Path
) -> None:
    first = enhanced(photos, "--set", "scale=2", "--out", tmp_path / "out")
    (tmp_path / "out" / "1.jpg").unlink()
    second = enhanced(photos, "--set", "Scale=2", "--out", tmp_path / "out")
    assert [one["fate"] for one in first] == ["sent"] * 3
    assert [one["fate"] for one in second] == ["sent before"] * 3
    assert [one["job_id"] for one in first] == [one["job_id"] for one in second]
    assert (tmp_path / "out" / "1.jpg").is_file()
    assert (versions(application), len(application.provider.processes)) == (3, 3)


def test_results_that_lie_in_the_folder_are_never_sent_as_pictures(
    application: ApplicationUnderTest, photos: Path, works: object
) -> None:
    out = photos / "deeper" / "enhanced"
    enhanced(photos, "--out", out, "--set", "scale=2")
    again = enhanced(photos, "--out", out, "--set", "scale=2")
    assert [one["key"] for one in again] == ["0.jpg", "1.jpg", "2.jpg"]
    assert versions(application) == 3
    done = run("enhance", str(photos), "--out", str(out), "--set", "scale=2")
    assert "left out: 3 files that are results" in done.stdout


def test_a_folder_that_is_its_own_folder_of_results_ends_the_command(
    application: ApplicationUnderTest, photos: Path
) -> None:
    done = run("enhance", str(photos), "--out", str(photos))
    assert done.exit_code == 2
    assert "all of them are in --out" in done.stderr
    assert versions(application) == 0


def test_results_may_go_to_the_folder_above_the_pictures(photos: Path, works: object) -> None:
    assert [one["status"] for one in enhanced(photos, "--out", photos.parent)] == ["COMPLETED"] * 3


def test_other_settings_or_again_make_another_paid_job(
    application: ApplicationUnderTest, photos: Path, works: object
) -> None:
    enhanced(photos / "0.jpg")
    enhanced(photos / "0.jpg", "--set", "scale=2", "--watch")
    enhanced(photos / "0.jpg", "--set", "scale=2", "--again", "--watch")
    assert len(application.cloud.jobs()) == 3


def test_what_is_paid_again_or_replaced_is_said(application: ApplicationUnderTest, photos: Path) -> None:
    run("enhance", str(photos / "0.jpg"))
    assert "sent before, and paid again: 1 file" in run("enhance", str(photos / "0.jpg"), "--again").stdout
    other = run("enhance", str(photos / "0.jpg"), "--set", "scale=2").stdout
    assert "with other settings, and paid again; the new results replace the earlier ones: 1 file" in other
    (photos / "0.jpg").write_bytes(picture(99, 99))
    said = run("enhance", str(photos / "0.jpg"), "--replace").stdout
    assert "in the place of another picture: 1 file" in said
    assert "paid again" not in said


def test_pictures_with_the_same_bytes_are_named(application: ApplicationUnderTest, photos: Path) -> None:
    (photos / "copy.jpg").write_bytes((photos / "1.jpg").read_bytes())
    assert "the same bytes, paid for each: 1.jpg, copy.jpg" in run("enhance", str(photos)).stdout


def test_a_budget_that_is_too_small_is_told_before_the_upload(photos: Path) -> None:
    with deployed(Limits({}, Decimal("0.25"), {}, {}), emulates_s3=True):
        said = run("enhance", str(photos)).stdout
    assert "leaves 0.25 USD: what does not fit is refused, unpaid" in said


def test_another_picture_with_the_same_key_is_not_replaced_unasked(
    application: ApplicationUnderTest, photos: Path, works: object
) -> None:
    application.cloud.put("0.jpg", picture(90, 90))
    (one,) = enhanced(photos / "0.jpg", code=1)
    assert one["fate"] == "refused"
    assert "an upload with the key '0.jpg' that this command did not send. It may be the same picture" in one["message"]
    assert "--replace" in one["message"]
    assert versions(application) == 1
    enhanced(photos / "0.jpg", "--to", "other")
    enhanced(photos / "0.jpg", "--replace")
    assert versions(application) == 3


def test_another_picture_that_this_command_sent_is_named_as_another(photos: Path, works: object) -> None:
    enhanced(photos / "0.jpg")
    (photos / "0.jpg").write_bytes(picture(99, 99))
    (one,) = enhanced(photos / "0.jpg", code=1)
    assert "the bucket has another picture with the key '0.jpg'" in one["message"]


def test_files_without_a_result_are_named_at_the_end(
    application: ApplicationUnderTest, photos: Path, works: object, tmp_path: Path
) -> None:
    (photos / "notes.jpg").write_bytes(b"no picture")
    done = run("enhance", str(photos), "--out", str(tmp_path / "out"))
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-2:] == [
        "3 of 4 completed, 3 credits of topaz, 0.36 USD", "without a result: notes.jpg (refused)",
    ]  # fmt: skip


def test_a_model_of_another_provider_is_named_with_its_provider(photos: Path) -> None:
    with deployed(emulates_s3=True):
        done = run("enhance", str(photos), "--set", "provider=oxen", "--set", "model=Redefine")
    assert done.exit_code == 2
    assert "It is a model of topaz: give --set provider=topaz" in " ".join(done.stderr.split())


def test_settings_are_checked_before_anything_is_sent(application: ApplicationUnderTest, photos: Path) -> None:
    for wrong, hint in (
        ("sclae=2", "scale"),
        ("model=Standrd V2", "Standard V2"),
        ("scale=99", "16"),
        ("scale", "key="),
    ):
        done = run("enhance", str(photos), "--set", wrong)
        assert done.exit_code == 2
        assert hint in done.stderr
    assert application.cloud.keys(INPUT) == set()


def test_what_submit_would_refuse_is_not_sent(application: ApplicationUnderTest, photos: Path, works: object) -> None:
    (photos / "1.jpg").write_bytes(b"no picture")
    (photos / "notes.txt").write_text("notes")
    found = {one["key"]: one for one in enhanced(photos, "--watch", code=1)}
    assert (found["1.jpg"]["fate"], found["1.jpg"]["code"]) == ("refused", "UnsupportedFormat")
    assert application.cloud.keys(INPUT) == {"0.jpg", "2.jpg"}
    assert {found[key]["status"] for key in ("0.jpg", "2.jpg")} == {"COMPLETED"}


def test_a_file_in_the_way_is_found_before_anything_is_paid(
    application: ApplicationUnderTest, photos: Path, works: object
) -> None:
    before = (photos / "0.jpg").read_bytes()
    found = enhanced(photos / "0.jpg", "--out", photos, code=1)
    assert "is no result of Darkroom" in found[0]["message"]
    assert (photos / "0.jpg").read_bytes() == before
    assert versions(application) == 0


def test_a_newer_result_replaces_an_older_one_that_was_saved(
    application: ApplicationUnderTest, photos: Path, works: object, tmp_path: Path
) -> None:
    enhanced(photos / "0.jpg", "--out", tmp_path / "out")
    older = (tmp_path / "out" / "0.jpg").read_bytes()
    enhanced(photos / "0.jpg", "--out", tmp_path / "out", "--set", "scale=4")
    assert older != (tmp_path / "out" / "0.jpg").read_bytes() == application.cloud.body("0.jpg")


def test_two_commands_at_once_upload_a_file_once(
    application: ApplicationUnderTest, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = uploading.send

    def late(*arguments: Any) -> None:
        application.cloud.put("0.jpg", picture(40, 30))  # the other command was faster
        real(*arguments)

    monkeypatch.setattr(uploading, "send", late)
    (one,) = enhanced(photos / "0.jpg", code=1)
    assert (one["fate"], versions(application)) == ("not sent", 1)
    assert "run the command again" in one["message"]


def test_more_than_twenty_are_asked_about(application: ApplicationUnderTest, tmp_path: Path) -> None:
    for number in range(21):
        (tmp_path / f"{number}.jpg").write_bytes(picture())
    refused = run("enhance", str(tmp_path), typed="n\n")
    assert (refused.exit_code, application.cloud.keys(INPUT)) == (1, set())
    assert "21 pictures: 21 credits of topaz, 2.52 USD" in refused.output
    assert run("enhance", str(tmp_path), "--yes").exit_code == 0
    assert len(application.cloud.keys(INPUT)) == 21


@pytest.mark.parametrize("files", [["nowhere.jpg"], ["a/x.jpg", "b/x.jpg"], ["empty"]])
def test_files_that_cannot_be_sent_end_the_command(
    application: ApplicationUnderTest, tmp_path: Path, files: list[str]
) -> None:
    for folder in ("a", "b", "empty"):
        (tmp_path / folder).mkdir()
    for folder in ("a", "b"):
        (tmp_path / folder / "x.jpg").write_bytes(picture())
    done = run("enhance", *(str(tmp_path / file) for file in files))
    assert done.exit_code == 2
    assert application.cloud.keys(INPUT) == set()


def test_a_file_of_a_folder_whose_name_no_upload_can_have_does_not_stop_the_others(
    application: ApplicationUnderTest, photos: Path, works: object
) -> None:
    (photos / "a\nb.jpg").write_bytes(picture())
    (photos / "_failed").mkdir()
    (photos / "_failed" / "c.jpg").write_bytes(picture())
    told = {one["key"]: one for one in enhanced(photos, "--watch", code=1)}
    assert {key: one["fate"] for key, one in told.items()} == {
        "0.jpg": "sent", "1.jpg": "sent", "2.jpg": "sent", "a\nb.jpg": "refused", "_failed/c.jpg": "refused",
    }  # fmt: skip
    assert "rename it" in told["a\nb.jpg"]["message"]
    assert run("enhance", str(photos / "a\nb.jpg")).exit_code == 2
    assert versions(application) == 3


def test_a_folder_for_results_that_cannot_be_made_ends_the_command(
    application: ApplicationUnderTest, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    done = run("enhance", str(photos), "--out", str(tmp_path / "file" / "out"))
    assert done.exit_code == 2
    assert "cannot be made" in done.stderr
    assert application.cloud.keys(INPUT) == set()


def test_a_result_that_another_upload_replaced_is_not_saved_as_its_own(
    application: ApplicationUnderTest, photos: Path, works: object, tmp_path: Path
) -> None:
    enhanced(photos / "0.jpg", "--watch")
    application.complete(application.cloud.put("0.jpg", picture(90, 90), Metadata={}))
    enhanced(photos / "0.jpg", "--to", "x", "--watch")
    application.cloud.s3.copy_object(
        Bucket=OUTPUT, Key="x/0.jpg", CopySource=f"{OUTPUT}/0.jpg", MetadataDirective="COPY"
    )
    (one,) = enhanced(photos / "0.jpg", "--to", "x", "--out", tmp_path / "out", code=1)
    assert "holds the result of another upload" in one["message"]


def test_a_job_that_ended_without_a_result_is_told_and_not_sent_again(
    application: ApplicationUnderTest, photos: Path
) -> None:
    enhanced(photos / "0.jpg")
    upload = Upload(INPUT, "0.jpg", application.cloud.s3.head_object(Bucket=INPUT, Key="0.jpg")["VersionId"])
    application.deliver(upload)
    application.operate.cancel(application.job().job_id)
    done = run("enhance", str(photos / "0.jpg"), "--watch")
    assert done.exit_code == 1
    assert "`darkroom rerun 0.jpg` runs it again" in done.stdout
    assert versions(application) == 1


def test_jobs_that_a_budget_stopped_are_told_with_the_parameter_and_the_command(
    application: ApplicationUnderTest, photos: Path
) -> None:
    enhanced(photos)
    application.limits = Limits({}, Decimal("0.01"), {}, {})
    application.ports["ledger"] = application.make_ledger(application.cloud.dynamodb)
    names = sorted(path.name for path in photos.iterdir())
    for name in names:
        version = application.cloud.s3.head_object(Bucket=INPUT, Key=name)["VersionId"]
        application.submit(Upload(INPUT, name, version))
    done = run("enhance", str(photos), "--watch")
    assert done.exit_code == 1
    assert (
        f"{len(names)} ended with BudgetExceeded: Wait for next month, or raise MonthlyCreditLimit or MonthlyBudgetUsd"
        in (done.stdout)
    )
    assert "darkroom rerun --code BudgetExceeded" in done.stdout


def test_an_upload_whose_job_has_expired_is_not_waited_for(
    application: ApplicationUnderTest, photos: Path, stack: Stack
) -> None:
    enhanced(photos / "0.jpg")
    application.clock.advance(31 * 24 * 3600)
    (one,) = enhanced(photos / "0.jpg", "--watch", code=1)
    assert "--again" in one["message"]


def test_files_that_the_stack_does_not_take_stay_out_of_a_folder(
    stack: Stack, application: ApplicationUnderTest, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = replace(stack, environment={"INPUT_PREFIX": "in/", "INPUT_SUFFIXES": ".jpg"})
    monkeypatch.setattr(deployment, "connect", lambda name: limited)
    (photos / "3.JPG").write_bytes(picture())
    done = run("enhance", str(photos))
    assert "left out: 1 file whose name ends in none of the stack's InputSuffixes: .jpg" in done.stdout
    assert application.cloud.keys(INPUT) == {"in/0.jpg", "in/1.jpg", "in/2.jpg"}
    assert run("enhance", str(photos / "3.JPG")).exit_code == 2


def test_files_of_formats_that_are_not_taken_are_named_with_what_to_do(
    application: ApplicationUnderTest, photos: Path
) -> None:
    heic = b"\0\0\0\x18ftypheic"
    for name, content in {"b.heic": heic, "c.HEIC": heic, "d.bak": picture(), "notes.txt": b"words"}.items():
        (photos / name).write_bytes(content)
    said = run("enhance", str(photos)).stdout
    assert "left out: 2 HEIC: b.heic, c.HEIC. Darkroom does not take this format. Convert the files first." in said
    assert "left out: 1 JPEG: d.bak. Give the name one of these endings: " in said
    assert "left out: 1 no picture: notes.txt.\n" in said
    assert application.cloud.keys(INPUT) == {"0.jpg", "1.jpg", "2.jpg"}


def test_a_folder_that_has_only_a_format_that_is_not_taken_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "b.heic").write_bytes(b"\0\0\0\x18ftypheic")
    with deployed(emulates_s3=True):
        done = run("enhance", str(tmp_path))
    assert done.exit_code == 2
    assert "there is no picture to upload" in done.stderr
    assert "left out: 1 HEIC: b.heic. Darkroom does not take this format. Convert the files first." in done.stderr


@each_row("prefix", ["", "darkroom:", "darkroom-source:", "dark"])
def test_the_mark_of_an_upload_is_never_taken_for_a_setting(prefix: str) -> None:
    layer = metadata_layer({MARK: "0" * 57, "darkroom-model": "CGI"}, prefix)
    settings = resolve([layer], default_provider="topaz", allowed_providers=["topaz"])
    assert settings.values.keys() <= {"provider", "model"}
