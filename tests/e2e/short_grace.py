"""Lets the vendors' lists lag for 3 s and not for a minute: the functions run a copy of the runtime with such catalogs.

In a command, the variable RUNTIME names the copy.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

from darkroom_local.stack import local_stack, packaging

RUNTIME = "DARKROOM_TEST_RUNTIME"
_AS_SHIPPED, _SHORT = "visibility_grace_seconds = 60\n", "visibility_grace_seconds = 3\n"


def runtime_in(folder: Path) -> Path:
    """Copy the runtime into `folder`, change the grace of each vendor that has a list of all jobs, and return the copy."""
    copy = shutil.copytree(packaging.find_application().runtime, folder / "darkroom")
    for vendor in ("topaz", "oxen", "uwear"):
        catalog = copy / "catalog" / f"{vendor}.toml"
        text = catalog.read_text()
        assert text.count(_AS_SHIPPED) == 1
        catalog.write_text(text.replace(_AS_SHIPPED, _SHORT))
    return copy


def application_with(runtime: Path) -> packaging.Application:
    """Return the application whose functions run that copy of the runtime."""
    return replace(packaging.find_application(), runtime=runtime)


def shorten() -> None:
    """Change this process, which runs one command, until its end."""
    application = application_with(Path(os.environ[RUNTIME]))
    local_stack.find_application = lambda: application
