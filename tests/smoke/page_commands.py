"""Reads the shell commands of a page, and runs them in one shell, word by word."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CLOCK = "the time of the page is"
_QUIET = "{ set +v; } 2>/dev/null"


@dataclass(frozen=True)
class Run:
    """What the run of some blocks printed, and how long each block took in seconds."""

    printed: str
    seconds: tuple[float, ...]


def blocks(page: Path) -> list[str]:
    """Return the texts of a page's `sh` blocks, in order."""
    return _BLOCK.findall(page.read_text(encoding="utf-8"))


def run(
    texts: Sequence[str], folder: Path, environment: Mapping[str, str], *, typed: str, after: Mapping[str, str]
) -> Run:
    """Run blocks one after the other in one bash, in `folder`, with this environment alone. The first command that fails ends it.

    `typed` is what a person types. `after` has commands of a text: where a block has the text, they run after it. They are not in
    the time of any block. Raises CalledProcessError, after printing all that was printed.
    """
    clock = f'{{ echo; echo "{_CLOCK} $EPOCHREALTIME"; }} 2>/dev/null\n'
    script = ["set -eu -o pipefail\n"]
    for text in texts:
        more = [command for found, command in after.items() if found in text]
        script += [clock, "set -v\n", text, f"{_QUIET}\n", clock, *(f"{command}\n" for command in more)]
    file = folder / "page.sh"
    file.write_text("".join(script), encoding="utf-8")
    done = subprocess.run(
        ["bash", str(file)], cwd=folder, env=dict(environment), input=typed, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    times = [float(time) for time in re.findall(rf"{_CLOCK} ([\d.]+)", done.stdout)]
    print(re.sub(rf"\n{_CLOCK} [\d.]+\n|^{re.escape(_QUIET)}\n", "", done.stdout, flags=re.MULTILINE), flush=True)
    done.check_returncode()
    starts_and_ends = list(pairwise(times))[::2]
    return Run(done.stdout, tuple(end - start for start, end in starts_and_ends))


def without_project(path: str) -> str:
    """Return a PATH without the environment that runs this script, so that a page's commands bring their own."""
    own = os.environ.get("VIRTUAL_ENV", "")
    return os.pathsep.join(place for place in path.split(os.pathsep) if not own or not place.startswith(own))
