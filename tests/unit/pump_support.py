"""A pump between a provider's storage and a bucket, both on loopback ports: what the tests of large results share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.credentials import Credentials
from tests.fakes.large_result import LargeResult
from tests.fakes.small_s3 import BUCKET, KEY_ID, SECRET, SmallS3
from tests.fakes.vendor import NO_TLS

from darkroom.aws.outputs import S3Outputs
from darkroom.aws.pump import Pump
from darkroom.providers import http
from darkroom.providers.results import Downloads

KEY = "photos/ö large.tif"


@contextmanager
def opened(source: LargeResult, fresh: Callable[[], str] | None = None) -> Iterator[Any]:
    """A link to the result; `fresh` mints another, the source's own unless told otherwise."""
    client = http.new_client(NO_TLS)
    with client, Downloads(client, local=True, context=lambda: NO_TLS).open(source.link(), fresh or source.link) as link:
        yield link


def pump_into(bucket: SmallS3, workers: int = 4) -> Pump:
    return Pump(bucket.client(), lambda: Credentials(KEY_ID, SECRET), lambda: NO_TLS, workers)


def carry(source: LargeResult, bucket: SmallS3, workers: int = 4, fresh: Callable[[], str] | None = None) -> None:
    """The result through the pump, as finalize writes it."""
    with opened(source, fresh) as link:
        S3Outputs(bucket.client(), BUCKET, pump_into(bucket, workers)).write(
            KEY, link, "image/tiff", {"darkroom-job": "j1"}, {"team": "a b"}
        )


def stands(bucket: SmallS3) -> bytes | None:
    """What is in place."""
    return bucket.objects.get(f"/{BUCKET}/{KEY}")
