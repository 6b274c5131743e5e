"""Results are written with the oldest SDK that has what Darkroom uses, and with the newest one.

The Lambda runtime brings the SDK: python3.13 had 1.38.36 in August 2025, and a function whose runtime is pinned keeps an older
one. 1.36.0 is the first that knows MpuObjectSize and ChecksumType. This needs a package index.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = [
    f"tests/unit/{name}.py"
    for name in (
        "test_upload_part", "test_upload_part_broken", "test_sdk_upload_part", "test_multipart_put", "test_multipart_broken",
        "test_result_headers", "test_streaming_put", "test_storage_sdk",
    )
]  # fmt: skip
FOUND = "import botocore; print(botocore.__version__)"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("wanted", [("boto3==1.36.0", "botocore==1.36.0"), ("boto3",)], ids=["oldest", "newest"])
def test_results_are_written_with_this_sdk(wanted: tuple[str, ...], tmp_path: Path) -> None:
    installed = tmp_path / "sdk"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
    subprocess.run([*install, "--target", str(installed), *wanted], check=True)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(installed), str(ROOT)])}
    version = subprocess.run(
        [sys.executable, "-c", FOUND], env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()
    print(f"botocore {version}", flush=True)
    assert wanted == ("boto3",) or version == "1.36.0"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", *TESTS],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:]
