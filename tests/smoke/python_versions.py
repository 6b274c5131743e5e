"""Checks the sources on each given version of Python, and says which versions this machine does not have.

Usage: python -m tests.smoke.python_versions 3.11 3.12. On each version all sources are compiled, and the runtime, the
functions and the command line are imported. Warnings are errors. mypy then checks the types for that version. Imports
use the packages of the environment that runs this script, so sources that need compiled packages (the embedded cloud,
the simulators) are compiled but not imported. A missing version is named and is no failure. The script prints one line
for each version and exits with 1 if one of them fails. It writes nothing but mypy's cache.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("layers/core/darkroom", "functions", "cli", "local", "tests", "benchmarks")
IMPORT_PATH = ("layers/core", "cli", "functions", sysconfig.get_path("purelib"))
COMPILE = """
import pathlib, sys
files = [file for folder in sys.argv[1:] for file in pathlib.Path(folder).rglob("*.py")]
for file in files:
    compile(file.read_bytes(), file, "exec")
print(len(files), "files compile", end=", ")
"""
IMPORT = """
import importlib, pkgutil
import darkroom, darkroom_cli
names = [m.name for package in (darkroom, darkroom_cli) for m in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
names += [m.name for m in pkgutil.iter_modules(["functions"])]
for name in names:
    importlib.import_module(name)
print(len(names), "modules are imported", end=", ")
"""


def interpreter(version: str) -> str | None:
    """Return a command that runs this version of Python, or None. The command must really run, because pyenv has shims
    even for missing versions.
    """
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = sys.executable if version == own else f"python{version}"
    try:
        subprocess.run([command, "-c", ""], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return command


def passes(python: str, version: str) -> bool:
    """Say whether the sources compile, can be imported and pass the type check on this version of Python."""
    strict = [python, "-B", "-W", "error", "-c"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(IMPORT_PATH)}
    checks = (
        [*strict, COMPILE, *SOURCES],
        [*strict, IMPORT],
        [sys.executable, "-m", "mypy", "--python-version", version],
    )
    return all(subprocess.run(check, cwd=ROOT, env=environment, check=False).returncode == 0 for check in checks)


def main(versions: list[str]) -> int:
    """Check each version that this machine has. Return 1 if one of them fails, or else 0."""
    failed = 0
    for version in versions:
        python = interpreter(version)
        print(
            f"Python {version}: ",
            end="" if python else "not checked, because this machine does not have it\n",
            flush=True,
        )
        failed += python is not None and not passes(python, version)
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
