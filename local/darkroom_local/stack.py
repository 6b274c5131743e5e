"""The local stack: embedded cloud, provider (simulated or real) and the deployed application, together.

It decides which provider serves. It must not upload or follow anything.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from darkroom_local import children, deployment, simulator
from darkroom_local.application import Application, find_application
from darkroom_local.cloud import Cloud, Endpoint, embedded_cloud


@dataclass(frozen=True)
class LocalStack:
    """A deployed stack: how to reach it, its CloudFormation outputs, and the simulator's base URL if one serves."""

    endpoint: Endpoint
    outputs: Mapping[str, str]
    simulator_url: str | None
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
    speed: float = simulator.DEFAULT_SPEED,
    faults: Sequence[str] = (),
    parameters: Mapping[str, str] | None = None,
    application: Application | None = None,
    topaz_url: str | None = None,
    wait_scale: float = 1.0,
) -> Iterator[LocalStack]:
    """A stack for the length of a block; nothing of it is left.

    With `topaz_api_key` the real API serves. Otherwise the simulator at `topaz_url` does, or one is started with
    `speed` (how many times faster than a real provider) and `faults`.
    """
    with contextlib.ExitStack() as ends, embedded_cloud(wait_scale=wait_scale) as cloud:
        url = None if topaz_api_key else topaz_url
        if not topaz_api_key and url is None:
            folder = Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="darkroom-simulator-")))
            url = simulator.base_url(
                ends.enter_context(children.ending(simulator.launch(folder, speed=speed, faults=faults)))
            )
        outputs = install(cloud.endpoint, topaz_api_key, url, parameters or {}, application or find_application())
        yield LocalStack(cloud.endpoint, outputs, url, cloud)


def install(
    endpoint: Endpoint,
    topaz_api_key: str | None,
    topaz_url: str | None,
    parameters: Mapping[str, str],
    application: Application,
) -> dict[str, str]:
    """Deploys the application and stores the API key; answers the stack's outputs. Repeat safe."""
    chosen = ({"TopazBaseUrl": topaz_url} if topaz_url else {}) | dict(parameters)
    outputs = deployment.deploy(endpoint, application, chosen)
    key = topaz_api_key or simulator.SIMULATED_KEY
    deployment.put_api_keys(endpoint, outputs["ApiKeysSecretArn"], {"topaz": key})
    return outputs
