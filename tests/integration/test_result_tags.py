"""Tests that a result gets the tags and headers of its source where S3 accepts them, and that these never make a paid result
fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.fakes.application import ApplicationUnderTest, picture
from tests.fakes.aws_account import OUTPUT, Cloud
from tests.integration.time_support import Replaced

from darkroom.aws.output_bucket import S3OutputBucket
from darkroom.errors import SourceDenied, SourceGone, SourceUnreadable
from darkroom.model import JobStatus, ProcessState
from darkroom.ports import ResultHeaders, ResultLink

pytestmark = pytest.mark.emulated("s3")

LONG = {f"鮮明{n}": "鮮明" * 90 for n in range(9)} | {"short": "v"}


class Bytes:
    """Stands in for the link to a result of five bytes."""

    size_bytes = 5
    has_parts = False

    def stream(self) -> Iterator[bytes]:
        yield b"bytes"


def write(client: Any, tags: dict[str, str]) -> None:
    link: ResultLink = Bytes()  # type: ignore[assignment]
    outputs = S3OutputBucket(client, OUTPUT)
    outputs.write("a.jpg", link, ResultHeaders("image/jpeg", {"darkroom-job": "0"}, tags=tags), outputs.find("a.jpg"))


def tags_of(account: Cloud) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in account.s3.get_object_tagging(Bucket=OUTPUT, Key="a.jpg")["TagSet"]}


class Strict:
    """Wraps an S3 client. Like S3, it refuses reserved tags and long headers."""

    def __init__(self, client: Any, refused: str = "") -> None:
        self._client, self._refused = client, refused

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_object(self, *, Tagging: str = "", **more: Any) -> Any:
        assert len(Tagging) <= 5120
        assert "aws%3A" not in Tagging
        return self._client.put_object(**more, **({"Tagging": Tagging} if Tagging else {}))

    def put_object_tagging(self, **given: Any) -> Any:
        if self._refused:
            raise ClientError({"Error": {"Code": self._refused, "Message": "no"}}, "PutObjectTagging")
        return self._client.put_object_tagging(**given)


def test_tags_are_kept(account: Cloud) -> None:
    write(Strict(account.s3), {"project": "a b", "größe": "ü+1", "empty": ""})
    assert tags_of(account) == {"project": "a b", "größe": "ü+1", "empty": ""}


def test_tags_that_only_aws_may_set_are_left_out(account: Cloud) -> None:
    write(Strict(account.s3), {"aws:cloudformation:stack-name": "x", "project": "a"})
    assert tags_of(account) == {"project": "a"}


@pytest.mark.parametrize("times", [1, 2])
def test_tags_too_long_for_a_header_come_behind_the_object(account: Cloud, times: int) -> None:
    for _ in range(times):
        write(Strict(account.s3), LONG)
    assert tags_of(account) == LONG
    assert account.body("a.jpg") == b"bytes"


def test_tags_that_are_refused_behind_the_object_are_no_failure(
    account: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    write(Strict(account.s3, "InvalidTag"), LONG)
    assert (account.body("a.jpg"), tags_of(account)) == (b"bytes", {})
    assert "without its source's tags" in caplog.text


SERVED = {"CacheControl": "no-cache", "ContentDisposition": "inline", "ContentLanguage": "de"}
EXPIRES = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)


def finished(application: ApplicationUnderTest, **put: Any) -> dict[str, Any]:
    """Process an upload to its end, and return what HeadObject says of its result."""
    assert application.complete(application.cloud.put("a.jpg", picture(), **put)).status is JobStatus.COMPLETED
    return application.cloud.head("a.jpg")


def test_the_sources_serving_headers_stay_on_the_result(application: ApplicationUnderTest) -> None:
    head = finished(application, **SERVED, Expires=EXPIRES)
    assert {name: head[name] for name in SERVED} == SERVED
    assert (head["Expires"], head["ContentType"]) == (EXPIRES, "image/jpeg")


@pytest.mark.parametrize("why", [SourceGone("gone"), SourceDenied("403"), SourceUnreadable("archived"), OSError("cut")])
def test_tags_that_cannot_be_read_any_more_block_no_paid_result(
    application: ApplicationUnderTest, why: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    application.deliver(application.cloud.put("a.jpg", picture(), tags="team=a", Metadata={"note": "n"}))
    application.provider.become(ProcessState.COMPLETED)
    application.ports["sources"] = Replaced(application.ports["sources"], tags=raising(why))
    assert application.finalize(application.job()).status == "COMPLETED"
    assert application.cloud.head("a.jpg")["Metadata"]["note"] == "n"
    assert "lacks headers or tags of its source" in caplog.text


def test_an_input_bucket_that_is_gone_blocks_no_paid_result(application: ApplicationUnderTest) -> None:
    application.deliver(application.cloud.put("a.jpg", picture(), tags="team=a"))
    application.provider.become(ProcessState.COMPLETED)
    gone = ClientError({"Error": {"Code": "NoSuchBucket", "Message": "no"}}, "HeadObject")
    application.ports["sources"] = Replaced(application.ports["sources"], find=raising(gone))
    assert application.finalize(application.job()).status == "COMPLETED"


def raising(error: Exception) -> Any:
    def method(*args: Any) -> None:
        raise error

    return method
