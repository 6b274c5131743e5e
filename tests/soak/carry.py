"""Carries small.tif, then large.tif, through submit's and finalize's adapters; prints this process's peak memory after each."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import NoReturn

import boto3

from darkroom import images
from darkroom.aws.outputs import S3Outputs
from darkroom.aws.sources import S3Sources
from darkroom.model import Handle, ImageFormat, Plan, ProcessState, Upload
from darkroom.ports import ImageStream
from darkroom.providers import http
from darkroom.providers.results import Downloads
from darkroom.providers.topaz import Topaz


class Keys:
    """The one key."""

    def __init__(self, key: str) -> None:
        self.key = key

    def get(self, provider: str) -> str:
        return self.key

    def refresh(self) -> None:
        """Nothing to read."""


def peak_mib() -> float:
    """The peak resident set in MiB, of this program alone: getrusage's would carry over from the parent (Linux only)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def nothing(*arguments: object) -> NoReturn:
    """No link is asked for, and no result is kept, of an image that is sent as it is."""
    raise AssertionError(arguments)


def carry(topaz: Topaz, sources: S3Sources, outputs: S3Outputs, name: str) -> int:
    source = sources.find(Upload(outputs.bucket, name))
    facts = images.inspect(sources.reader(source), source.size_bytes)
    parameters = {"model": "Standard", "output_format": "tiff"}
    plan = Plan(
        provider="topaz", model="Standard", endpoint="sharpen/async", parameters=parameters, settings={}, layers={},
        notes=(), source_format=ImageFormat.TIFF, output_format=ImageFormat.TIFF, output_width=facts.width,
        output_height=facts.height, credits=1, credit_price_usd=1,
    )  # fmt: skip
    image = ImageStream(lambda: sources.open(source), nothing, source.size_bytes, "image/tiff", ".tiff")
    process_id = topaz.submit(plan, image, Handle("0" * 32, 1, 1), nothing).process_id
    while (progress := topaz.progress(process_id)).state is ProcessState.RUNNING:
        time.sleep(0.5)
    assert progress.state is ProcessState.COMPLETED, progress
    with topaz.result(process_id) as link:
        images.inspect(link.read, link.size_bytes)
        outputs.write(f"done/{name}", link, "image/tiff", {}, {})
        return link.size_bytes


def main(job: dict[str, str]) -> None:
    client = boto3.client("s3", endpoint_url=job["endpoint"])
    calls = http.new_client()
    topaz = Topaz(job["base_url"], Keys(job["api_key"]), calls, Downloads(calls, local=True))
    report: dict[str, float] = {}
    for name in ("small", "large"):
        report[f"{name}_bytes"] = carry(topaz, S3Sources(client), S3Outputs(client, job["bucket"]), f"{name}.tif")
        report[f"{name}_peak_mib"] = round(peak_mib(), 1)
    print(json.dumps(report))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
