"""Tests how the embedded cloud ends. Each test starts its own cloud."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import time
from pathlib import Path

from darkroom_local.emulator import embedded_cloud
from darkroom_local.machine.certificates import issue
from darkroom_local.machine.child_processes import ending


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
