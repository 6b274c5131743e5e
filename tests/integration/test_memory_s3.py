"""Tests that the in-memory S3 answers each request like the S3 emulator, and refuses what it does not support."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError
from tests.fakes.aws_account import INPUT, OUTPUT, REGION, cloud
from tests.fakes.s3_answers import Unsupported
from tests.fakes.s3_requests import LEAST_PART_BYTES
from tests.integration.random_s3_requests import Player, Requests
from tests.rows import each_row

# The answers to reads of a delete marker by its version id: S3's (S3 user guide, "Working with delete markers"), and that of the
# emulator, which differs only here.
MARKER_READ, MARKER_UNKNOWN = ("MethodNotAllowed", 405), ("NoSuchVersion", 404)
A = {"Bucket": OUTPUT, "Key": "a.jpg"}
B = {"Bucket": OUTPUT, "Key": "ü b+c.jpg"}


class Both:
    """Makes each request with the S3 in memory and with the emulator, and compares the answers."""

    def __init__(self, memory: Any, emulated: Any) -> None:
        self.memory, self.emulated = Player(memory), Player(emulated)

    def __call__(self, method: str, **request: Any) -> Any:
        """Return the answer that both give."""
        mine, theirs = self.memory.play(method, **request), self.emulated.play(method, **request)
        expected = MARKER_READ if (mine, theirs) == (MARKER_READ, MARKER_UNKNOWN) else theirs
        assert mine == expected, (method, request)
        return mine


@contextmanager
def two_accounts(*, versioned: bool = True) -> Iterator[Both]:
    """Yield an account in memory and an emulated one. In both, the input bucket may have no versions."""
    with cloud(versioned=versioned) as mine, cloud(versioned=versioned, emulated=["s3"]) as theirs:
        yield Both(mine.s3, theirs.s3)


@pytest.fixture
def both() -> Iterator[Both]:
    with two_accounts() as accounts:
        yield accounts


@pytest.fixture
def memory() -> Iterator[Any]:
    """Yield only the S3 in memory."""
    with cloud() as account:
        yield account.s3


@pytest.mark.parametrize("versioned", [True, False])
def test_random_requests_have_the_emulators_answers(versioned: bool) -> None:
    requests, outcomes = Requests(random.Random(1), versioned=versioned), set()
    with two_accounts(versioned=versioned) as both:
        for _ in range(300):
            method, request = requests.next()
            answer = both(method, **request)
            requests.saw(method, request, answer)
            outcomes.add((method, answer[0] if isinstance(answer, tuple) else "done"))
    assert outcomes >= {
        ("put_object", "done"),
        ("put_object", "PreconditionFailed"),
        ("put_object", "NoSuchKey"),
        ("get_object", "done"),
        ("get_object", "304"),
        ("get_object", "PreconditionFailed"),
        ("get_object", "NoSuchKey"),
        ("get_object", "NoSuchVersion"),
        ("get_object", "InvalidRange"),
        ("head_object", "404"),
        ("get_object_tagging", "done"),
        ("delete_object", "done"),
        ("list_object_versions", "done"),
    }


@pytest.mark.parametrize("size", [1, 2, 5])
def test_pages_of_versions_are_the_emulators(both: Both, size: int) -> None:
    for number in range(3):
        for place in (A, B, {"Bucket": OUTPUT, "Key": "a.jpg.bak"}):
            both("put_object", **place, Body=b"%d" % number)
    both("delete_object", **A)
    found, markers = 0, dict[str, str]()
    for _ in range(10):
        page = both("list_object_versions", Bucket=OUTPUT, MaxKeys=size, **markers)
        found += len(page.get("Versions", [])) + len(page.get("DeleteMarkers", []))
        if not page["IsTruncated"]:
            break
        markers = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
    assert found == 10


def test_a_multipart_upload_is_an_object_once_it_is_completed(both: Both) -> None:
    parts = [bytes(LEAST_PART_BYTES), b"the last one may be shorter"]
    begun = both("create_multipart_upload", **A, ContentType="image/png", Metadata={"n": "1"}, Tagging="a=b")
    target = {**A, "UploadId": begun["UploadId"]}
    sent = [both("upload_part", **target, PartNumber=number, Body=part) for number, part in enumerate(parts, start=1)]
    assert both("head_object", **A) == ("404", 404)
    listed = [{"PartNumber": number, "ETag": one["ETag"]} for number, one in enumerate(sent, start=1)]
    assert both("complete_multipart_upload", **target, MultipartUpload={"Parts": listed}, IfNoneMatch="*")["ETag"]
    assert both("get_object", **A)["Body"] == b"".join(parts)
    assert both("get_object_tagging", **A)["TagSet"] == [{"Key": "a", "Value": "b"}]
    assert both("list_multipart_uploads", Bucket=OUTPUT) == {"IsTruncated": False}
    assert both("abort_multipart_upload", **target) == ("NoSuchUpload", 404)


@pytest.mark.parametrize(
    ("named", "condition", "code"),
    [
        ([1, 2], {}, "EntityTooSmall"),
        ([1, 3], {}, "InvalidPart"),
        ([1], {"IfNoneMatch": "*"}, "PreconditionFailed"),
    ],
    ids=["too small a part", "a part that was not sent", "a condition that is not met"],
)
def test_a_multipart_upload_that_cannot_be_completed_can_be_aborted(
    both: Both, named: list[int], condition: dict[str, str], code: str
) -> None:
    both("put_object", **A, Body=b"what is there")
    target = {**A, "UploadId": both("create_multipart_upload", **A)["UploadId"]}
    sent = {number: both("upload_part", **target, PartNumber=number, Body=b"part")["ETag"] for number in (1, 2)}
    parts = {"Parts": [{"PartNumber": number, "ETag": sent.get(number, sent[1])} for number in named]}
    assert both("complete_multipart_upload", **target, MultipartUpload=parts, **condition)[0] == code
    assert both("get_object", **A)["Body"] == b"what is there"
    assert [one["Key"] for one in both("list_multipart_uploads", Bucket=OUTPUT)["Uploads"]] == ["a.jpg"]
    assert both("abort_multipart_upload", **target) == {}


@pytest.mark.parametrize("method", ["get_object", "put_object", "list_object_versions", "head_bucket", "delete_bucket"])
def test_a_bucket_that_does_not_exist_is_told(both: Both, method: str) -> None:
    key = {"Key": "a.jpg"} if method.endswith("_object") else {}
    assert both(method, Bucket="darkroom-typo", **key)[1] == 404


def test_a_new_bucket_has_no_versions_until_it_is_deleted(both: Both) -> None:
    both("create_bucket", Bucket="darkroom-new", CreateBucketConfiguration={"LocationConstraint": REGION})
    assert "VersionId" not in both("put_object", Bucket="darkroom-new", Key="a.jpg", Body=b"one")
    assert both("delete_bucket", Bucket="darkroom-new") == ("BucketNotEmpty", 409)
    both("delete_object", Bucket="darkroom-new", Key="a.jpg")
    assert both("delete_bucket", Bucket="darkroom-new") == {}
    assert both("head_bucket", Bucket="darkroom-new") == ("404", 404)


def test_a_bucket_says_its_region(both: Both) -> None:
    regions = [
        one.client.head_bucket(Bucket=OUTPUT)["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"]
        for one in (both.memory, both.emulated)
    ]
    assert regions == [REGION] * 2


# --- where S3 answers otherwise than the emulator, and what the S3 in memory refuses


def test_a_deletion_where_there_is_nothing_leaves_a_delete_marker(memory: Any) -> None:
    memory.delete_object(**A)
    (marker,) = memory.list_object_versions(Bucket=OUTPUT)["DeleteMarkers"]
    assert (marker["Key"], marker["IsLatest"]) == ("a.jpg", True)


def test_a_bucket_is_denied_to_another_account_than_its_owner(memory: Any) -> None:
    assert memory.head_bucket(Bucket=OUTPUT, ExpectedBucketOwner="123456789012")
    with pytest.raises(ClientError, match="403"):
        memory.head_bucket(Bucket=OUTPUT, ExpectedBucketOwner="999999999999")


def test_keys_of_unfinished_uploads_are_encoded_if_the_request_says_so(memory: Any) -> None:
    memory.create_multipart_upload(**B)
    listed = memory.list_multipart_uploads(Bucket=OUTPUT, EncodingType="url")
    assert (listed["EncodingType"], listed["Uploads"][0]["Key"]) == ("url", "%C3%BC+b%2Bc.jpg")


def test_a_part_is_listed_with_its_own_checksum(memory: Any) -> None:
    target = {**A, "UploadId": memory.create_multipart_upload(**A, ChecksumAlgorithm="CRC32")["UploadId"]}
    sent = memory.upload_part(**target, PartNumber=1, Body=b"part")
    entry = {"PartNumber": 1, "ETag": sent["ETag"], "ChecksumCRC32": "AAAAAA=="}
    with pytest.raises(ClientError, match="InvalidPart"):
        memory.complete_multipart_upload(**target, MultipartUpload={"Parts": [entry]})
    with pytest.raises(Unsupported, match="checksums"):
        memory.complete_multipart_upload(**target, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": sent["ETag"]}]})


def test_what_a_caller_holds_is_not_the_buckets_own(memory: Any) -> None:
    given = {"n": "1"}
    memory.put_object(**A, Metadata=given)
    given["n"] = memory.head_object(**A)["Metadata"]["n"] = "2"
    assert memory.head_object(**A)["Metadata"] == {"n": "1"}


def test_metadata_that_is_not_ascii_is_refused_as_by_the_sdk(memory: Any) -> None:
    with pytest.raises(ParamValidationError):
        memory.put_object(**A, Metadata={"n": "ü"})


@each_row(
    ("method", "request_"),
    [
        ("put_object", {**A, "IfNoneMatch": '"etag"'}), ("put_object", {**A, "Key": ""}), ("put_object", {**A, "Key": "ü" * 513}),
        ("put_object", {**A, "StorageClass": "GLACIER"}), ("put_object", {**A, "Metadata": {"n": " 1"}}),
        ("put_object", {**A, "Tagging": "&".join(f"n{n}=" for n in range(11))}), ("put_object", {**A, "Tagging": "a=1&a=2"}),
        ("get_object", {**A, "Range": "bytes=0-"}), ("get_object", {**A, "Range": "bytes=2-1"}),
        ("head_object", {"Bucket": INPUT, "Key": "a.jpg", "VersionId": "null"}),
        ("create_multipart_upload", {**A, "ChecksumAlgorithm": "SHA256"}),
        ("list_object_versions", {"Bucket": OUTPUT, "KeyMarker": "a.jpg"}),
        ("create_bucket", {"Bucket": "darkroom-new", "CreateBucketConfiguration": {"LocationConstraint": "us-west-2"}}),
        ("list_multipart_uploads", {"Bucket": OUTPUT, "EncodingType": "other"}),
    ],
)  # fmt: skip
def test_a_request_that_it_does_not_know_is_refused_loudly(method: str, request_: dict[str, Any]) -> None:
    with cloud(versioned=False) as account:
        account.s3.put_object(**A, Body=b"what is there")
        with pytest.raises(Unsupported):
            getattr(account.s3, method)(**request_)


def test_an_argument_or_a_call_that_it_does_not_know_is_an_error(memory: Any) -> None:
    with pytest.raises(TypeError, match="PartNumber"):
        memory.get_object(**A, PartNumber=1)
    with pytest.raises(AttributeError):
        memory.copy_object(**A, CopySource="darkroom-in/a.jpg")
