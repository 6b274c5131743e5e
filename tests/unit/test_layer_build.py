"""Tests the layer's Makefile, with a replacement for pip's download. Byte-code is compiled only by the Python version
of the runtime.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.template_support import ROOT, TEMPLATE

OURS = f"{sys.version_info[0]}.{sys.version_info[1]}"
BUILDER = ROOT / "layers" / "core"
# Replaces Python. `-m pip install … --target FOLDER` puts a package into FOLDER. All other calls go to this Python.
STAND_IN = f"""#!/bin/sh
if [ "$2" != pip ]; then exec "{sys.executable}" "$@"; fi
echo "$@" > "{{told}}"
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/package/__pycache__" "$2/bin"
echo 'WORD = "as it was compiled"' > "$2/package/__init__.py"
touch "$2/package/__pycache__/left-over.pyc" "$2/bin/httpx"
"""


class Built:
    """Builds the layer for a runtime of this version."""

    def __init__(self, folder: Path, runtime: str) -> None:
        self.folder = folder
        python = folder / "python-and-pip"
        python.write_text(STAND_IN.format(told=folder / "told"))
        python.chmod(0o755)
        make = shutil.which("make")
        assert make
        done = subprocess.run(
            [
                make,
                "build-CoreLayer",
                f"ARTIFACTS_DIR={folder / 'artifacts'}",
                f"PYTHON={python}",
                f"RUNTIME={runtime}",
            ],
            cwd=BUILDER,
            capture_output=True,
            text=True,
            check=True,
        )
        self.said, self.told = done.stdout, (folder / "told").read_text()
        self.layer = folder / "artifacts" / "python"

    @property
    def compiled(self) -> list[Path]:
        return sorted(self.layer.rglob("*.pyc"))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(tmp_path_factory.mktemp("compiled"), OURS)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(tmp_path_factory.mktemp("plain"), "3.99")


def run(layer: Path, program: str) -> str:
    """Run the program in this Python with the layer on its path, and return its output. No file is written."""
    code = f"import sys; sys.path.insert(0, {str(layer)!r}); {program}"
    done = subprocess.run([sys.executable, "-I", "-B", "-c", code], capture_output=True, text=True, check=True, cwd="/")
    return done.stdout.strip()


def test_the_runtimes_own_python_compiles_every_module(compiled: Built) -> None:
    sources = list(compiled.layer.rglob("*.py"))
    assert len(compiled.compiled) == len(sources) > 50
    assert f"for the runtime's Python {OURS}" in compiled.said


def test_another_python_leaves_byte_code_out_and_says_so(plain: Built) -> None:
    assert plain.compiled == []
    assert "byte-code: none" in plain.said
    assert run(plain.layer, "import package; print(package.WORD)") == "as it was compiled"


def test_byte_code_is_used_whatever_became_of_the_sources_times(compiled: Built, tmp_path: Path) -> None:
    """The source's text and size are changed too, so only the compiled code can still print the old text."""
    layer = shutil.copytree(compiled.layer, tmp_path / "python")
    for source in layer.rglob("*.py"):
        os.utime(source, (0, 0))
    (layer / "package" / "__init__.py").write_text('WORD = "as somebody left it since then"')
    assert run(layer, "import package; print(package.WORD)") == "as it was compiled"
    assert run(layer, "import darkroom.planning as it; print(it.__cached__)").endswith(f"{OURS[2:]}.pyc")


def test_no_path_of_the_building_machine_is_in_the_byte_code(compiled: Built) -> None:
    assert [path for path in compiled.compiled if str(compiled.folder).encode() in path.read_bytes()] == []
    assert b"/opt/python/darkroom/" in (compiled.compiled[0]).read_bytes()


@pytest.mark.parametrize("made", ["compiled", "plain"])
def test_the_layer_holds_what_was_installed_and_the_runtime_package_and_no_left_over(
    made: str, request: pytest.FixtureRequest
) -> None:
    built: Built = request.getfixturevalue(made)
    assert sorted(path.name for path in built.layer.iterdir()) == ["darkroom", "package"]
    assert not list(built.layer.rglob("left-over*"))
    ours = {path.relative_to(BUILDER) for path in (BUILDER / "darkroom").rglob("*") if path.suffix in {".py", ".toml"}}
    assert ours == {
        p.relative_to(built.layer) for p in (built.layer / "darkroom").rglob("*") if p.suffix in {".py", ".toml"}
    }


def test_the_wheels_are_those_of_the_templates_runtime(plain: Built) -> None:
    makefile = (BUILDER / "Makefile").read_text()
    runtime = TEMPLATE["Globals"]["Function"]["Runtime"].removeprefix("python")
    assert f"RUNTIME := {runtime}\n" in makefile
    assert "--python-version 3.99 --only-binary=:all:" in plain.told


def test_sam_builds_the_layer_with_this_makefile() -> None:
    layer = TEMPLATE["Resources"]["CoreLayer"]
    assert layer["Metadata"]["BuildMethod"] == "makefile"
    assert layer["Properties"]["ContentUri"].rstrip("/") == "layers/core"
