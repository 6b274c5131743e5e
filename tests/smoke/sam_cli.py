"""Runs the real SAM CLI for the embedded cloud, in a copy of an application's files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from darkroom_local.emulator import gaps
from darkroom_local.emulator.embedded_cloud import Endpoint


def sam(binary: str, endpoint: Endpoint, place: Path, *arguments: str) -> None:
    """Run the SAM CLI as a user does in the project's root. The embedded cloud takes the place of AWS."""
    environment = {
        **{name: os.environ[name] for name in os.environ if name.startswith(("PIP_", "LANG", "LC_"))},
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(place.parent), "SAM_CLI_TELEMETRY": "0", "AWS_EC2_METADATA_DISABLED": "true", **endpoint.environment(),
    }  # fmt: skip
    print("$ sam", *arguments, flush=True)
    subprocess.run([binary, *arguments], cwd=place, env=environment, check=True, stdin=subprocess.DEVNULL)


def deploy(
    binary: str, endpoint: Endpoint, place: Path, stack: str, parameters: Mapping[str, str]
) -> Mapping[str, str]:
    """Create or update the stack from the built application in `place`, and return the stack's outputs."""
    overrides = [f"{name}={value}" for name, value in parameters.items()]
    sam(binary, endpoint, place, "deploy", "--stack-name", stack, "--parameter-overrides", *overrides)
    gaps.mend(endpoint)
    found = endpoint.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    return {output["OutputKey"]: output["OutputValue"] for output in found}
