"""Constant memory: a large picture passes through submit's and finalize's adapters with little more than a small one takes.

The embedded cloud and the simulator are processes of their own; a third one does what the functions do and reports its peak.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from tests.e2e.darkroom import API_KEY

from darkroom_local.stack import local_stack

MAX_GROWTH_MIB = 48  # over a small picture, whatever the size of the large one
LARGE_SIDE = 8000  # 192 MB of uncompressed RGB in, as much out


def tiff(side: int) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((side, side), 50).convert("RGB").save(buffer, "TIFF")
    return buffer.getvalue()


@pytest.mark.slow
def test_a_picture_of_192_mb_takes_hardly_more_memory_than_a_small_one(tmp_path: Path) -> None:
    with local_stack(speed=200, parameters={"AllowedProviders": "topaz"}) as stack:
        s3 = stack.endpoint.client("s3")
        for name, side in (("small.tif", 64), ("large.tif", LARGE_SIDE)):
            s3.put_object(Bucket=stack.output_bucket, Key=name, Body=tiff(side))  # no event: it is not the input bucket
        job = {
            "bucket": stack.output_bucket, "base_url": stack.simulator_urls["topaz"], "api_key": API_KEY,
            "endpoint": stack.endpoint.url,
        }  # fmt: skip
        environment = {**stack.endpoint.environment(), "PYTHONPATH": ":".join(sys.path)}
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("carry.py")), json.dumps(job)],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    print(report)
    assert report["large_bytes"] > 100_000_000  # the simulator compresses what it returns
    assert report["large_peak_mib"] - report["small_peak_mib"] < MAX_GROWTH_MIB
