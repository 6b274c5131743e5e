"""Checks that the real SAM CLI builds template.yaml and deploys it to the embedded cloud, and that an upload with tags
is processed.

Usage: python -m tests.smoke.sam_deploy PATH-TO-SAM. The script prints what it did, exits with 1 if the result is not as
expected, and leaves nothing behind.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from darkroom_local import emulator_gaps, stack_deployment
from darkroom_local.embedded_cloud import Endpoint, embedded_cloud
from darkroom_local.local_stack import LocalStack
from tests.e2e.deployed_application import API_KEY, Darkroom, picture, simulators

ROOT = Path(__file__).resolve().parents[2]
STACK = "darkroom-smoke"
KEY = "by sam/hello (1).jpg"


SHIPPED = ("template.yaml", "samconfig.toml", "functions", "layers", "statemachine")


def copied(folder: Path) -> Path:
    """Copy the files that `sam build` reads into a new folder, so that nothing is written into the project."""
    place = folder / "darkroom"
    place.mkdir()
    for name in SHIPPED:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, place / name)
    return place


def sam(binary: str, endpoint: Endpoint, place: Path, *arguments: str) -> None:
    """Run the SAM CLI as a user does in the project's root. The embedded cloud takes the place of AWS."""
    environment = {
        **{name: os.environ[name] for name in os.environ if name.startswith(("PIP_", "LANG", "LC_"))},
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(place.parent), "SAM_CLI_TELEMETRY": "0", "AWS_EC2_METADATA_DISABLED": "true", **endpoint.environment(),
    }  # fmt: skip
    print("$ sam", *arguments, flush=True)
    subprocess.run([binary, *arguments], cwd=place, env=environment, check=True, stdin=subprocess.DEVNULL)


def main(binary: str) -> int:
    """Build and deploy the template, upload a picture and check its result. Return the exit code."""
    with (
        tempfile.TemporaryDirectory(prefix="darkroom-smoke-") as folder,
        simulators("topaz", speed=20) as made,
        embedded_cloud() as cloud,
    ):
        place = copied(Path(folder))
        sam(binary, cloud.endpoint, place, "build")
        urls = {"topaz": made["topaz"].base_url}
        overrides = ("--parameter-overrides", f"TopazBaseUrl={urls['topaz']}")
        sam(binary, cloud.endpoint, place, "deploy", "--stack-name", STACK, *overrides)
        emulator_gaps.mend(cloud.endpoint)
        found = cloud.endpoint.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in found}
        stack_deployment.put_api_keys(cloud.endpoint, outputs["ApiKeysSecretArn"], {"topaz": API_KEY})
        room = Darkroom(LocalStack(cloud.endpoint, outputs, urls, ("topaz",), cloud), made)
        room.upload(KEY, picture(), "scale=2&model=High Fidelity V2")
        job = room.ended([KEY])[KEY]
        with Image.open(io.BytesIO(room.output(KEY)["Body"])) as image:
            image.load()
            as_meant = (job["status"], job["model"], image.size) == ("COMPLETED", "High Fidelity V2", (192, 128))
        print(f"{KEY}: {job['status']} by {job['model']}, {image.size[0]}×{image.size[1]}, {job['credits']} credit")
        print(f"{int(as_meant)} passed, {int(not as_meant)} failed")
        return 0 if as_meant else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
