"""Tests how the embedded cloud ends, and what it keeps. Each test starts its own cloud."""

from __future__ import annotations

import os
import resource
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from darkroom_local.emulator import embedded_cloud, persistence
from darkroom_local.machine.certificates import issue
from darkroom_local.machine.child_processes import ChildFailed, ending

RESULTS = "lasting-outputbucket"  # a name as the stack's bucket of results has it
ROOM = 100_000  # bytes of the largest file that a test's disk takes


def test_the_embedded_cloud_ends_by_itself_at_once_though_a_client_keeps_its_connection(tmp_path: Path) -> None:
    cloud = embedded_cloud.launch(tmp_path, issue(tmp_path))
    with ending(cloud.child):
        embedded_cloud.await_ready(cloud)
        port = int(cloud.endpoint.url.rpartition(":")[2])
        trust = ssl.create_default_context(cafile=cloud.endpoint.authority)
        with (
            socket.create_connection((embedded_cloud.HOST, port)) as plain,
            trust.wrap_socket(plain, server_hostname=embedded_cloud.HOST) as kept,
        ):
            kept.sendall(b"GET /_ministack/ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert kept.recv(9) == b"HTTP/1.1 "
            began = time.monotonic()
            os.kill(cloud.child.pid, signal.SIGTERM)
            assert cloud.child.process.wait(60) == 0
        assert time.monotonic() - began < 25  # the end would take 30 s if the cloud waited for the client
    assert "Traceback" not in cloud.child.log_text()


@contextmanager
def keeping(folder: Path) -> Iterator[tuple[embedded_cloud.Cloud, Any]]:
    """Provide a cloud that keeps its results below `folder`, and an S3 client of it. It has the bucket of results."""
    kept = {persistence.JOURNAL: str(folder / "ledger.jsonl"), persistence.RESULTS: str(folder / "results")}
    cloud = embedded_cloud.launch(folder, issue(folder), more=kept)
    with ending(cloud.child):
        embedded_cloud.await_ready(cloud)
        s3 = cloud.endpoint.client("s3")
        s3.create_bucket(Bucket=RESULTS)
        s3.put_bucket_versioning(Bucket=RESULTS, VersioningConfiguration={"Status": "Enabled"})
        yield cloud, s3


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="this system cannot limit another process")
@pytest.mark.parametrize("file", ["result", "earlier version"])
def test_a_result_that_the_disk_does_not_take_ends_the_cloud_before_it_is_acknowledged(
    tmp_path: Path, file: str
) -> None:
    with keeping(tmp_path) as (cloud, s3):
        s3.put_object(Bucket=RESULTS, Key="a.jpg", Body=b"a" * ROOM)
        room = ROOM if file == "result" else ROOM // 2
        resource.prlimit(cloud.child.pid, resource.RLIMIT_FSIZE, (room, room))
        with pytest.raises(ChildFailed, match="Make room on the disk"):
            s3.put_object(Bucket=RESULTS, Key="a.jpg", Body=b"b" * (ROOM + 1 if file == "result" else 1))


def test_a_cloud_that_keeps_results_has_them_on_the_disk_only(tmp_path: Path) -> None:
    with keeping(tmp_path) as (cloud, s3):
        first = s3.put_object(Bucket=RESULTS, Key="a.jpg", Body=b"first")["VersionId"]
        before = resident_bytes(cloud.child.pid)
        for number in range(40):
            s3.put_object(Bucket=RESULTS, Key=f"{number}.jpg", Body=os.urandom(2**20))
        s3.put_object(Bucket=RESULTS, Key="a.jpg", Body=b"second")
        assert resident_bytes(cloud.child.pid) - before < 20 * 2**20
        assert s3.get_object(Bucket=RESULTS, Key="a.jpg")["Body"].read() == b"second"
        assert s3.get_object(Bucket=RESULTS, Key="a.jpg", VersionId=first)["Body"].read() == b"first"


def test_a_connection_that_its_client_has_closed_takes_no_memory(tmp_path: Path) -> None:
    with keeping(tmp_path) as (cloud, s3):
        s3.put_object(Bucket=RESULTS, Key="a.jpg", Body=os.urandom(2**20))
        before = resident_bytes(cloud.child.pid)
        for _ in range(40):
            client = cloud.endpoint.client("s3")
            client.get_object(Bucket=RESULTS, Key="a.jpg")["Body"].read()
            client.close()
        time.sleep(0.5)
        assert resident_bytes(cloud.child.pid) - before < 20 * 2**20


def resident_bytes(pid: int) -> int:
    """Return how much memory the process has. Skip the test where the system does not tell."""
    statm = Path(f"/proc/{pid}/statm")
    if not statm.exists():
        pytest.skip("the test reads /proc")
    return int(statm.read_text().split()[1]) * resource.getpagesize()
