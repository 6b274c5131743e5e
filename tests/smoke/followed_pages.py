"""Follows pages of docs/ word by word on the embedded cloud, with the real AWS CLI and SAM CLI, and says how long that takes.

The pages are those of a stack's life: ten minutes on AWS; events; and upgrade, move, remove. Every command runs as it stands,
in one shell for all pages, in a copy of the project. Three things stand for what a person brings: the environment's variables for
the login to AWS, the file photo.jpg, and the API key, which is typed. The copy's template has a simulator's address as the
default of TopazBaseUrl. Two things are not run: what the first page asks for before its first command (to install the tools, to
clone the repository), and NOT_RUN.

Usage: python -m tests.smoke.followed_pages PATH-TO-SAM PATH-TO-AWS. The script exits with 1 if the result is not as the pages
say, and leaves nothing behind.
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

from darkroom_local.emulator.embedded_cloud import Endpoint, embedded_cloud
from tests.e2e.deployed_application import API_KEY, picture, simulators
from tests.smoke import page_commands

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("aws.md", "events.md", "upgrade.md")
# Blocks that begin so are not run: the consumer runs until it is interrupted, and tests/e2e/test_events.py runs its functions.
NOT_RUN = ("python events/example/consumer.py",)
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "demo-results", "dist", "*.egg-info", "tests", "benchmarks")
TOPAZ = '"https://api.topazlabs.com/image/v1"'  # the default of TopazBaseUrl, as the template writes it
# On AWS this does nothing; `gaps` says what it corrects in the emulator.
MEND = (
    "from darkroom_local.emulator import gaps; from tests.smoke.followed_pages import endpoint; gaps.mend(endpoint())"
)
# What `tell_parameters` prints before a stack's parameters.
PARAMETERS = "the stack's parameters are "
# These get other values by a move: the names of what the first stack made.
MOVED = ("LedgerTableName", "InputBucketName", "OutputBucketName")
LIMITS = {"MonthlyBudgetUsd": "20", "AlarmEmail": "you@example.com"}  # as docs/aws.md deploys them


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


def tell_parameters() -> str:
    """Return the command that prints the stack's parameters on one line."""
    query = "Stacks[0].Parameters[].[ParameterKey, ParameterValue]"
    found = f"aws cloudformation describe-stacks --stack-name darkroom --output json --query {shlex.quote(query)}"
    return f"echo {shlex.quote(PARAMETERS)}\"$({found} | tr -d '\\n')\""


def lost_parameters(printed: str) -> Iterator[str]:
    """Yield the parameters that a deployment of the pages did not keep. The first page gives limits; a move gives only names."""
    deployed = [dict(json.loads(line)) for line in re.findall(rf"^{PARAMETERS}(.*)$", printed, re.MULTILINE)]
    if len(deployed) < 3:  # the first deployment, an upgrade, a move
        yield f"the stack was deployed {len(deployed)} times, not three times"
        return
    for number, found in enumerate(deployed, start=1):
        for name, value in (deployed[0] | LIMITS).items():
            if found[name] != value and name not in MOVED:
                yield f"after deployment {number}, {name} is {found[name]!r}, not {value!r}"
    yield from (f"the moved stack has no {name}" for name in MOVED if not deployed[-1][name])


def wrongs(place: Path, printed: str, cloud: Endpoint) -> Iterator[str]:
    """Yield what is not as the pages say."""
    yield from lost_parameters(printed)
    for name in ("photo.jpg", "second.jpg"):
        with Image.open(place / "enhanced" / name) as result:
            result.load()
            if result.size != (800, 600):
                yield f"the result {name} is {result.size[0]}×{result.size[1]}, not twice as wide and high"
    if not re.search(r"^status +COMPLETED", printed, re.MULTILINE):
        yield "`darkroom job photo.jpg` does not say COMPLETED"
    if tables := cloud.client("dynamodb").list_tables()["TableNames"]:
        yield f"these tables are still there: {tables}"
    buckets = [bucket["Name"] for bucket in cloud.client("s3").list_buckets()["Buckets"]]
    if not [name for name in buckets if "outputbucket" in name]:
        yield f"the output bucket is gone: {buckets}"


def steps() -> list[tuple[str, str]]:
    """Return the pages' blocks that are run, in order, each with the name of its page."""
    found = [(page, text) for page in PAGES for text in page_commands.blocks(ROOT / "docs" / page)]
    return [(page, text) for page, text in found if not text.startswith(NOT_RUN)]


def main(sam: str, aws: str) -> int:
    """Follow the pages, and print how long each block took. Return the exit code."""
    texts = steps()
    with (
        tempfile.TemporaryDirectory(prefix="darkroom-pages-") as made,
        simulators("topaz", speed=1) as vendors,
        embedded_cloud() as cloud,
    ):
        folder = Path(made)
        place = prepared(folder, vendors["topaz"].base_url)
        environs = environment(folder, cloud.endpoint, sam, aws)
        blocks = [text for _, text in texts]
        after = f"{mending()}\n{tell_parameters()}"
        done = page_commands.run(blocks, place, environs, typed=f"{API_KEY}\n", after={"sam deploy": after})
        found = list(wrongs(place, done.printed, cloud.endpoint))
    for (page, text), seconds in zip(texts, done.seconds, strict=True):
        print(f"{seconds:6.1f} s  {page:10}  {text.splitlines()[0][:80]}")
    for page in PAGES:
        together = sum(seconds for (of, _), seconds in zip(texts, done.seconds, strict=True) if of == page)
        print(f"{together:6.1f} s  {page:10}  together")
    print(*found, "failed" if found else "passed", sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
