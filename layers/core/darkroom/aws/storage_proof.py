"""Storage proof: writes an object as results are written, as the role that writes them, and removes it.

It finds a bucket that does not exist, is another account's or in another region, and a policy or a key that refuses results.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import botocore
from botocore.exceptions import BotoCoreError, ClientError

from darkroom import output_keys
from darkroom.aws import refusals
from darkroom.aws.output_bucket import S3OutputBucket
from darkroom.aws.refusals import is_refusal
from darkroom.aws.source_errors import DENIED_CODES, NOT_SHOWN_CODES
from darkroom.errors import KeyTaken, ResultRefused, StorageUnproven
from darkroom.ports import ResultHeaders

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

ABSENT_CODES = frozenset({"404", "NoSuchBucket", "NotFound"})
# The parameters that writing a result takes, of which an SDK before botocore 1.36.0 lacks some.
NEEDED = {
    "PutObject": {"IfMatch", "IfNoneMatch"},
    "CreateMultipartUpload": {"ChecksumType"},
    "CompleteMultipartUpload": {"ChecksumType", "IfMatch", "IfNoneMatch", "MpuObjectSize"},
}
# What results have: a content type, metadata, a serving header and a tag.
HEADERS = ResultHeaders(
    "image/png",
    {output_keys.RECEIPT_JOB: "storage-check"},
    {"note": "-"},
    {"Cache-Control": "no-store"},
    {"darkroom": "-"},
)

log = logging.getLogger(__name__)


class _Nothing:
    """A result without bytes; fulfils `ports.ResultLink` as far as it is used."""

    size_bytes = 0
    has_parts = False

    def stream(self) -> Iterator[bytes]:
        """Yield nothing."""
        return iter(())


@dataclass(frozen=True)
class S3StorageProof:
    """Proves it for one pair of buckets; fulfils `ports.StorageProof`."""

    client: S3Client
    output_bucket: str
    input_bucket: str
    account_id: str

    def __call__(self) -> str | None:
        """Return what is wrong, None if nothing is. Raises StorageUnproven. An object that cannot be removed is left over."""
        try:
            wrong = self._outdated() or self._misplaced(
                self.output_bucket, "OutputBucketName", {"ExpectedBucketOwner": self.account_id}
            )
            return wrong or self._misplaced(self.input_bucket, "InputBucketName", {}) or self._refused()
        except (BotoCoreError, ClientError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
            raise StorageUnproven(f"S3 did not say whether the output bucket takes results ({code})") from None

    def _outdated(self) -> str | None:
        """The runtime brings the SDK. One that is pinned may lack what writing a result takes."""
        model: Any = self.client.meta.service_model
        known = {name: model.operation_model(name).input_shape.members.keys() for name in NEEDED}
        missing = {f"{name}.{one}" for name, needed in NEEDED.items() for one in needed - known[name]}
        if not missing:
            return None
        return (
            f"the SDK of finalize's runtime (botocore {botocore.__version__}) lacks {', '.join(sorted(missing))}: "
            "let Lambda update the runtime (runtime management: Auto)"
        )

    def _misplaced(self, bucket: str, parameter: str, owner: Any) -> str | None:
        """HeadBucket. The SDK follows S3 to another region, and the answer names it."""
        try:
            answer: Any = self.client.head_bucket(Bucket=bucket, **owner)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in ABSENT_CODES:
                return f"there is no bucket {bucket!r}: correct {parameter} and deploy again"
            if code not in DENIED_CODES:
                raise
            if not owner:
                return None  # reads of uploads tell by themselves that they are denied
            return (
                f"finalize may not look at the bucket {bucket!r}: it is another account's, or its policy denies s3:ListBucket to "
                f"finalize's role; correct the policy, or {parameter} and deploy again"
            )
        region = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
        ours = self.client.meta.region_name
        if region in (None, ours):
            return None
        return (
            f"the bucket {bucket!r} is in {region}, and the stack in {ours}: "
            f"deploy the stack in {region}, or name a bucket in {ours}"
        )

    def _refused(self) -> str | None:
        key = output_keys.STORAGE_CHECK_KEY
        try:
            S3OutputBucket(self.client, self.output_bucket).write(key, _Nothing(), HEADERS, None)  # type: ignore[arg-type]
        except KeyTaken:
            log.info("an earlier check could not remove its object", extra={"key": key})
        except ResultRefused as refused:
            return self._explained(str(refused), "written")
        try:
            head: Any = self.client.head_object(Bucket=self.output_bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in NOT_SHOWN_CODES:
                # S3 says so only to those who may read (S3 API reference, HeadObject). The bucket's lifecycle removes the object.
                log.info("the bucket does not show the object of the check yet", extra={"key": key})
                return None
            if not is_refusal(error):
                raise  # it may pass by itself
            return self._explained(refusals.in_words(error), "read, by which finalize knows what it has delivered")
        self._remove(key, head.get("VersionId"))
        return None

    def _explained(self, why: str, act: str) -> str:
        return (
            f"the bucket {self.output_bucket!r} refuses that results are {act} ({why}): let the stack's finalize role write, tag "
            "and read objects there, in the bucket's policy and by its KMS key (KmsKeyArns)"
        )

    def _remove(self, key: str, version_id: str | None) -> None:
        """Delete the very version, so that no delete marker is left. A failure does not matter: results are never removed."""
        version: Any = {"VersionId": version_id} if version_id else {}
        try:
            self.client.delete_object(Bucket=self.output_bucket, Key=key, **version)
        except (BotoCoreError, ClientError) as error:
            log.warning("the object of a storage check is left over", extra={"key": key, "why": type(error).__name__})
