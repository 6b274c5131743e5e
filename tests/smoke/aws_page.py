"""Follows docs/aws.md word by word on the embedded cloud, with the real AWS CLI and SAM CLI, and says how long it takes.

Every command of the page runs as it stands, in a copy of the project, in one shell. Three things stand for what a person brings:
the environment's variables for the login to AWS, the file photo.jpg, and the file keys.json. The copy's template has a simulator's
address as the default of TopazBaseUrl. What the page asks for before its first command (to install the tools, to clone the
repository) is not run.

Usage: python -m tests.smoke.aws_page PATH-TO-SAM PATH-TO-AWS. The script exits with 1 if the result is not as the page says, and
leaves nothing behind.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from darkroom_local.embedded_cloud import Endpoint, embedded_cloud
from tests.e2e.deployed_application import API_KEY, picture, simulators
from tests.smoke import page_commands

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "aws.md"
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "demo-results", "dist", "*.egg-info", "tests", "benchmarks")
TOPAZ = '"https://api.topazlabs.com/image/v1"'  # the default of TopazBaseUrl, as the template writes it
# On AWS this does nothing; `emulator_gaps` says what it corrects in the emulator.
MEND = "from darkroom_local import emulator_gaps; from tests.smoke.aws_page import endpoint; emulator_gaps.mend(endpoint())"


def endpoint() -> Endpoint:
    """Return the embedded cloud that the environment names, as a command of the page finds it."""
    of = os.environ
    return Endpoint(
        of["AWS_ENDPOINT_URL"], Path(of["AWS_CA_BUNDLE"]), of["AWS_ACCESS_KEY_ID"], of["AWS_SECRET_ACCESS_KEY"]
    )


def prepared(folder: Path, topaz: str) -> Path:
    """Copy the project into the folder, with what a person brings, and with the simulator in the place of Topaz."""
    place = folder / "darkroom"
    shutil.copytree(ROOT, place, ignore=NOT_COPIED)
    template = (place / "template.yaml").read_text(encoding="utf-8")
    assert template.count(TOPAZ) == 1
    (place / "template.yaml").write_text(template.replace(TOPAZ, json.dumps(topaz)), encoding="utf-8")
    (place / "photo.jpg").write_bytes(picture(400, 300))
    (place / "keys.json").write_text(json.dumps({"topaz": API_KEY}), encoding="utf-8")
    return place


def environment(folder: Path, cloud: Endpoint, *tools: str) -> dict[str, str]:
    """Return the variables that the page's commands see: those of a login to AWS, and a PATH with the tools."""
    bin = folder / "bin"
    bin.mkdir()
    for tool in tools:
        (bin / Path(tool).name).symlink_to(Path(tool).absolute())
    mine = {name: os.environ[name] for name in os.environ if name.startswith(("PIP_", "LANG", "LC_"))}
    return {
        **mine, "PATH": os.pathsep.join([str(bin), page_commands.without_project(os.environ["PATH"])]), "HOME": str(folder),
        "SAM_CLI_TELEMETRY": "0", "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": "", **cloud.environment(),
    }  # fmt: skip


def mending() -> str:
    """Return the command that corrects the emulator's mistakes in the deployed stack."""
    project = os.pathsep.join(str(ROOT / part) for part in ("", "layers/core", "cli", "local"))
    return f"PYTHONPATH={shlex.quote(project)} {shlex.quote(sys.executable)} -c {shlex.quote(MEND)}"


def wrongs(place: Path, printed: str) -> Iterator[str]:
    """Yield what is not as the page says."""
    with Image.open(place / "enhanced.jpg") as result:
        result.load()
        if result.size != (800, 600):
            yield f"the result is {result.size[0]}×{result.size[1]}, not twice as wide and high"
    if not re.search(r"^status +COMPLETED", printed, re.MULTILINE):
        yield "`darkroom job photo.jpg` does not say COMPLETED"
    if (place / "keys.json").exists():
        yield "keys.json is still there"


def main(sam: str, aws: str) -> int:
    """Follow the page, and print how long each block took. Return the exit code."""
    texts = page_commands.blocks(PAGE)
    with (
        tempfile.TemporaryDirectory(prefix="darkroom-page-") as made,
        simulators("topaz", speed=1) as vendors,
        embedded_cloud() as cloud,
    ):
        folder = Path(made)
        place = prepared(folder, vendors["topaz"].base_url)
        done = page_commands.run(
            texts, place, environment(folder, cloud.endpoint, sam, aws), {"sam deploy": mending()}
        )
        found = list(wrongs(place, done.printed))
    for text, seconds in zip(texts, done.seconds, strict=True):
        print(f"{seconds:6.1f} s  {text.splitlines()[0][:90]}")
    print(f"{sum(done.seconds):6.1f} s  together")
    print(*found, "failed" if found else "passed", sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
