"""Measures how fast submit sends a picture from the bucket to the provider, compared with other ways and a plain loop.

The bucket and the provider are nginx servers on this machine, both with TLS. Each way runs in its own process. Its imports
and the making of its clients are not counted. "Raw pump" uses http.client at both ends and sends the same multipart form.
"""

from __future__ import annotations

import http.client
import json
import ssl
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn
from urllib.parse import urlsplit

from benchmarks.finalize import s3
from benchmarks.support.children import Sample, Task, cpu, extra, interleaved, median, ratio, wall
from benchmarks.support.nginx import servers
from benchmarks.support.reporting import Plot, Result, Table

NAME = "submit"
QUESTION = "How long does a large picture take from the bucket to the provider, at what cost in CPU and memory?"
MIB = 1024 * 1024
SMALL, LARGE = 64 * MIB, 512 * MIB  # Topaz accepts up to 500 MB
PIECE_BYTES = 256 * 1024
RAW, OURS = "raw pump", "Darkroom"

Prepared = Callable[[], object]


def raw(source: str, size: int, sink: str, authority: str) -> Prepared:
    """Send with http.client: read pieces from a GET and send them in a POST, inside a form."""
    context = ssl.create_default_context(cafile=authority)
    before = (
        b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.tiff"\r\nContent-Type: image/tiff\r\n\r\n'
    )
    behind = b"\r\n--b--\r\n"

    def work() -> Any:
        bucket = http.client.HTTPSConnection(urlsplit(source).netloc, context=context)
        bucket.request("GET", f"/{size}")
        answer = bucket.getresponse()
        vendor = http.client.HTTPSConnection(urlsplit(sink).netloc, context=context)
        vendor.putrequest("POST", "/sharpen/async")
        vendor.putheader("Content-Type", "multipart/form-data; boundary=b")
        vendor.putheader("Content-Length", str(len(before) + size + len(behind)))
        vendor.endheaders(before)
        while piece := answer.read(PIECE_BYTES):
            vendor.send(piece)
        vendor.send(behind)
        return framing(vendor.getresponse().read())

    return work


def darkroom(source: str, size: int, sink: str, authority: str) -> Prepared:
    """Send with Darkroom's adapters, put together as in submit."""
    from darkroom.aws.input_bucket import S3InputBucket
    from darkroom.model import Handle, ImageFormat, Plan, SourceObject
    from darkroom.ports import ImageStream
    from darkroom.providers import http_client as provider_http
    from darkroom.providers.downloads import Downloads
    from darkroom.providers.topaz import Topaz

    sources = S3InputBucket(s3(source, authority))
    calls = provider_http.new_client(ssl.create_default_context(cafile=authority))
    seen: list[Any] = []
    calls.event_hooks = {"response": [lambda answer: seen.append(framing(answer.read()))]}
    topaz = Topaz(sink, OneKey(), calls, Downloads(calls, local=True))
    kept = SourceObject("bucket", str(size), "v1", "e", size, datetime.now(UTC))
    plan = Plan(
        provider="topaz",
        model="Standard",
        endpoint="sharpen/async",
        parameters={"model": "Standard"},
        settings={},
        layers={},
        notes=(),
        source_format=ImageFormat.TIFF,
        output_format=ImageFormat.TIFF,
        output_width=1,
        output_height=1,
        credits=1,
        credit_price_usd=1,
    )
    image = ImageStream(lambda: sources.open(kept), nothing, size, "image/tiff", ".tiff")

    def work() -> Any:
        topaz.submit(plan, image, Handle("0" * 32, 1, 1), nothing)
        return seen[0]

    return work


class OneKey:
    """A key store that has the same key for every provider."""

    def get(self, provider: str) -> str:
        return "key"

    def refresh(self) -> None:
        """Do nothing, because the key never changes."""


def nothing(*rest: object) -> NoReturn:
    """Raise AssertionError. It must not be called, because a picture sent as bytes needs no link and stages no result."""
    raise AssertionError(rest)


def requests_files(source: str, size: int, sink: str, authority: str) -> Prepared:
    """Send with the library requests. Its `files=` gets the stream from the bucket."""
    import requests

    client, session = s3(source, authority), requests.Session()

    def work() -> Any:
        body = client.get_object(Bucket="bucket", Key=str(size))["Body"]
        files = {"image": ("a.tiff", body, "image/tiff")}
        return framing(session.post(f"{sink}/sharpen/async", files=files, verify=authority).content)

    return work


def httpx_bytes(source: str, size: int, sink: str, authority: str) -> Prepared:
    """Send with httpx. Its `files=` gets all bytes in memory."""
    import httpx

    client, calls = s3(source, authority), httpx.Client(verify=ssl.create_default_context(cafile=authority), timeout=60)

    def work() -> Any:
        body = client.get_object(Bucket="bucket", Key=str(size))["Body"].read()
        return framing(calls.post(f"{sink}/sharpen/async", files={"image": ("a.tiff", body, "image/tiff")}).content)

    return work


def httpx_stream(source: str, size: int, sink: str, authority: str) -> Prepared:
    """Send with httpx. Its `files=` gets the stream from the bucket."""
    import httpx

    client, calls = s3(source, authority), httpx.Client(verify=ssl.create_default_context(cafile=authority), timeout=60)

    def work() -> Any:
        body: Any = client.get_object(Bucket="bucket", Key=str(size))["Body"]
        return framing(calls.post(f"{sink}/sharpen/async", files={"image": ("a.tiff", body, "image/tiff")}).content)

    return work


WORK: Mapping[str, Callable[..., Prepared]] = {
    RAW: raw, OURS: darkroom, "httpx files=stream": httpx_stream, "httpx files=bytes": httpx_bytes,
    "requests files=": requests_files,
}  # fmt: skip


def framing(answer: bytes) -> str:
    """Return how the request body was framed, `Content-Length` or `chunked`. `answer` is the answer of the sink."""
    said = json.loads(answer)
    return "Content-Length" if said["length"] else said["framing"]


def run(quick: bool = False) -> Result:
    """Measure 64 MiB and 512 MiB, or only 64 MiB with `quick`."""
    sizes = [SMALL] if quick else [SMALL, LARGE]
    with servers(sizes) as at:
        found = {
            size: interleaved(
                {name: Task("benchmarks.submit", name, (at.source, size, at.sink, str(at.authority))) for name in WORK},
                rounds=5 if quick else 7,
            )
            for size in sizes
        }
    return _result(found)


def _result(found: Mapping[int, dict[str, list[Sample]]]) -> Result:
    largest = max(found)
    of = found[largest]
    ratios = {
        "wall ÷ raw pump": ratio(of[OURS], of[RAW], wall),
        "CPU ÷ raw pump": ratio(of[OURS], of[RAW], cpu),
        "extra MiB": max(median(samples[OURS], extra) for samples in found.values()),
        "requests without Content-Length": float(
            sum(sample.says != "Content-Length" for samples in found.values() for sample in samples[OURS])
        ),
    }
    goals = dict(zip(ratios, (1.2, 1.1, 8.0, 0.0), strict=True))
    tables = [_table(f"{size // MIB} MiB, TLS at both ends", samples) for size, samples in found.items()]
    return Result(
        NAME,
        QUESTION,
        tables,
        ratios,
        goals,
        [
            "A ratio is the median of the ratios of all rounds. Seconds and MiB are medians.",
            "Extra memory is how much the process grew at its peak, after its imports and clients were made.",
            "Goals are for the largest size. At 64 MiB, the fixed cost of a call counts for more.",
        ],
        _plot(of, largest),
    )


def _table(title: str, found: Mapping[str, list[Sample]]) -> Table:
    base = found[RAW]
    rows: list[list[object]] = [
        [
            name,
            median(samples, wall),
            median(samples, cpu),
            ratio(samples, base, wall),
            ratio(samples, base, cpu),
            median(samples, extra),
            samples[0].says,
        ]
        for name, samples in found.items()
    ]
    return Table(title, ["way", "wall s", "CPU s", "wall ÷ raw", "CPU ÷ raw", "extra MiB", "framing"], rows)


def _plot(found: Mapping[str, list[Sample]], size: int) -> Plot:
    base = found[RAW]
    series = {
        label: [(name, ratio(samples, base, what)) for name, samples in found.items()]
        for label, what in (("wall", wall), ("CPU", cpu))
    }
    return Plot(f"A picture of {size // MIB} MiB to the provider", "bar", "", "÷ raw pump", series)


if __name__ == "__main__":
    run(quick="--quick" in sys.argv).show()
