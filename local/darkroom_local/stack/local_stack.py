"""Starts a local stack: the embedded cloud, the simulators of providers, and the deployed application.

It must not upload files, follow jobs, or decide which providers a stack has.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom_local.emulator import embedded_cloud
from darkroom_local.emulator.embedded_cloud import Cloud, Endpoint
from darkroom_local.machine import child_processes
from darkroom_local.machine.child_processes import Child
from darkroom_local.results.accounts import FolderAccount
from darkroom_local.stack import deployment, sam_transform, simulator_processes
from darkroom_local.stack.packaging import find_application
from darkroom_local.stack.provider_choice import Cast, cast

if TYPE_CHECKING:
    from darkroom_local.machine.certificates import Certificates


@dataclass(frozen=True)
class LocalStack:
    """A deployed stack: its endpoint, its CloudFormation outputs, and the base URLs of its simulators."""

    endpoint: Endpoint
    outputs: Mapping[str, str]
    simulator_urls: Mapping[str, str]
    providers: tuple[str, ...]  # the providers that uploads may name
    cloud: Cloud | None = field(default=None, repr=False)
    account_id: str = ""  # of the account that it keeps, see `FolderAccount`; empty if it keeps none
    earlier_jobs: frozenset[str] = frozenset()  # the ids of the jobs in that account when the stack started

    @property
    def input_bucket(self) -> str:
        """The name of the bucket for uploads."""
        return self.outputs["InputBucket"]

    @property
    def output_bucket(self) -> str:
        """The name of the bucket for results and failure reports."""
        return self.outputs["OutputBucket"]


@contextlib.contextmanager
def local_stack(
    *,
    topaz_api_key: str | None = None,
    speed: float = simulator_processes.DEFAULT_SPEED,
    faults: Sequence[str] = (),
    parameters: Mapping[str, str] | None = None,
    simulator_urls: Mapping[str, str] | None = None,
    certificates: Certificates | None = None,
    wait_scale: float = 1.0,
    account: FolderAccount | None = None,
) -> Iterator[LocalStack]:
    """Provide a stack while a block runs. Nothing of it is left afterwards, except the data that `account` keeps.

    With `topaz_api_key`, the real Topaz API is used. Every other provider that uploads may name is simulated. The simulator is
    the one in `simulator_urls`, or a new child process with `speed` (how many times faster than a real provider) and with those
    of `faults` that are for its vendor. Simulators fetch pictures from the embedded cloud. Those in `simulator_urls` trust its
    certificate only if they and the cloud got the same `certificates`. Raises ChildFailed, DeploymentFailed, UnknownVendor.
    """
    with tempfile.TemporaryDirectory(prefix="darkroom-stack-") as folder, child_processes.ending_all() as children:
        if account:
            account.note_work(Path(folder))
        yield start(
            Path(folder),
            children,
            cast(topaz_api_key, parameters or {}),
            speed=speed,
            faults=faults,
            parameters=parameters or {},
            simulator_urls=simulator_urls or {},
            certificates=certificates,
            wait_scale=wait_scale,
            account=account,
        )


def start(
    folder: Path,
    children: dict[str, Child],
    who: Cast,
    *,
    speed: float,
    faults: Sequence[str],
    parameters: Mapping[str, str],
    simulator_urls: Mapping[str, str],
    certificates: Certificates | None = None,
    wait_scale: float = 1.0,
    account: FolderAccount | None = None,
) -> LocalStack:
    """Start all processes at the same time, with their files in `folder`, and deploy the application. See `local_stack`.

    The caller must end the children. Each is put into `children` as soon as it runs. The key is a text in its command line.
    """
    from darkroom_local.machine.certificates import issue  # not at the top: it imports cryptography

    faults_of = simulator_processes.faults_by_vendor(faults)
    own = certificates or issue(folder)
    kept = account.environment if account else {}
    cloud = embedded_cloud.launch(folder, own, wait_scale=wait_scale, more=kept)
    children[embedded_cloud.MARKER] = cloud.child
    started: dict[str, Child] = {}
    for vendor in who.simulated:
        if vendor in simulator_urls:
            continue
        started[vendor] = simulator_processes.launch(vendor, folder, own.roots, speed, faults_of.get(vendor, ()), kept)
        children[simulator_processes.marker(vendor)] = started[vendor]
    sam_transform.load()  # while the emulator starts
    embedded_cloud.await_ready(cloud)
    urls = {**simulator_urls, **{vendor: simulator_processes.base_url(child) for vendor, child in started.items()}}
    outputs = _install(cloud.endpoint, who, urls, parameters)
    account_id, jobs = (account.account_id, account.jobs) if account else ("", ())
    earlier = frozenset(job.job_id for job in jobs)
    return LocalStack(cloud.endpoint, outputs, urls, who.providers, cloud, account_id, earlier)


def _install(endpoint: Endpoint, who: Cast, urls: Mapping[str, str], parameters: Mapping[str, str]) -> dict[str, str]:
    """Deploy the application, store the API keys, and return the stack's outputs. Repeat safe."""
    outputs = deployment.deploy(endpoint, find_application(), {**who.parameters(urls), **parameters})
    deployment.put_api_keys(endpoint, outputs["ApiKeysSecretArn"], who.keys)
    return outputs
