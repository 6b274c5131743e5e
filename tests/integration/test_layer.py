"""The layer that `make install` builds, together with Lambda's runtime, is all that the handlers need."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LAYER = ROOT / ".build" / "layer" / "python"
# boto3 and its dependencies. Lambda's Python runtimes have them (Lambda developer guide, "Runtime-included SDK
# versions").
RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py")


@pytest.fixture
def lambda_like_path(tmp_path: Path) -> list[str]:
    """Return folders with the layer, the runtime's own packages and the functions, and nothing of this environment."""
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


def test_the_layer_holds_no_compiled_code() -> None:
    assert LAYER.is_dir()
    assert [path for path in LAYER.rglob("*") if path.suffix in {".so", ".pyd", ".dylib"}] == []
