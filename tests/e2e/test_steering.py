"""Tests the commands that steer a batch on the deployed stack: enhance, keys, attach, resume and tail."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from darkroom_cli.stack.bucket_events import BucketEvents
from darkroom_local.stack.simulator_processes import simulated_key, vendors
from tests.e2e.deployed_application import Darkroom, picture
from tests.e2e.stack_operator import Operator

PART_BYTES = 8 * 1024 * 1024  # a larger file is uploaded in parts


@pytest.fixture(scope="module")
def operator(darkroom: Darkroom, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    return Operator(darkroom, tmp_path_factory.mktemp("home"))


def enhanced(operator: Operator, *arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in operator("enhance", *arguments, "--json").splitlines()]


def test_files_go_up_and_results_come_home_and_nothing_is_paid_twice(
    darkroom: Darkroom, operator: Operator, tmp_path: Path
) -> None:
    uncompressed = picture(1800, 1620, "PNG", compress_level=0)
    files = {"small.jpg": picture(), "ümlaut (1).png": picture(80, 60, "PNG"), "large.png": uncompressed}
    for name, body in files.items():
        (tmp_path / name).write_bytes(body)
    assert len(files["large.png"]) > PART_BYTES
    asked = [*(str(tmp_path / name) for name in files), "--to", "batch", "--set", "model=High Fidelity V2"]
    asked += ["--set", "label=alles, über", "--out", str(tmp_path / "out")]
    first = enhanced(operator, *asked)
    paid = len(darkroom.simulator.submits)
    assert {(one["fate"], one["status"]) for one in first} == {("sent", "COMPLETED")}
    for name in files:
        found = tmp_path / "out" / "batch" / name
        assert found.read_bytes() == darkroom.output(f"photos/batch/{name}")["Body"]
    rows = [darkroom.row(f"JOB#{one['job_id']}", "JOB") for one in first]
    assert {(row["label"], row["model"]) for row in rows} == {("alles, über", "High Fidelity V2")}
    second = enhanced(operator, *asked)
    assert {one["fate"] for one in second} == {"sent before"}
    assert [one["job_id"] for one in first] == [one["job_id"] for one in second]
    assert len(darkroom.simulator.submits) == paid


def test_a_wrong_setting_sends_nothing(darkroom: Darkroom, operator: Operator, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(picture())
    said = operator("enhance", str(tmp_path), "--to", "wrong", "--set", "sclae=2", expect=2)
    assert "did you mean scale" in said
    assert "Traceback" not in said
    listed = darkroom.s3.list_objects_v2(Bucket=darkroom.stack.input_bucket, Prefix="photos/wrong/")
    assert listed["KeyCount"] == 0


def test_keys_are_checked_with_the_vendors_and_only_a_good_one_is_stored(
    darkroom: Darkroom, operator: Operator
) -> None:
    def stored() -> dict[str, str]:
        found = darkroom.client("secretsmanager").get_secret_value(SecretId=darkroom.stack.outputs["ApiKeysSecretArn"])
        return dict(json.loads(found["SecretString"]))

    before, paid = stored(), len(darkroom.simulator.submits)
    said = operator("keys", "check")
    assert said.count("the vendor accepts the key") == len(vendors())
    assert "refuses the key" in operator("keys", "set", "topaz", expect=2, answer="a-wrong-key\n")
    assert stored() == before
    said = operator("keys", "set", "uwear", answer=f"{simulated_key('uwear')}\n")
    assert "accepts the key" in said
    assert simulated_key("uwear") not in said
    assert stored() == before
    assert len(darkroom.simulator.submits) == paid


def test_a_bucket_sends_events_and_keeps_its_other_notifications(darkroom: Darkroom, operator: Operator) -> None:
    s3, sqs = darkroom.s3, darkroom.client("sqs")
    s3.create_bucket(Bucket="an-old-bucket")
    queue = sqs.create_queue(QueueName="thumbnails")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    rules = [{"Name": "prefix", "Value": "raw/"}, {"Name": "suffix", "Value": ".jpg"}]
    given = {
        "Id": "thumbnails",
        "QueueArn": arn,
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": rules}},
    }
    s3.put_bucket_notification_configuration(
        Bucket="an-old-bucket", NotificationConfiguration={"QueueConfigurations": [given]}
    )
    events = BucketEvents(s3, "an-old-bucket")
    events.check_region(s3.meta.region_name)
    assert not events.are_on()
    assert (events.turn(True), events.are_on()) == (1, True)
    sqs.purge_queue(QueueUrl=queue)  # S3 tests a notification by a message
    s3.put_object(Bucket="an-old-bucket", Key="raw/a.jpg", Body=b"a")
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
    assert "raw/a.jpg" in message["Body"]
    assert (events.turn(False), events.are_on()) == (1, False)
    own = f"s3://{darkroom.stack.input_bucket}"
    assert "already" in operator("attach", own, "--yes")
    assert "darkroom pause" in operator("detach", own, "--yes", expect=2)


def test_resume_hands_on_at_once_what_waited(darkroom: Darkroom, operator: Operator) -> None:
    operator("pause", "topaz", "--why", "prices are checked")
    keys = ["photos/paused-1.jpg", "photos/paused-2.jpg"]
    try:
        for key in keys:
            darkroom.upload(key, picture())
        for key in keys:
            darkroom.until(key, lambda job: "are paused" in job.get("error", ""))
    finally:
        said = operator("resume", "topaz", "--json")
    assert json.loads(said)["handed_on"] == 2
    assert {job["status"] for job in darkroom.ended(keys, 240).values()} == {"COMPLETED"}


def test_tail_prints_each_end_until_ctrl_c(darkroom: Darkroom, operator: Operator) -> None:
    with subprocess.Popen(
        operator.command("tail", "--json"),
        env=operator.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            assert "waiting" in process.stderr.readline()
            darkroom.upload("photos/tailed.jpg", picture())
            while (event := json.loads(process.stdout.readline()))["detail"]["source_key"] != "photos/tailed.jpg":
                pass
        finally:
            process.send_signal(signal.SIGINT)
        assert event["detail-type"] == "Job Completed"
        assert process.wait(600) == 130
