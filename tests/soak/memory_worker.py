"""Runs pictures through the adapters of submit and of finalize, and prints the peak memory of each of the two (Linux only)."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

import boto3

from darkroom import images
from darkroom.aws.input_bucket import S3InputBucket
from darkroom.aws.multipart_put import MultipartPut
from darkroom.aws.output_bucket import S3OutputBucket
from darkroom.model import Handle, ImageFormat, Plan, ProcessState, Upload
from darkroom.ports import ImageStream, ResultHeaders
from darkroom.providers import http_client
from darkroom.providers.downloads import Downloads
from darkroom.providers.topaz import Topaz


class Keys:
    """Holds the only API key."""

    def __init__(self, key: str) -> None:
        self.key = key

    def get(self, provider: str) -> str:
        return self.key

    def refresh(self) -> None:
        """Do nothing, because the key never changes."""


def peak_mib() -> float:
    """Return the process's peak memory (resident set) since `forget_peak`, in MiB. getrusage would include the parent's peak."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def forget_peak() -> None:
    """Reset the peak memory (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")


def nothing(*arguments: object) -> NoReturn:
    """Fail. An image that is sent as bytes needs no link and stages no result, so nothing may call this."""
    raise AssertionError(arguments)


def submit(topaz: Topaz, sources: S3InputBucket, bucket: str, name: str) -> str:
    source = sources.find(Upload(bucket, name))
    facts = images.inspect(sources.reader(source), source.size_bytes)
    parameters = {"model": "Standard", "output_format": "tiff"}
    plan = Plan(
        provider="topaz",
        model="Standard",
        endpoint="sharpen/async",
        parameters=parameters,
        settings={},
        layers={},
        notes=(),
        source_format=ImageFormat.TIFF,
        output_format=ImageFormat.TIFF,
        output_width=facts.width,
        output_height=facts.height,
        credits=1,
        credit_price_usd=1,
    )
    image = ImageStream(lambda: sources.open(source), nothing, source.size_bytes, "image/tiff", ".tiff")
    return topaz.submit(plan, image, Handle("0" * 32, 1, 1), nothing).process_id


def finalize(topaz: Topaz, outputs: S3OutputBucket, process_id: str, key: str) -> int:
    with topaz.result(process_id) as link:
        images.inspect(link.read, link.size_bytes)
        outputs.write(key, link, ResultHeaders("image/tiff", {}), outputs.find(key))
        return link.size_bytes


def main(job: dict[str, Any]) -> None:
    session = boto3.Session()
    client, context = session.client("s3", endpoint_url=job["endpoint"]), http_client.tls_context()
    calls = http_client.new_client(context)
    topaz = Topaz(job["base_url"], Keys(job["api_key"]), calls, Downloads(calls, local=True, context=lambda: context))
    outputs = S3OutputBucket(client, job["bucket"], MultipartPut(client, session.get_credentials, lambda: context))
    for name in job["names"]:
        forget_peak()
        process_id = submit(topaz, S3InputBucket(client), job["bucket"], name)
        submitted = peak_mib()
        while (progress := topaz.progress(process_id)).state is ProcessState.RUNNING:
            time.sleep(0.5)
        assert progress.state is ProcessState.COMPLETED, progress
        forget_peak()
        size = finalize(topaz, outputs, process_id, f"done/{name}")
        print(json.dumps({"name": name, "bytes": size, "submit_mib": submitted, "finalize_mib": peak_mib()}))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
