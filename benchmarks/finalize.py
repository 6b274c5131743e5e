"""Measures how fast finalize copies a result into the bucket, compared with other ways and with a plain loop.

The source and the bucket are nginx servers on this machine, both with TLS. Each way runs in its own process. Its imports and
the making of its clients are not counted. "Raw pump" is the least that Python can do: one connection at each end, no checks
and no signatures, only the standard library.
"""

from __future__ import annotations

import http.client
import ssl
import sys
import tempfile
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from benchmarks.support.children import Sample, Task, cpu, extra, interleaved, median, ratio, wall
from benchmarks.support.nginx import HELD_TO, servers
from benchmarks.support.reporting import Plot, Result, Table

NAME = "finalize"
QUESTION = (
    "How long does a large result take from the provider's storage into the bucket, at what cost in CPU and memory?"
)
MIB = 1024 * 1024
SMALL, LARGE, HELD = 64 * MIB, 1024 * MIB, 64 * MIB
PIECE_BYTES = 256 * 1024
RAW, OURS, WITH_HEAD = "raw pump", "Darkroom", "Darkroom, new head"
HEAD_BYTES = 256 * 1024  # the most that finalize reads of a source, and puts in front of a result

Prepared = Callable[[], object]


def raw(url: str, sink: str, authority: str) -> Prepared:
    """Copy with http.client: read pieces from a GET and send them in a PUT."""
    context = ssl.create_default_context(cafile=authority)

    def work() -> None:
        source = http.client.HTTPSConnection(urlsplit(url).netloc, context=context)
        source.request("GET", urlsplit(url).path)
        answer = source.getresponse()
        bucket = http.client.HTTPSConnection(urlsplit(sink).netloc, context=context)
        bucket.putrequest("PUT", "/bucket/key")
        bucket.putheader("Content-Length", answer.headers["Content-Length"])
        bucket.endheaders()
        while piece := answer.read(PIECE_BYTES):
            bucket.send(piece)
        assert bucket.getresponse().status == http.client.OK

    return work


def darkroom(url: str, sink: str, authority: str, workers: int = 4, head_bytes: int = 0) -> Prepared:
    """Copy with Darkroom's adapters, put together as in finalize. With `head_bytes`, a result gets a new head of that size after
    one more read of that size, as from its source."""
    from botocore.credentials import Credentials

    from darkroom.aws.multipart_put import MultipartPut
    from darkroom.aws.output_bucket import S3OutputBucket
    from darkroom.pipeline.spliced_result import SplicedResult
    from darkroom.ports import ResultHeaders
    from darkroom.providers import http_client as provider_http
    from darkroom.providers.downloads import Downloads

    context = ssl.create_default_context(cafile=authority)
    client = s3(sink, authority)
    downloads = Downloads(provider_http.new_client(context), local=True, context=lambda: context)
    outputs = S3OutputBucket(
        client, "bucket", MultipartPut(client, lambda: Credentials("id", "secret"), lambda: context, workers)
    )

    headers = ResultHeaders("image/tiff", {"darkroom-job": "0" * 32})

    def work() -> None:
        with downloads.open(url) as link:
            if head_bytes:
                head = link.read(0, head_bytes)
                outputs.write("key", SplicedResult(link, head, len(head)), headers, None)
            else:
                outputs.write("key", link, headers, None)

    return work


def with_head(url: str, sink: str, authority: str) -> Prepared:
    """Copy as `darkroom` does, with a new head in front of the result."""
    return darkroom(url, sink, authority, head_bytes=HEAD_BYTES)


def put_object(url: str, sink: str, authority: str) -> Prepared:
    """Copy with httpx and boto3's `put_object`. The whole result is held in memory."""
    import httpx

    client, calls = s3(sink, authority), httpx.Client(verify=ssl.create_default_context(cafile=authority))
    return lambda: client.put_object(Bucket="bucket", Key="key", Body=calls.get(url).content)


def upload_file(url: str, sink: str, authority: str) -> Prepared:
    """Copy with httpx and boto3's `upload_file`, through a temporary file. The temporary folder may be in memory."""
    import httpx

    client, calls = s3(sink, authority), httpx.Client(verify=ssl.create_default_context(cafile=authority))

    def work() -> None:
        with tempfile.NamedTemporaryFile() as file, calls.stream("GET", url) as answer:
            for piece in answer.iter_raw(PIECE_BYTES):
                file.write(piece)
            file.flush()
            client.upload_file(file.name, "bucket", "key")

    return work


def upload_fileobj(url: str, sink: str, authority: str) -> Prepared:
    """Copy with httpx and boto3's `upload_fileobj`, which uses ten threads and parts of 8 MiB."""
    import httpx

    client, calls = s3(sink, authority), httpx.Client(verify=ssl.create_default_context(cafile=authority))

    class Body:
        """A file object for `upload_fileobj`. It returns the pieces that httpx receives."""

        def __init__(self, pieces: Any) -> None:
            self.pieces, self.left = pieces, b""

        def read(self, size: int) -> bytes:
            parts, count = [self.left], len(self.left)
            while count < size and (piece := next(self.pieces, b"")):
                parts.append(piece)
                count += len(piece)
            whole = b"".join(parts)
            self.left = whole[size:]
            return whole[:size]

    def work() -> None:
        with calls.stream("GET", url) as answer:
            client.upload_fileobj(Body(answer.iter_raw(PIECE_BYTES)), "bucket", "key")

    return work


def smart_open(url: str, sink: str, authority: str) -> Prepared:
    """Copy with smart_open, which streams at both ends and sends one part after the other."""
    import smart_open as library

    client = s3(sink, authority)

    def work() -> None:
        with (
            library.open(url, "rb") as source,
            library.open("s3://bucket/key", "wb", transport_params={"client": client}) as target,
        ):
            while piece := source.read(PIECE_BYTES):
                target.write(piece)

    return work


WORK: Mapping[str, Callable[..., Prepared]] = {
    RAW: raw, OURS: darkroom, WITH_HEAD: with_head, "httpx + put_object": put_object, "file + upload_file": upload_file,
    "httpx + upload_fileobj": upload_fileobj, "smart_open": smart_open,
}  # fmt: skip


def s3(endpoint: str, authority: str) -> Any:
    """Return an S3 client for the server at `endpoint`."""
    import boto3
    from botocore.config import Config

    style: Any = {"addressing_style": "path"}
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        verify=authority,
        region_name="eu-central-1",
        aws_access_key_id="id",
        aws_secret_access_key="secret",
        config=Config(s3=style),
    )


def run(quick: bool = False) -> Result:
    """Measure 64 MiB and 1 GiB, or only 64 MiB with `quick`. Then measure connections with a limited rate."""
    sizes = [SMALL] if quick else [SMALL, LARGE]
    with servers({*sizes, HELD}) as at:
        trust = (("REQUESTS_CA_BUNDLE", str(at.authority)), ("NO_PROXY", "localhost"))

        def task(name: str, path: str, *more: object) -> Task:
            return Task("benchmarks.finalize", name, (f"{at.source}/{path}", at.sink, str(at.authority), *more), trust)

        found = {
            size: interleaved({name: task(name, str(size)) for name in WORK}, rounds=5 if quick or size == LARGE else 7)
            for size in sizes
        }
        held = {said: task(OURS, f"held/{HELD}", count) for said, count in (("one worker", 1), ("four workers", 4))}
        shaped = interleaved(held, rounds=1 if quick else 3)
    return _result(found, shaped)


def _result(found: Mapping[int, dict[str, list[Sample]]], shaped: Mapping[str, list[Sample]]) -> Result:
    largest = max(found)
    of = found[largest]
    ratios = {
        "wall ÷ raw pump": ratio(of[OURS], of[RAW], wall),
        "CPU ÷ raw pump": ratio(of[OURS], of[RAW], cpu),
        "wall ÷ the fastest other way": max(
            ratio(of[OURS], samples, wall) for name, samples in of.items() if name not in (OURS, RAW, WITH_HEAD)
        ),
        "wall with a new head ÷ without": ratio(of[WITH_HEAD], of[OURS], wall),
        "extra MiB": max(median(samples[OURS], extra) for samples in found.values()),
        "extra MiB at 1 GiB − at 64 MiB": median(of[OURS], extra) - median(found[SMALL][OURS], extra),
        "held connections: four workers ÷ one": ratio(shaped["four workers"], shaped["one worker"], wall),
    }
    goals = dict(zip(ratios, (1.25, 1.35, 1.0, 1.05, 16.0, 4.0, 0.30), strict=True))
    tables = [_table(f"{size // MIB} MiB, TLS at both ends", samples) for size, samples in found.items()]
    rows: list[list[object]] = [[name, median(samples, wall)] for name, samples in shaped.items()]
    tables.append(Table(f"{HELD // MIB} MiB, each connection held to {HELD_TO} MiB/s", ["", "wall s"], rows))
    return Result(
        NAME,
        QUESTION,
        tables,
        ratios,
        goals,
        [
            "A ratio is the median of the ratios of all rounds. Seconds and MiB are medians.",
            "Extra memory is how much the process grew at its peak, after its imports and clients were made.",
            "Goals are for the largest size. "
            "At 64 MiB, the three requests about the upload and the eight connections count for more.",
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
        ]
        for name, samples in found.items()
    ]
    return Table(title, ["way", "wall s", "CPU s", "wall ÷ raw", "CPU ÷ raw", "extra MiB"], rows)


def _plot(found: Mapping[str, list[Sample]], size: int) -> Plot:
    base = found[RAW]
    series = {
        label: [(name, ratio(samples, base, what)) for name, samples in found.items()]
        for label, what in (("wall", wall), ("CPU", cpu))
    }
    return Plot(f"A result of {size // MIB} MiB into the bucket", "bar", "", "÷ raw pump", series)


if __name__ == "__main__":
    run(quick="--quick" in sys.argv).show()
