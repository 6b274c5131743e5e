"""A provider's simulator as a child process, started through the same command an operator types.

It must not import a simulator: what is simulated is another program, reached over HTTP.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from darkroom_local import children

MARKER = "simulate topaz"  # in the simulator's command line
SIMULATED_KEY = "simulated-topaz-key"
DEFAULT_SPEED = 10.0
_READY_SECONDS = 30.0
_READY_WORD = "ready at "


def launch(folder: Path, *, speed: float = DEFAULT_SPEED, faults: Sequence[str] = ()) -> children.Child:
    """Starts a Topaz simulator on a free loopback port; the caller ends it. Not ready yet: see `base_url`."""
    command = [
        sys.executable, "-m", "darkroom_cli", *MARKER.split(),
        "--port", "0", "--api-key", SIMULATED_KEY, "--speed", str(speed),
    ]  # fmt: skip
    for fault in faults:
        command += ["--fault", fault]
    environment = {name: value for name, value in os.environ.items() if name != "TOPAZ_API_KEY"}
    return children.start("Topaz simulator", command, environment | {"PYTHONUNBUFFERED": "1"}, folder)


def base_url(child: children.Child) -> str:
    """Waits until the simulator serves and answers its base URL. Raises ChildFailed."""
    child.wait_for(lambda: bool(_announced(child.log_text())), _READY_SECONDS)
    return _announced(child.log_text())


def announcement(url: str) -> str:
    """The line the simulator's command prints once it serves."""
    return _READY_WORD + url


def _announced(text: str) -> str:
    lines = [line for line in text.splitlines(keepends=True) if line.startswith(_READY_WORD) and line.endswith("\n")]
    return lines[-1].removeprefix(_READY_WORD).strip() if lines else ""
