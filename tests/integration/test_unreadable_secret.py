"""Tests that jobs wait for an operator when the secret cannot be read or the role for links cannot be assumed. While they
wait, they are tried only now and then.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from tests.fakes.application import DEADLINE, START, ApplicationUnderTest, picture
from tests.fakes.aws_account import Cloud
from tests.integration.intake_support import Intake
from tests.integration.time_support import Replaced

from darkroom.aws.api_keys import ApiKeys
from darkroom.aws.presigned_urls import S3PresignedUrls
from darkroom.errors import ErrorCode, NothingSent, OperatorFault, ProviderUnavailable, SubmitInDoubt
from darkroom.model import Alarm, JobStatus, SourceObject

HOUR = timedelta(hours=1)
FOR_GOOD = ["AccessDeniedException", "ResourceNotFoundException", "InvalidRequestException", "DecryptionFailure"]
FOR_A_WHILE = ["ThrottlingException", "InternalServiceError"]


class Secrets:
    """Stands in for Secrets Manager. It refuses with the error `code`, or returns the secret if `code` is None."""

    code: str | None = None

    def get_secret_value(self, **_: Any) -> dict[str, str]:
        if self.code is None:
            return {"SecretString": '{"topaz": "a-key"}'}
        if self.code == "no connection":
            raise EndpointConnectionError(endpoint_url="https://secretsmanager")
        raise ClientError({"Error": {"Code": self.code, "Message": "arn:aws:secret is not for you"}}, "GetSecretValue")


@pytest.fixture
def secrets() -> Secrets:
    return Secrets()


@pytest.fixture
def keyed(account: Cloud, secrets: Secrets) -> ApplicationUnderTest:
    """Return an application whose provider reads its API key from the secret."""
    application = ApplicationUnderTest(account)

    def fingerprint() -> str:
        return ApiKeys(secrets, "arn").get("topaz")  # type: ignore[arg-type]

    application.ports["provider"] = Replaced(application.provider, key_fingerprint=fingerprint)
    return application


@pytest.mark.parametrize("code", FOR_GOOD)
def test_a_secret_that_may_not_be_read_is_the_operators_fault(secrets: Secrets, code: str) -> None:
    secrets.code = code
    with pytest.raises(OperatorFault, match=f"{code}.*ApiKeysSecretArn") as fault:
        ApiKeys(secrets, "arn").get("topaz")  # type: ignore[arg-type]
    assert fault.value.code is ErrorCode.AUTH_FAILED
    assert "not for you" not in str(fault.value)


@pytest.mark.parametrize("code", [*FOR_A_WHILE, "no connection"])
def test_a_secret_that_cannot_be_read_now_is_asked_for_again(secrets: Secrets, code: str) -> None:
    secrets.code = code
    with pytest.raises(ProviderUnavailable):
        ApiKeys(secrets, "arn").get("topaz")  # type: ignore[arg-type]


def test_uploads_wait_for_the_secret_behind_one_circuit_and_are_sent_when_it_can_be_read(
    keyed: ApplicationUnderTest, secrets: Secrets
) -> None:
    secrets.code = "AccessDeniedException"
    intake = Intake(keyed)
    for number in range(5):
        intake.put(keyed.cloud.put(f"{number}.jpg", picture()))
    intake.run(4 * HOUR)
    assert {(job.status, job.error_code) for job in keyed.cloud.jobs()} == {(JobStatus.CLAIMED, ErrorCode.AUTH_FAILED)}
    assert (intake.dead, set(keyed.alerts.rung)) == ([], {Alarm.CIRCUIT_OPEN})
    # Each of the five uploads is received once. After that, each quarter of an hour has one probe, with at most two messages.
    assert sum(intake.invocations.values()) <= 5 + 4 * 4 * 2
    secrets.code = None
    intake.run(HOUR)
    assert {job.status for job in keyed.cloud.jobs()} == {JobStatus.PROCESSING}
    assert keyed.cloud.budget("topaz", "2026-11")["jobs"] == 5


def test_an_upload_whose_secret_is_never_readable_fails_at_its_deadline(
    keyed: ApplicationUnderTest, secrets: Secrets
) -> None:
    secrets.code = "AccessDeniedException"
    intake = Intake(keyed)
    intake.put(keyed.cloud.put("a.jpg", picture()))
    intake.run(DEADLINE + HOUR)
    assert (keyed.job().status, keyed.job().error_code) == (JobStatus.FAILED, ErrorCode.AUTH_FAILED)


def test_a_lost_submit_waits_for_the_secret_and_is_a_persons_at_its_deadline(
    keyed: ApplicationUnderTest, secrets: Secrets
) -> None:
    keyed.provider.losses, keyed.provider.listed_after = [SubmitInDoubt("time-out")], timedelta(seconds=60)
    intake = Intake(keyed)
    intake.put(keyed.cloud.put("a.jpg", picture()))
    intake.run(timedelta(seconds=30))
    secrets.code = "AccessDeniedException"
    intake.run(HOUR)
    assert (keyed.job().status, intake.dead) == (JobStatus.SUBMITTING, [])
    intake.run(DEADLINE)
    assert (keyed.job().status, intake.dead) == (JobStatus.IN_DOUBT, [])
    assert intake.invocations["a.jpg"] < 130  # several at first, then one in each quarter of an hour


class Sts:
    """Stands in for STS. It refuses every session with the error `code`."""

    def __init__(self, code: str) -> None:
        self.code = code

    def assume_role(self, **_: Any) -> Any:
        raise ClientError({"Error": {"Code": self.code, "Message": "not for you"}}, "AssumeRole")


@pytest.mark.parametrize(("code", "meaning"), [("AccessDenied", OperatorFault), ("Throttling", NothingSent)])
def test_a_role_for_links_that_may_not_be_assumed_is_the_operators_fault(code: str, meaning: type[Exception]) -> None:
    links = S3PresignedUrls(Sts(code), "arn", lambda: START)  # type: ignore[arg-type]
    with pytest.raises(meaning):
        links.sign(SourceObject("in", "a.jpg", "v1", "e", 9, START), "name", "image/jpeg", 60)
