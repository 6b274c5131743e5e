"""Tests that the handlers need nothing except Lambda's runtime and the layer that `make install` builds."""

from __future__ import annotations

import io
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from darkroom_local.stack.packaging import find_application

ROOT = Path(__file__).resolve().parents[2]
LAYER = ROOT / ".build" / "layer" / "python"
# boto3 and its dependencies, which Lambda's Python runtimes include (Lambda developer guide, "Runtime-included SDK
# versions").
RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py")


@pytest.fixture
def lambda_like_path(tmp_path: Path) -> list[str]:
    """Return an import path with the functions, the layer and the runtime's own packages, but no other installed package."""
    site = Path(sysconfig.get_paths()["purelib"])
    for name in RUNTIME:
        (tmp_path / name).symlink_to(site / name)
    return [str(ROOT / "functions"), str(LAYER), str(ROOT / "layers" / "core"), str(tmp_path)]


@pytest.mark.parametrize("handler", ["submit", "poll", "finalize"])
def test_a_handler_imports_from_the_layer_alone(handler: str, lambda_like_path: list[str]) -> None:
    program = (
        f"import sys; sys.path += {lambda_like_path!r}; import {handler}, httpx, aws_lambda_powertools; "
        f"assert callable({handler}.handler); print(httpx.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(LAYER))


def test_every_module_of_the_layer_imports_without_what_only_developers_have(lambda_like_path: list[str]) -> None:
    program = (
        f"import sys; sys.path += {lambda_like_path!r}; import importlib, pkgutil, darkroom; "
        "names = [found.name for found in pkgutil.walk_packages(darkroom.__path__, 'darkroom.')]; "
        "print(len([importlib.import_module(name) for name in names]))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= len(list((ROOT / "layers" / "core" / "darkroom").rglob("[!_]*.py")))


def test_the_layer_holds_no_compiled_code() -> None:
    assert LAYER.is_dir()
    assert [path for path in LAYER.rglob("*") if path.suffix in {".so", ".pyd", ".dylib"}] == []


def test_a_function_in_the_embedded_cloud_has_the_packages_of_the_layer_and_not_its_neighbours(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(find_application().layer_archive())) as layer:
        layer.extractall(tmp_path)
    # Add the layer as the emulator's worker does. The layer must win, although this interpreter has the same packages, too.
    program = (
        "import os, site; lib = os.path.join('python', 'lib'); "
        "[site.addsitedir(os.path.join(lib, version, 'site-packages')) for version in os.listdir(lib)]; "
        "import darkroom, httpx, aws_lambda_powertools as powertools; "
        "print(darkroom.__file__, httpx.__file__, powertools.__file__, sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    darkroom, *others = done.stdout.splitlines()
    assert Path(darkroom).is_relative_to(ROOT / "layers" / "core")
    assert [path for path in others if not Path(path).is_relative_to(LAYER)] == []
