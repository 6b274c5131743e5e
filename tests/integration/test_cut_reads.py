"""Tests that Darkroom refuses no upload and gives up no paid result when the connection to a bucket is cut."""

from __future__ import annotations

import io
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from botocore.response import StreamingBody
from tests.fakes import small_catalogs
from tests.fakes.application import ApplicationUnderTest, picture
from tests.fakes.aws_account import OUTPUT
from tests.integration.time_support import LEASE, MINUTE

from darkroom.aws.input_bucket import ATTEMPTS, S3InputBucket
from darkroom.aws.staged_results import S3StagedResults
from darkroom.errors import ResultNotReady
from darkroom.model import JobDue, JobStatus


@dataclass
class Cutting:
    """Wraps an S3 client. Its next `cuts` ranged reads end after 100 bytes.

    `tests/unit/test_input_bucket.py` shows that the SDK reports a cut connection in this way.
    """

    s3: Any
    cuts: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.s3, name)

    def get_object(self, **asked: Any) -> Any:
        answer = self.s3.get_object(**asked)
        if not (self.cuts and "Range" in asked):
            return answer
        self.cuts -= 1
        return {**answer, "Body": StreamingBody(io.BytesIO(answer["Body"].read()[:100]), answer["ContentLength"])}


def test_an_upload_of_which_a_read_is_cut_is_sent(application: ApplicationUnderTest) -> None:
    application.ports["sources"] = S3InputBucket(Cutting(application.cloud.s3, 1))  # type: ignore[arg-type]
    application.submit(application.cloud.put("a.jpg", picture(noise=30)))
    assert (application.job().status, len(application.provider.processes)) == (JobStatus.PROCESSING, 1)


def test_an_upload_that_cannot_be_read_now_is_sent_later_and_costs_nothing_until_then(
    application: ApplicationUnderTest,
) -> None:
    application.ports["sources"] = S3InputBucket(Cutting(application.cloud.s3, ATTEMPTS))  # type: ignore[arg-type]
    upload = application.cloud.put("a.jpg", picture(noise=30))
    with pytest.raises(OSError, match="the source"):  # after this error the queue delivers the message again
        application.submit(upload)
    assert (application.job().status, application.provider.processes) == (JobStatus.CLAIMED, {})
    application.assert_books_balance()
    application.clock.advance(LEASE + MINUTE)
    application.submit(JobDue(application.job().job_id))
    assert (application.job().status, len(application.provider.processes)) == (JobStatus.PROCESSING, 1)


@pytest.mark.parametrize("cuts", [1, ATTEMPTS])
def test_a_staged_result_of_which_reads_are_cut_is_published(
    application: ApplicationUnderTest, monkeypatch: pytest.MonkeyPatch, cuts: int
) -> None:
    small_catalogs.use(monkeypatch, small_catalogs.book("is_synchronous = true\ncredits = 2"))
    application.provider.charges = Decimal("1.5")
    application.submit(application.cloud.put("a.jpg", picture(noise=30)))
    application.ports["staging"] = S3StagedResults(Cutting(application.cloud.s3, cuts), OUTPUT)  # type: ignore[arg-type]
    if cuts == ATTEMPTS:
        with pytest.raises(ResultNotReady, match="cannot be read"):
            application.finalize(application.job())
    application.finalize(application.job())
    assert (application.job().status, application.job().credits) == (JobStatus.COMPLETED, Decimal("1.5"))
