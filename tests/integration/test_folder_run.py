"""Tests what the results folder of a local run contains at each moment, also when the run is interrupted. No function
runs here, so the tests write the rows of the ledger themselves.
"""

from __future__ import annotations

import csv
import hashlib
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from tests.fakes.aws_account import INPUT, OUTPUT, TABLE, Cloud
from tests.integration.folder_run_support import Room, Silent, interrupt, made

from darkroom.output_keys import RECEIPT_JOB
from darkroom_local.folder.earlier_results import NOTES
from darkroom_local.folder.uploads import Item
from darkroom_local.run.credits_csv import Unwritable
from darkroom_local.run.folder_run import Stalled, run

pytestmark = pytest.mark.emulated("s3", "dynamodb", "sqs")


@pytest.fixture
def room(account: Cloud, tmp_path: Path) -> Room:
    return made(account, tmp_path)


def test_a_result_is_there_before_the_next_job_ends(room: Room) -> None:
    def then() -> None:
        assert (room.out / "a.jpg").read_bytes() == b"better a.jpg"
        assert room.statuses() == {"a.jpg": "COMPLETED"}
        room.row("b.jpg", "FAILED")

    outcomes = room.run(room.items("a.jpg", "b.jpg"), lambda: room.completes("a.jpg"), then)
    assert [(o.item.key, o.is_completed) for o in outcomes] == [("a.jpg", True), ("b.jpg", False)]
    assert room.statuses() == {"a.jpg": "COMPLETED", "b.jpg": "FAILED"}


def test_the_row_of_a_result_names_its_source_and_the_digest_of_what_was_sent(room: Room) -> None:
    room.run(room.items("a.jpg"), lambda: room.completes("a.jpg"))
    with (room.out / "credits.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    path = room.folder / "a.jpg"
    assert (row["source"], row["source_sha256"]) == (str(path), hashlib.sha256(path.read_bytes()).hexdigest())


def test_a_result_that_was_edited_is_not_replaced_and_the_new_one_waits(room: Room) -> None:
    def both_complete() -> None:
        room.completes("a.jpg")
        room.completes("b.jpg")

    room.run(room.items("a.jpg", "b.jpg"), both_complete)
    (room.out / "a.jpg").write_bytes(b"retouched")
    (item, other) = room.items("a.jpg", "b.jpg")
    item.path.write_bytes(b"edited")
    other.path.write_bytes(b"edited")

    def moment() -> None:
        room.result("b.jpg", b"newer")
        room.row("b.jpg", "COMPLETED", output_key="b.jpg")
        room.result("a.jpg", b"newer")
        room.row("a.jpg", "COMPLETED", output_key="a.jpg")

    edited, replaced = room.run([item, other], moment)
    assert (edited.word, replaced.word) == ("NOT SAVED", "COMPLETED")
    assert "it was changed since Darkroom saved it" in edited.message
    assert "without `--again`" in edited.cure
    assert (room.out / "a.jpg").read_bytes() == b"retouched"
    assert (room.out / "b.jpg").read_bytes() == b"newer"
    assert room.account.s3.get_object(Bucket=OUTPUT, Key="a.jpg")["Body"].read() == b"newer"


def test_an_interrupt_saves_what_is_ready_and_tells_what_may_be_charged(room: Room) -> None:
    def moment() -> None:
        room.completes("a.jpg")
        room.row("b.jpg", "PROCESSING")
        room.row("c.jpg", "CLAIMED")
        interrupt()

    with pytest.raises(KeyboardInterrupt) as raised:
        room.run(room.items("a.jpg", "b.jpg", "c.jpg"), moment)
    (said,) = raised.value.__notes__
    assert "1 done" in said
    assert "1 submitted and not finished" in said
    assert "b.jpg  topaz process process-of-b.jpg" in said
    assert "c.jpg" not in said
    assert (room.out / "a.jpg").exists()
    assert room.statuses() == {"a.jpg": "COMPLETED", "b.jpg": "PROCESSING"}


def test_after_an_interrupt_the_answer_of_a_submit_is_awaited(room: Room) -> None:
    def moment() -> None:
        room.row("a.jpg", "SUBMITTING", process_id="")
        interrupt()

    with pytest.raises(KeyboardInterrupt) as raised:
        room.run(room.items("a.jpg"), moment, lambda: room.row("a.jpg", "PROCESSING"))
    assert "process-of-a.jpg" in raised.value.__notes__[0]


def test_a_run_that_leaves_sends_no_more_and_waits_only_for_what_a_provider_has(room: Room) -> None:
    is_leaving: list[bool] = []

    def leaves() -> None:
        room.row("a.jpg", "PROCESSING")
        room.row("b.jpg", "CLAIMED")
        is_leaving.append(True)

    moments = iter([leaves, lambda: room.completes("a.jpg")])
    outcomes = run(
        room.stack,
        room.items("a.jpg", "b.jpg"),
        room.out,
        cast(Any, Silent()),
        lambda _: next(moments)(),
        is_leaving=lambda: bool(is_leaving),
    )
    assert [outcome.item.key for outcome in outcomes] == ["a.jpg"]
    assert room.statuses() == {"a.jpg": "COMPLETED"}
    assert room.stack.endpoint.client("lambda").enabled == {"intake": False, "other": True}


def test_after_an_interrupt_nothing_that_waits_is_submitted(room: Room) -> None:
    with pytest.raises(KeyboardInterrupt):
        room.run(room.items("a.jpg"), interrupt)
    assert room.stack.endpoint.client("lambda").enabled == {"intake": False, "other": True}


def test_an_upload_that_is_broken_off_counts_when_it_arrived(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def arrives(*_: object) -> None:
        monkeypatch.undo()
        room.row("a.jpg", "PROCESSING")
        interrupt()

    monkeypatch.setattr("darkroom_local.folder.uploads.job_id", arrives)
    with pytest.raises(KeyboardInterrupt) as raised:
        room.run(room.items("a.jpg"))
    assert "process-of-a.jpg" in raised.value.__notes__[0]


def test_a_run_that_stalls_keeps_what_is_done(room: Room) -> None:
    def moment() -> None:
        room.completes("a.jpg")
        room.row("b.jpg", "PROCESSING")

    with pytest.raises(Stalled) as raised:
        room.run(room.items("a.jpg", "b.jpg"), moment, *[lambda: time.sleep(1)] * 9, stall_seconds=2)
    assert "1 done" in raised.value.__notes__[0]
    assert room.statuses() == {"a.jpg": "COMPLETED", "b.jpg": "PROCESSING"}


def test_a_stack_that_is_gone_takes_nothing_with_it(room: Room) -> None:
    def gone() -> None:
        room.account.dynamodb.delete_table(TableName=TABLE)

    with pytest.raises(Exception, match="ResourceNotFound") as raised:
        room.run(room.items("a.jpg", "b.jpg"), lambda: room.completes("a.jpg"), gone)
    assert "1 done" in raised.value.__notes__[0]
    assert (room.out / "a.jpg").exists()


def test_a_file_that_goes_away_during_the_uploads_is_left_out_alone(room: Room) -> None:
    items = room.items("a.jpg", "b.jpg", "c.jpg")
    items[1].path.unlink()

    def moment() -> None:
        room.completes("a.jpg")
        room.completes("c.jpg")

    outcomes = room.run(items, moment)
    assert [o.word for o in outcomes] == ["COMPLETED", "NOT SENT", "COMPLETED"]
    assert room.statuses()["b.jpg"] == "NOT SENT"


@pytest.mark.parametrize("output_key", ["../a.jpg", "in the way/a.jpg"])
def test_a_result_that_cannot_be_written_takes_no_other_with_it(room: Room, output_key: str) -> None:
    room.out.mkdir()
    (room.out / "in the way").touch()

    def moment() -> None:
        room.completes("a.jpg", output_key)
        room.completes("b.jpg")

    lost, saved = room.run(room.items("a.jpg", "b.jpg"), moment)
    assert (lost.word, saved.word) == ("NOT SAVED", "COMPLETED")
    assert "process-of-a.jpg" in lost.cure
    assert "the same command" in lost.cure
    assert "--out" not in lost.cure  # a run into another folder of results would pay again
    assert room.statuses() == {"a.jpg": "NOT SAVED", "b.jpg": "COMPLETED"}


def test_once_a_result_is_lost_no_more_is_paid(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("darkroom_local.run.folder_run._LOOK_SECONDS", 0.0)
    monkeypatch.setattr("darkroom_local.run.folder_run._PAUSE_SHARE", 0)
    room.out.mkdir()
    (room.out / "in the way").touch()

    def one_by_one() -> Iterator[Item]:
        first, second, third = room.items("a.jpg", "b.jpg", "c.jpg")
        yield first
        room.completes("a.jpg", "in the way/a.jpg")
        yield second
        yield third

    outcomes = room.run(cast(Any, one_by_one()), lambda: room.completes("b.jpg"))
    assert [o.word for o in outcomes] == ["NOT SAVED", "COMPLETED", "NOT SENT"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_a_disk_that_is_full_ends_the_run_with_all_that_may_be_charged(room: Room) -> None:
    room.out.mkdir()
    (room.out / "credits.csv").symlink_to("/dev/full")
    with pytest.raises(Unwritable, match="No space left"):
        room.run(room.items("a.jpg"))


def test_no_part_of_a_result_is_left(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def breaks(*_: object) -> None:
        tries.append(1)
        interrupt()

    monkeypatch.setattr("os.replace", breaks)
    with pytest.raises(KeyboardInterrupt) as raised:
        room.run(room.items("a.jpg"), lambda: room.completes("a.jpg"))
    assert {path.name for path in room.out.iterdir()} == {"credits.csv", NOTES}
    assert "process-of-a.jpg" in raised.value.__notes__[0]
    assert len(tries) == 2  # the run tried once more after the first interrupt


def test_what_arrives_during_a_run_is_sent_and_a_changed_file_is_another_job(room: Room) -> None:
    (first,) = room.items("a.jpg")

    def arrivals() -> Iterator[Item | None]:
        yield first
        room.completes("a.jpg")
        while not (room.out / "a.jpg").exists():
            yield None
        assert (room.out / "a.jpg").read_bytes() == b"better a.jpg"
        (room.folder / "a.jpg").write_bytes(b"edited")
        yield first
        room.result("a.jpg", b"better still")
        room.row("a.jpg", "COMPLETED", output_key="a.jpg")

    outcomes = run(room.stack, arrivals(), room.out, cast(Any, Silent()), time.sleep)
    assert [outcome.is_completed for outcome in outcomes] == [True, True]
    assert (room.out / "a.jpg").read_bytes() == b"better still"


def test_a_folder_file_that_is_removed_during_a_run_no_longer_counts_in_the_bucket(room: Room) -> None:
    (room.folder / "in").mkdir()
    (before, after) = room.items("in/a.jpg", "in/b.jpg")
    with_files = replace(before, files=(("in/darkroom.toml", b'model = "Redefine"'), ("darkroom.toml", b"scale = 2")))
    without = replace(after, files=(("darkroom.toml", b"scale = 2"),))
    kept: list[list[str]] = []

    def arrivals() -> Iterator[Item | None]:
        for item in (with_files, without, with_files):
            yield item
            listed = room.account.s3.list_objects_v2(Bucket=INPUT)["Contents"]
            kept.append([one["Key"] for one in listed if one["Key"].endswith("darkroom.toml")])
            room.row(item.key, "FAILED")

    run(room.stack, arrivals(), room.out, cast(Any, Silent()), time.sleep)
    assert kept == [["darkroom.toml", "in/darkroom.toml"], ["darkroom.toml"], ["darkroom.toml", "in/darkroom.toml"]]


def test_of_two_unsaved_results_at_one_key_each_job_gets_its_own(room: Room) -> None:
    def moment() -> None:
        room.completes("a.jpg", "both.jpg")
        others = {RECEIPT_JOB: "f" * 32}
        room.account.s3.put_object(Bucket=OUTPUT, Key="both.jpg", Body=b"another job's", Metadata=others)

    (outcome,) = room.run(room.items("a.jpg"), moment)
    assert outcome.is_completed
    assert (room.out / "both.jpg").read_bytes() == b"better a.jpg"
    (left,) = room.account.s3.list_object_versions(Bucket=OUTPUT, Prefix="both.jpg")["Versions"]
    assert room.account.s3.get_object(Bucket=OUTPUT, Key="both.jpg")["VersionId"] == left["VersionId"]


def test_the_result_of_another_job_at_the_key_is_not_taken_for_a_lost_one(room: Room) -> None:
    def moment() -> None:
        others = {RECEIPT_JOB: "f" * 32}
        room.account.s3.put_object(Bucket=OUTPUT, Key="a.jpg", Body=b"another job's", Metadata=others)
        room.row("a.jpg", "COMPLETED", output_key="a.jpg")

    (outcome,) = room.run(room.items("a.jpg"), moment)
    assert (outcome.word, outcome.message.partition(",")[0]) == ("NOT SAVED", "An earlier run paid for the result")
    assert not (room.out / "a.jpg").exists()
