"""Starts the embedded cloud, an AWS emulator in a child process on a loopback address, with TLS and enforced IAM.

This module starts the emulator and makes clients for it. It must not know Darkroom's template. The operator's AWS configuration,
keys and proxies must not reach the emulator or its clients.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import secrets
import socket
import ssl
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom_local.machine import child_processes

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config

    from darkroom_local.machine.certificates import Certificates

HOST = "127.0.0.1"
REGION = "us-east-1"
MARKER = (
    "darkroom_local.emulator.program"  # an emulator's command line contains this name, so that `down` recognises it
)
_READY_SECONDS = 60.0
# The operator's environment variables that the emulator and the functions in it may see.
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT")


@dataclass(frozen=True)
class Endpoint:
    """The URL of an embedded cloud, its administrator's key, and the certificate that its clients trust."""

    url: str
    authority: Path
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    region: str = REGION
    check: Callable[[], None] | None = field(
        default=None, repr=False, compare=False
    )  # raises if the cloud does not run any more
    _making: threading.Lock = field(
        default_factory=threading.Lock, repr=False, compare=False
    )  # a session must not be used by two threads at once

    def client(self, service: str, **config: Any) -> Any:
        """Return a new boto3 client of one service, e.g. `s3`. `config` has options for botocore's Config."""
        with self._making:
            session: Any = self._session
            client = session.client(
                service, endpoint_url=self.url, verify=str(self.authority), config=_client_config(config)
            )
        if self.check is not None:
            client.meta.events.register("before-send", self._check_before_a_request)
        return client

    def _check_before_a_request(self, **_: object) -> None:
        """End a call at once, and not after all its retries, if the cloud's process has ended."""
        if self.check is not None:
            self.check()

    @cached_property
    def _session(self) -> boto3.Session:
        """The session that makes all clients. It reads neither the operator's AWS files nor AWS_PROFILE."""
        import boto3  # not at the top: a command says its first line before AWS is imported
        import botocore.session

        nowhere = (None, None, os.devnull, None)
        settings = {
            "profile": (None, None, None, None),
            "config_file": nowhere,
            "credentials_file": nowhere,
        }
        return boto3.Session(
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
            botocore_session=botocore.session.Session(session_vars=settings),
        )

    def environment(self) -> dict[str, str]:
        """Return the environment variables that make the AWS command line and SDKs use this cloud."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_CA_BUNDLE": str(self.authority),
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": self.region,
        }


@dataclass(frozen=True)
class Cloud:
    """A running embedded cloud."""

    endpoint: Endpoint
    child: child_processes.Child


@contextlib.contextmanager
def embedded_cloud(*, wait_scale: float = 1.0, certificates: Certificates | None = None) -> Iterator[Cloud]:
    """Provide an embedded cloud while a block runs. Nothing of it is left afterwards. The waits of executions are multiplied by
    `wait_scale`.

    Pass `certificates` if somebody must trust them before the cloud starts; otherwise new ones are made. Raises ChildFailed.
    """
    from darkroom_local.machine.certificates import issue

    with tempfile.TemporaryDirectory(prefix="darkroom-cloud-") as folder:
        cloud = launch(Path(folder), certificates or issue(Path(folder)), wait_scale=wait_scale)
        with child_processes.ending(cloud.child):
            await_ready(cloud)
            yield cloud


def launch(
    folder: Path, certificates: Certificates, *, wait_scale: float = 1.0, more: Mapping[str, str] | None = None
) -> Cloud:
    """Start the emulator, with its files in `folder` and with the environment variables `more`. The caller must wait for it by
    `await_ready`, and must end it."""
    port = free_port()
    url, secret = f"https://{HOST}:{port}", secrets.token_hex(20)
    endpoint = Endpoint(url, certificates.authority, access_key="test", secret_key=secret)
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {
        "BIND_HOST": HOST,
        "GATEWAY_PORT": str(port),
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(certificates.chain),
        "MINISTACK_SSL_KEY": str(certificates.key),
        "AWS_CA_BUNDLE": str(certificates.authority),  # also for the functions, which call no other AWS
        "SSL_CERT_FILE": str(certificates.roots),  # has the usual roots, because functions may call real providers
        "AUTH": "true",  # every function runs with its own role and may do only what its policy grants
        "AWS_ACCESS_KEY_ID": endpoint.access_key,  # the administrator's key; functions get their roles' keys
        "AWS_SECRET_ACCESS_KEY": endpoint.secret_key,
        "MINISTACK_REGION": endpoint.region,
        "AWS_DEFAULT_REGION": endpoint.region,
        "LAMBDA_EXECUTOR": "local",
        "SFN_WAIT_SCALE": str(wait_scale),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "s3"),
        "IOT_MTLS_ENABLED": "false",  # otherwise the emulator would listen on every network interface
        "LOG_LEVEL": "WARNING",
        "PYTHONNOUSERSITE": "1",
        "PYTHONUNBUFFERED": "1",
        **(more or {}),
    }
    child = child_processes.start("embedded cloud", [sys.executable, "-m", MARKER], environment, folder)
    return Cloud(replace(endpoint, check=child.check), child)


def await_ready(cloud: Cloud) -> None:
    """Wait until the emulator answers. Raises ChildFailed."""
    port = int(cloud.endpoint.url.rpartition(":")[2])
    trust = ssl.create_default_context(cafile=cloud.endpoint.authority)
    cloud.child.wait_for(lambda: answers(port, trust), _READY_SECONDS)


def answers(port: int, trust: ssl.SSLContext) -> bool:
    """Return whether an emulator on that port, with a certificate that `trust` accepts, says that it is ready."""
    connection = http.client.HTTPSConnection(HOST, port, timeout=2, context=trust)
    try:
        connection.request("GET", "/_ministack/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def free_port() -> int:
    """Return a loopback port on which no process listens at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _client_config(more: dict[str, Any]) -> Config:
    from botocore.config import Config

    # With `proxies={}`, a proxy from the environment is not used for the loopback address.
    options: dict[str, Any] = {"proxies": {}, "retries": {"mode": "standard", "total_max_attempts": 4}, **more}
    return Config(**options)
