"""Tests `darkroom plan` with 1,000 objects: its sum is what is then paid, and how many requests and seconds it takes.

The figures that it prints are those of docs/performance.md.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from tests.fakes.application import ApplicationUnderTest, picture
from tests.fakes.aws_account import INPUT, client, cloud
from tests.unit.cli_support import Stack

from darkroom.container import Container
from darkroom_cli.commands import plan
from darkroom_cli.costs import quoting
from darkroom_cli.costs.plan_report import Report
from darkroom_cli.stack import deployment
from darkroom_local.stack.local_stack import local_stack

OBJECTS = 1_000
SIZES = ((640, 480), (3000, 2000), (4000, 3000), (6000, 4000))
TAGS = (
    "",
    "",
    "scale=2",
    "preset=upscale-2x",
    "preset=denoise",
    "model=Redefine&max_credits=2",
    "sclae=2",
    "skip=true",
)
FOLDERS = ("", "shop/", "shop/new/", "print/")
FILES = {
    "shop/darkroom.toml": 'preset = "upscale-2x"',
    "print/darkroom.toml": 'model = "High Fidelity V2"\nscale = 1.5',
}


def objects() -> Iterator[tuple[str, bytes, str]]:
    """Yield key, bytes and tags of each object."""
    random = Random(18)
    bodies = {size: picture(*size) for size in SIZES}
    for number in range(OBJECTS):
        folder, size, tags = random.choice(FOLDERS), random.choice(SIZES), random.choice(TAGS)
        yield f"{folder}{number:04}.jpg", bodies[size], tags


def counting(s3: Any) -> Counter[str]:
    """Return a count of the client's requests from now on, by operation."""
    counts: Counter[str] = Counter()
    s3.meta.events.register("before-call.s3", lambda model, **_: counts.update([model.name]))
    return counts


def planned(prefix: str = f"s3://{INPUT}/") -> tuple[Report, float]:
    """Return the report and the seconds that it took."""
    began = time.monotonic()
    report = plan.made(quoting.many(prefix, "darkroom"), [])
    return report, time.monotonic() - began


def test_the_sum_for_a_thousand_objects_is_what_is_then_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    with cloud(emulated=["s3"]) as account:
        application = ApplicationUnderTest(account)
        stack = Stack(application)
        monkeypatch.setattr(deployment, "connect", lambda name: stack)
        for key, text in FILES.items():
            account.put(key, text.encode())
        uploads = [account.put(key, body, tags=tags) for key, body, tags in objects()]
        counts = counting(client("s3"))
        report, seconds = planned()
        print(f"\n{OBJECTS} objects: {seconds:.1f} s in this process, {sum(counts.values())} requests, {dict(counts)}")
        for upload in uploads:
            application.complete(upload)
        paid = sum((job.credits or Decimal(0) for job in account.jobs()), Decimal(0))
        assert len(report.forecasts) == OBJECTS
        assert sum(report.credits.values()) == paid > OBJECTS
        application.assert_books_balance()


def test_a_thousand_objects_over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans a bucket of the embedded cloud that no stack watches, so that nothing runs beside the plan."""
    with local_stack() as stack:
        s3 = stack.endpoint.client("s3", max_pool_connections=50)
        s3.create_bucket(Bucket="planned", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        for key, text in FILES.items():
            s3.put_object(Bucket="planned", Key=key, Body=text.encode())
        with ThreadPoolExecutor(8) as writers:
            list(
                writers.map(
                    lambda one: s3.put_object(Bucket="planned", Key=one[0], Body=one[1], Tagging=one[2]), objects()
                )
            )
        functions = stack.endpoint.client("lambda").list_functions()["Functions"]
        environment = next(it["Environment"]["Variables"] for it in functions if "-Submit-" in it["FunctionName"])
        counts: Counter[str] = Counter()

        def make(service: str) -> Any:
            made = stack.endpoint.client(service, max_pool_connections=50)
            made.meta.events.register(f"before-call.{service}", lambda model, **_: counts.update([model.name]))
            return made

        container = Container(environment, clients=make, interactive=True)
        deployed = deployment.Deployment(container, stack.outputs, make)
        monkeypatch.setattr(deployment, "connect", lambda name: deployed)
        report, seconds = planned("s3://planned/")
        per = 10_000 / OBJECTS
        print(f"\nover HTTP, 24 at once: {seconds:.1f} s, {sum(counts.values())} requests, {dict(counts)}")
        print(f"for 10,000: {seconds * per / 60:.1f} min, {sum(counts.values()) * per:,.0f} requests")
        assert len(report.forecasts) == OBJECTS
        assert sum(report.credits.values()) > OBJECTS
