"""The local stack: embedded cloud, providers (simulated or real) and the deployed application, together.

It must not upload or follow anything, nor decide which providers serve.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom_local import child_processes, embedded_cloud, simulator_processes, stack_deployment
from darkroom_local.child_processes import Child
from darkroom_local.embedded_cloud import Cloud, Endpoint
from darkroom_local.folder_state import FolderAccount
from darkroom_local.packaging import find_application
from darkroom_local.provider_choice import Cast, cast

if TYPE_CHECKING:
    from darkroom_local.certificates import Certificates


@dataclass(frozen=True)
class LocalStack:
    """A deployed stack: how to reach it, its CloudFormation outputs, and the base URLs of the simulators that serve it."""

    endpoint: Endpoint
    outputs: Mapping[str, str]
    simulator_urls: Mapping[str, str]
    providers: tuple[str, ...]  # that uploads may name
    cloud: Cloud | None = field(default=None, repr=False)

    @property
    def input_bucket(self) -> str:
        """Where uploads go."""
        return self.outputs["InputBucket"]

    @property
    def output_bucket(self) -> str:
        """Where results and failure reports go."""
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
    """A stack for the length of a block; nothing of it is left but what an `account` keeps.

    With `topaz_api_key` the real API serves. Every other provider that uploads may name is simulated: where
    `simulator_urls` says, else by a child with `speed` (how many times faster than a real provider) and its own of the
    `faults`. Simulators fetch pictures from the cloud: those of `simulator_urls` trust it by the `certificates` that they
    and it were given. Raises ChildFailed, DeploymentFailed, UnknownVendor.
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
    """Starts all processes side by side, with their files in `folder`, and deploys. See `local_stack`.

    The caller ends the children: each is put into `children` as soon as it runs, by what its command line has in it.
    """
    from darkroom_local.certificates import issue  # not at the top: it imports cryptography

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
    embedded_cloud.await_ready(cloud)
    urls = {**simulator_urls, **{vendor: simulator_processes.base_url(child) for vendor, child in started.items()}}
    outputs = _install(cloud.endpoint, who, urls, parameters)
    return LocalStack(cloud.endpoint, outputs, urls, who.providers, cloud)


def _install(endpoint: Endpoint, who: Cast, urls: Mapping[str, str], parameters: Mapping[str, str]) -> dict[str, str]:
    """Deploys the application and stores the API keys; answers the stack's outputs. Repeat safe."""
    outputs = stack_deployment.deploy(endpoint, find_application(), {**who.parameters(urls), **parameters})
    stack_deployment.put_api_keys(endpoint, outputs["ApiKeysSecretArn"], who.keys)
    return outputs
