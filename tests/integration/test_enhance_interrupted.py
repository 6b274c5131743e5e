"""Tests what `darkroom enhance` says after Ctrl-C and lost connections: what it tells about each picture is true, and the same
command goes on."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from s3transfer.exceptions import RetriesExceededError
from tests.fakes.application import ApplicationUnderTest, picture
from tests.fakes.aws_account import INPUT, OUTPUT
from tests.integration.enhance_support import enhanced, folder_of_photos, versions, working
from tests.unit.cli_support import Stack, deployed, run

from darkroom.model import JobStatus
from darkroom_cli.batch import uploading
from darkroom_cli.batch.screening import Fate
from darkroom_cli.stack import batch_reader

ADDRESS = "https://s3.example"


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
def many(tmp_path: Path) -> Path:
    return folder_of_photos(tmp_path / "many", 40)


def told(output: str) -> dict[str, dict[str, Any]]:
    """Return key → object of `--json`."""
    return {one["key"]: one for one in map(json.loads, output.splitlines())}


def fates(output: str) -> dict[str, str]:
    return {key: one["fate"] for key, one in told(output).items()}


def after_puts(application: ApplicationUnderTest, patch: pytest.MonkeyPatch, then: Callable[[int], None]) -> None:
    """Let `then` be called with its number after each file of one part that is in the bucket. Its error is lost on the way."""
    real, lock, numbers = application.cloud.s3.put_object, threading.Lock(), iter(range(1, 1_000_000))

    def put(**params: Any) -> Any:
        answer = real(**params)
        with lock:
            number = next(numbers)
        then(number)
        return answer

    patch.setattr(application.cloud.s3, "put_object", put)


@pytest.fixture
def heard() -> Iterator[threading.Event]:
    """An event that is set once the command has heard Ctrl-C."""
    event = threading.Event()

    def hear(*_: object) -> None:
        event.set()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, hear)
    yield event
    signal.signal(signal.SIGINT, before)


def press_ctrl_c() -> None:
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, signal.SIGINT)


def test_what_ctrl_c_during_uploads_tells_is_what_is_in_the_bucket(
    application: ApplicationUnderTest, many: Path, heard: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press_after_six(number: int) -> None:
        if number == 6:
            press_ctrl_c()
        if number >= 6:
            heard.wait(30)
            time.sleep(0.1)  # the command stops

    monkeypatch.setattr(uploading, "MOST_UNDER_WAY", 4)
    after_puts(application, monkeypatch, press_after_six)
    done = run("enhance", str(many), "--yes", "--json")
    assert done.exit_code == 130
    by_fate = {fate: {key for key, told in fates(done.stdout).items() if told == fate} for fate in Fate}
    sent, perhaps, unsent = by_fate[Fate.SENT], by_fate[Fate.PERHAPS_SENT], by_fate[Fate.NOT_SENT]
    assert 6 <= len(sent) < 40
    assert len(perhaps) <= 4
    assert sent <= application.cloud.keys(INPUT) <= sent | perhaps
    assert all(told(done.stdout)[key]["job_id"] for key in sent)
    said = " ".join(done.stderr.split())
    assert f"{len(sent)} go on without this command" in said
    assert f"{len(unsent)} were not sent" in said


def test_no_more_uploads_than_the_window_holds_are_begun_at_once(
    application: ApplicationUnderTest, many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploading, "MOST_UNDER_WAY", 2)
    at_once, most, real = threading.Semaphore(2), [True], application.cloud.s3.put_object

    def put(**params: Any) -> Any:
        most.append(at_once.acquire(blocking=False))
        try:
            return real(**params)
        finally:
            at_once.release()

    monkeypatch.setattr(application.cloud.s3, "put_object", put)
    assert run("enhance", str(many), "--yes").exit_code == 0
    assert len(application.cloud.keys(INPUT)) == 40
    assert all(most)


def test_the_id_of_a_job_follows_from_the_answer_to_the_upload(application: ApplicationUnderTest, photos: Path) -> None:
    looks: list[str] = []
    application.cloud.s3.meta.events.register(
        "provide-client-params.s3.HeadObject", lambda params, **_: looks.append(params["Key"])
    )
    sent = enhanced(photos)
    assert sorted(looks) == ["0.jpg", "1.jpg", "2.jpg"]  # before the upload
    assert [one["job_id"] for one in enhanced(photos)] == [one["job_id"] for one in sent]


def test_a_bucket_without_versions_gives_the_same_ids_of_jobs(application: ApplicationUnderTest, photos: Path) -> None:
    application.cloud.s3.put_bucket_versioning(Bucket=INPUT, VersioningConfiguration={"Status": "Suspended"})
    sent = enhanced(photos)
    assert all(one["job_id"] for one in sent)
    assert [one["job_id"] for one in enhanced(photos)] == [one["job_id"] for one in sent]


def test_an_upload_whose_answer_was_lost_may_have_been_sent(
    application: ApplicationUnderTest, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(number: int) -> None:
        raise ReadTimeoutError(endpoint_url=ADDRESS)

    after_puts(application, monkeypatch, lose)
    done = run("enhance", str(photos / "0.jpg"), "--json")
    assert done.exit_code == 1
    assert fates(done.stdout) == {"0.jpg": "perhaps sent"}
    assert "1 may have been sent" in done.stderr


def test_an_upload_that_is_tried_again_after_its_answer_was_lost_is_found_in_the_bucket(
    application: ApplicationUnderTest, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = application.cloud.s3.put_object

    def put(**params: Any) -> Any:
        real(**params)
        params["Body"].seek(0)
        return real(**params)  # S3 refuses it, because the key is taken

    monkeypatch.setattr(application.cloud.s3, "put_object", put)
    (one,) = enhanced(photos / "0.jpg")
    assert (one["fate"], one["message"], versions(application)) == ("sent before", None, 1)
    assert one["job_id"]


def test_a_completion_that_is_tried_again_after_its_answer_was_lost_is_found_in_the_bucket(
    application: ApplicationUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "large.jpg").write_bytes(picture() + bytes(20_000_000))
    real = application.cloud.s3.complete_multipart_upload

    def complete(**params: Any) -> Any:
        real(**params)
        answer: Any = {"Error": {"Code": "NoSuchUpload"}, "ResponseMetadata": {"HTTPStatusCode": 404}}
        raise ClientError(answer, "CompleteMultipartUpload")

    monkeypatch.setattr(application.cloud.s3, "complete_multipart_upload", complete)
    (one,) = enhanced(tmp_path / "large.jpg")
    assert (one["fate"], one["message"], versions(application)) == ("sent before", None, 1)


@pytest.mark.parametrize("more", [["--again"], ["--set", "scale=2"]])
def test_the_same_bytes_sent_again_make_one_version_although_the_answer_was_lost(
    application: ApplicationUnderTest, photos: Path, monkeypatch: pytest.MonkeyPatch, more: list[str]
) -> None:
    enhanced(photos / "0.jpg")
    s3 = application.cloud.s3
    put, complete = s3.put_object, s3.complete_multipart_upload

    def put_twice(**params: Any) -> Any:
        put(**params)
        params["Body"].seek(0)
        return put(**params)  # S3 takes it, because the first one has the ETag that the condition names

    def complete_twice(**params: Any) -> Any:
        complete(**params)
        return complete(**params)

    monkeypatch.setattr(s3, "put_object", put_twice)
    monkeypatch.setattr(s3, "complete_multipart_upload", complete_twice)
    (one,) = enhanced(photos / "0.jpg", *more)
    assert (one["message"], versions(application)) == (None, 2)
    assert one["job_id"]


def test_a_lost_connection_after_the_first_upload_tells_the_counts_and_the_way_back(
    application: ApplicationUnderTest, many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploading, "MOST_UNDER_WAY", 2)
    real = application.cloud.s3.put_object
    left = iter(range(5))

    def put(**params: Any) -> Any:
        if next(left, None) is None:
            raise EndpointConnectionError(endpoint_url=ADDRESS)
        return real(**params)

    with monkeypatch.context() as patch:
        patch.setattr(application.cloud.s3, "put_object", put)
        done = run("enhance", str(many), "--yes", "--json")
    assert done.exit_code == 1
    assert "Could not connect" in done.stderr
    sent = len(application.cloud.keys(INPUT))  # 5, or 4 if the last one was still under way
    assert sum(fate == "sent" for fate in fates(done.stdout).values()) == sent
    assert f"stopped: 0 are over, {sent} go on without this command, " in done.stderr
    assert "were not sent. The same command again follows them" in done.stderr
    again = enhanced(many, "--yes")
    assert sum(one["fate"] == "sent" for one in again) == 40 - sent
    assert versions(application) == 40


def test_a_lost_connection_before_the_first_upload_ends_the_command_as_one_that_cannot_work(
    application: ApplicationUnderTest, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put(**params: Any) -> Any:
        raise EndpointConnectionError(endpoint_url=ADDRESS)

    monkeypatch.setattr(application.cloud.s3, "put_object", put)
    done = run("enhance", str(photos))
    assert done.exit_code == 2
    assert "AWS cannot be used" in done.stderr
    assert "The same command" not in done.stderr


def test_a_connection_that_is_lost_while_jobs_are_followed_tells_the_way_back(
    application: ApplicationUnderTest, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(seconds: float) -> None:
        raise EndpointConnectionError(endpoint_url=ADDRESS)

    monkeypatch.setattr(batch_reader, "pause", lose)
    done = run("enhance", str(photos), "--watch")
    assert done.exit_code == 1
    assert "stopped: 0 are over, 3 go on without this command. The same command again" in done.stderr


@pytest.mark.parametrize(
    "error", [RetriesExceededError(ConnectionError("reset")), ReadTimeoutError(endpoint_url=ADDRESS)]
)
def test_a_result_whose_download_was_cut_is_not_saved_and_the_others_are(
    application: ApplicationUnderTest, photos: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
) -> None:
    monkeypatch.setattr(batch_reader, "pause", working(application))
    real = application.cloud.s3.download_fileobj

    def download(bucket: str, key: str, file: Any) -> None:
        if key == "1.jpg":
            file.write(b"half")
            raise error
        real(bucket, key, file)

    with monkeypatch.context() as patch:
        patch.setattr(application.cloud.s3, "download_fileobj", download)
        done = run("enhance", str(photos), "--out", str(tmp_path / "out"))
    assert done.exit_code == 1
    assert "1.jpg" in done.stdout
    assert "the result is paid, but not saved: it could not be fetched: " in " ".join(done.stdout.split())
    assert {path.name for path in (tmp_path / "out").glob("*.jpg")} == {"0.jpg", "2.jpg"}
    assert {one["status"] for one in enhanced(photos, "--out", tmp_path / "out")} == {"COMPLETED"}
    assert (tmp_path / "out" / "1.jpg").read_bytes() == application.cloud.body("1.jpg", OUTPUT)


def test_ctrl_c_leaves_the_jobs_running_and_says_how_to_come_back(
    application: ApplicationUnderTest, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(batch_reader, "pause", interrupt)
    done = run("enhance", str(photos), "--watch")
    assert done.exit_code == 130
    assert "0 are over, 3 go on without this command. The same command again follows them" in done.stderr
    monkeypatch.setattr(batch_reader, "pause", working(application))
    again = enhanced(photos, "--watch")
    assert {one["status"] for one in again} == {JobStatus.COMPLETED}
    assert len(application.provider.processes) == 3


def test_ctrl_c_during_an_upload_leaves_nothing_of_it_behind(
    application: ApplicationUnderTest, tmp_path: Path, heard: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "large.jpg").write_bytes(picture() + bytes(20_000_000))  # as phones append videos; it goes in parts

    real = application.cloud.s3.upload_part

    def upload_part(**params: Any) -> Any:
        if params["PartNumber"] == 1:  # a second Ctrl-C would end the command at once
            press_ctrl_c()
        heard.wait(30)
        time.sleep(1)  # the command stops
        return real(**params)

    monkeypatch.setattr(application.cloud.s3, "upload_part", upload_part)
    done = run("enhance", str(tmp_path / "large.jpg"))
    assert done.exit_code == 130
    assert "1 were not sent" in done.stderr
    assert application.cloud.s3.list_multipart_uploads(Bucket=INPUT).get("Uploads", []) == []


def test_after_again_the_command_without_it_is_named_and_pays_nothing_twice(
    application: ApplicationUnderTest, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    run("enhance", str(photos))
    assert (
        "3 sent; the same command without --again, with --watch follows"
        in run("enhance", str(photos), "--again").stdout
    )
    with monkeypatch.context() as patch:
        patch.setattr(batch_reader, "pause", interrupt)
        done = run("enhance", str(photos), "--again", "--watch")
    assert "The same command without --again follows them, and sends only what was not sent" in done.stderr
    assert "The same command again" not in done.stderr
    sent = versions(application)
    monkeypatch.setattr(batch_reader, "pause", working(application))
    enhanced(photos, "--watch")
    assert versions(application) == sent == 9
