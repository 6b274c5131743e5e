"""Tests that memory stays constant. A large picture needs hardly more memory in the adapters of submit and finalize
than a small one.

The embedded cloud and the simulator are separate processes. A third process does the functions' work and reports its
peak memory.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from tests.e2e.deployed_application import API_KEY

from darkroom_local.stack.local_stack import local_stack

# A large picture of any size may need this much more memory than a small one.
MAX_GROWTH_MIB = {"submit_mib": 8, "finalize_mib": 16}
# The sides in pixels. As RGB, the medium picture has 64 MiB and the large one 200 MB.
SIDES = {"small.tif": 64, "medium.tif": 4730, "large.tif": 8200}
Report = dict[str, dict[str, float]]


def tiff(side: int) -> bytes:
    """Return a square TIFF with noise in three colours, which does not compress."""
    buffer = io.BytesIO()
    Image.merge("RGB", [Image.effect_noise((side, side), 120) for _ in "RGB"]).save(buffer, "TIFF")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def report() -> Report:
    """Return the peak memory of submit and of finalize for each picture. One process handles all pictures."""
    with local_stack(speed=200, parameters={"AllowedProviders": "topaz"}) as stack:
        s3 = stack.endpoint.client("s3")
        for name, side in SIDES.items():
            # S3 sends no event, because this is not the input bucket.
            s3.put_object(Bucket=stack.output_bucket, Key=name, Body=tiff(side))
        job = {
            "bucket": stack.output_bucket, "base_url": stack.simulator_urls["topaz"], "api_key": API_KEY,
            "endpoint": stack.endpoint.url, "names": list(SIDES),
        }  # fmt: skip
        trust = {"SSL_CERT_FILE": str(stack.endpoint.authority)}  # needed because upload parts are not sent by the SDK
        environment = {**stack.endpoint.environment(), **trust, "PYTHONPATH": ":".join(sys.path)}
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("memory_worker.py")), json.dumps(job)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    return {entry.pop("name"): entry for entry in map(json.loads, done.stdout.splitlines())}


@pytest.mark.slow
@pytest.mark.parametrize("half", MAX_GROWTH_MIB)
@pytest.mark.parametrize("name", ["medium.tif", "large.tif"])
def test_a_large_picture_takes_hardly_more_memory_than_a_small_one(report: Report, name: str, half: str) -> None:
    assert report[name][half] - report["small.tif"][half] <= MAX_GROWTH_MIB[half]


@pytest.mark.slow
@pytest.mark.parametrize("half", MAX_GROWTH_MIB)
def test_three_times_the_size_takes_no_more(report: Report, half: str) -> None:
    assert report["large.tif"]["bytes"] > 190_000_000
    assert report["large.tif"]["bytes"] > 2.5 * report["medium.tif"]["bytes"]
    assert abs(report["large.tif"][half] - report["medium.tif"][half]) <= 4
