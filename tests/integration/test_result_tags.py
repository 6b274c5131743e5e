"""Tests that a result gets the tags of its source where S3 accepts them, and that tags never make a paid result fail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.fakes.aws_account import OUTPUT, Cloud

from darkroom.aws.output_bucket import S3OutputBucket
from darkroom.ports import ResultLink

LONG = {f"鮮明{n}": "鮮明" * 90 for n in range(9)} | {"short": "v"}


class Bytes:
    """Stands in for the link to a result of five bytes."""

    size_bytes = 5
    has_parts = False

    def stream(self) -> Iterator[bytes]:
        yield b"bytes"


def write(client: Any, tags: dict[str, str]) -> None:
    link: ResultLink = Bytes()  # type: ignore[assignment]
    S3OutputBucket(client, OUTPUT).write("a.jpg", link, "image/jpeg", {"darkroom-job": "0"}, tags)


def tags_of(account: Cloud) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in account.s3.get_object_tagging(Bucket=OUTPUT, Key="a.jpg")["TagSet"]}


class Strict:
    """Wraps an S3 client. Like S3, it refuses reserved tags and headers of more than 8 KB."""

    def __init__(self, client: Any, refused: str = "") -> None:
        self._client, self._refused = client, refused

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_object(self, *, Tagging: str = "", **more: Any) -> Any:
        assert len(Tagging) <= 4096
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
