"""Finds the application's template and code on disk, and makes the archives that a deployment uploads.

It only reads files and calls no cloud.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import darkroom

_FIXED_TIME = (1980, 1, 1, 0, 0, 0)  # so that the same files always give the same archive with the same name
_LEFT_OUT = frozenset({"__pycache__"})
# The runtime treats this folder of a layer as site-packages, and so reads the .pth files in it (site module, "addsitedir").
_SITE_FOLDER = "python/lib/python3/site-packages"


@dataclass(frozen=True)
class Application:
    """`root` holds template.yaml, functions/ and statemachine/; `runtime` is the package `darkroom`.

    `dependencies` is the folder with the layer's third-party packages that `make install` builds. Without it, the interpreter's
    own site-packages are used, because the emulator runs handlers with its own interpreter.
    """

    root: Path
    runtime: Path
    dependencies: Path | None = None

    @property
    def template(self) -> Path:
        """The SAM template that is deployed to AWS."""
        return self.root / "template.yaml"

    def code_archive(self, path: Path) -> bytes:
        """Return a zip with the files below `path`, for use as a function's code."""
        return _archive(_files(path))

    def layer_archive(self) -> bytes:
        """Return a zip with one .pth file, which puts the folders of the layer's packages first on a function's import path.

        The layer on AWS contains the packages themselves. Here, each worker of a function would have to unpack and compile its
        thousand files, which takes half a second of CPU time. The folders are compiled only once. The code that runs is the same.
        """
        folders = [path for path in (self.dependencies, self.runtime.parent) if path is not None]
        line = f"import sys; sys.path[:0] = {[str(path) for path in folders]!a}\n"
        return _archive({f"{_SITE_FOLDER}/darkroom.pth": line.encode()})


def find_application() -> Application:
    """Return the application of the checkout that this package is in, otherwise the copy in the installed package."""
    runtime = Path(darkroom.__file__).resolve().parent
    here = Path(__file__).resolve().parents[1]  # the package
    checkout = here.parents[1]
    if (checkout / "template.yaml").is_file() and (checkout / "layers" / "core" / "darkroom").is_dir():
        built = checkout / ".build" / "layer" / "python"
        return Application(checkout, checkout / "layers" / "core" / "darkroom", built if built.is_dir() else None)
    return Application(here / "app", runtime)


def _files(base: Path) -> dict[str, bytes]:
    """Return path → content of the files below `base`, in the same order on every machine."""
    found: dict[str, bytes] = {}
    for folder, folders, names in os.walk(base):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT)
        for name in sorted(names):
            file = Path(folder) / name
            found[file.relative_to(base).as_posix()] = file.read_bytes()
    return found


def _archive(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _FIXED_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return buffer.getvalue()
