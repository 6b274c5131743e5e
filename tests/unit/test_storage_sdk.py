"""The SDK that the runtime brings: one that cannot write results is a refusal, before money is spent."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fakes.small_s3 import BUCKET, SmallS3, small_s3

from darkroom.aws import storage_proof
from darkroom.aws.storage_proof import S3StorageProof


def proof_of(bucket: SmallS3) -> S3StorageProof:
    return S3StorageProof(bucket.client(), BUCKET, BUCKET, "123456789012")


def test_this_sdk_has_everything_that_writing_a_result_takes() -> None:
    with small_s3() as bucket:
        assert proof_of(bucket)() is None


def test_an_sdk_without_a_parameter_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    newer: dict[str, Any] = {**storage_proof.NEEDED, "CompleteMultipartUpload": {"IfMatch", "NotYetInvented"}}
    monkeypatch.setattr(storage_proof, "NEEDED", newer)
    with small_s3() as bucket:
        refusal = proof_of(bucket)() or ""
    assert "NotYetInvented" in refusal
    assert "runtime" in refusal
