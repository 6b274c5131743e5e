"""Checks with the real SAM CLI, on the embedded cloud, that the template deploys, and that it updates a stack at work.

First an earlier version of Darkroom is deployed, and gets jobs in every status. Then the present version is deployed over it, and
callbacks are switched on, while executions of the earlier state machine run. Every job must end right and be paid once.
`earlier_application.tar.xz` has what the earlier version deploys.

Usage: python -m tests.smoke.sam_deploy PATH-TO-SAM. The script prints what it did, exits with 1 if the result is not as
expected, and leaves nothing behind.
"""

from __future__ import annotations

import io
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from darkroom_local.emulator.embedded_cloud import embedded_cloud
from darkroom_local.machine.certificates import issued
from darkroom_local.stack import deployment
from darkroom_local.stack.local_stack import LocalStack
from tests.e2e.deployed_application import API_KEY, Darkroom, picture, simulators
from tests.smoke import stack_at_work
from tests.smoke.sam_cli import deploy, sam

ROOT = Path(__file__).resolve().parents[2]
EARLIER = Path(__file__).with_name("earlier_application.tar.xz")
STACK = deployment.STACK
KEY = f"{stack_at_work.PREFIX}by sam/hello (1).jpg"
SHIPPED = ("template.yaml", "samconfig.toml", "functions", "layers", "statemachine")


def copied(folder: Path) -> Path:
    """Copy the files that `sam build` reads into a new folder, so that nothing is written into the project."""
    place = folder / "present"
    place.mkdir()
    for name in SHIPPED:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, place / name)
    return place


def unpacked(folder: Path) -> Path:
    """Unpack the files of the earlier version into a new folder."""
    place = folder / "earlier"
    with tarfile.open(EARLIER) as archive:
        archive.extractall(place, filter="data")
    return place


def main(binary: str) -> int:
    """Deploy the earlier version, then the present one over it, and check all jobs. Return the exit code."""
    with (
        tempfile.TemporaryDirectory(prefix="darkroom-smoke-") as folder,
        issued() as own,
        simulators("topaz", speed=20, authorities=own.authority) as made,
        embedded_cloud(certificates=own) as cloud,
    ):
        earlier, present = unpacked(Path(folder)), copied(Path(folder))
        urls = {"topaz": made["topaz"].base_url}
        parameters = {"TopazBaseUrl": urls["topaz"], "InputPrefix": stack_at_work.PREFIX}
        for place in (earlier, present):
            sam(binary, cloud.endpoint, place, "build")
        outputs = deploy(binary, cloud.endpoint, earlier, STACK, parameters)
        deployment.put_api_keys(cloud.endpoint, outputs["ApiKeysSecretArn"], {"topaz": API_KEY})
        room = Darkroom(LocalStack(cloud.endpoint, outputs, urls, ("topaz",), cloud), made)
        stack_at_work.occupy(room, earlier)
        room.upload(stack_at_work.QUEUED, picture(80, 60, "PNG"), "scale=2")
        deploy(binary, cloud.endpoint, present, STACK, {**parameters, "Callbacks": "on"})
        stack_at_work.finish(room)
        wrongs = [*stack_at_work.wrongs(room), *new_upload(room)]
        for wrong in wrongs:
            print(wrong)
        print("failed" if wrongs else "passed")
        return 1 if wrongs else 0


def new_upload(room: Darkroom) -> Iterator[str]:
    """Process an upload by the present version. Yield what is wrong with its result."""
    room.upload(KEY, picture(), "scale=2&model=High Fidelity V2")
    job = room.ended([KEY])[KEY]
    if (job["status"], job["model"]) != ("COMPLETED", "High Fidelity V2"):
        yield f"{KEY} is {job['status']} by {job.get('model')}: {job.get('error')}"
        return
    if job["told_by"] != "callback":
        yield f"{KEY} was ended by {job['told_by']}, although the provider calls back"
    with Image.open(io.BytesIO(room.output(KEY)["Body"])) as image:
        image.load()
        if image.size != (192, 128):
            yield f"the result of {KEY} is {image.size[0]}×{image.size[1]}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
