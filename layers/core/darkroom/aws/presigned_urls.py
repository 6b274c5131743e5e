"""Links: presigned GETs of uploads, minted with a role that can read the input bucket and nothing else.

A link dies with the session that signed it, whatever it says itself; so sessions are renewed before a link could outlive
them. Session length: one hour is the most for a role taken by a function (AWS STS API reference, AssumeRole).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from darkroom.errors import NothingSent
from darkroom.model import SourceObject
from darkroom.ports import Clock

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sts import STSClient

SESSION_SECONDS = 3600
MARGIN = timedelta(seconds=60)  # clocks may differ
# The regional host, or the link would be answered by a redirect that its signature does not survive.
SIGNED = Config(signature_version="s3v4", s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"})


def client_of(credentials: Mapping[str, Any]) -> S3Client:
    """An S3 client that signs with a session's credentials; it makes no call of its own."""
    session = boto3.Session(credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])
    return session.client("s3", config=SIGNED)


@dataclass
class S3PresignedUrls:
    """Fulfils `ports.PresignedUrls`. The text form shows no credential."""

    sts: STSClient
    role_arn: str
    clock: Clock
    make: Callable[[Mapping[str, Any]], S3Client] = field(default=client_of, repr=False)
    _signer: S3Client | None = field(default=None, init=False, repr=False)
    _ends: datetime | None = field(default=None, init=False)

    def mint(self, source: SourceObject, filename: str, valid_seconds: int) -> str:
        """A presigned GET of that version; an unversioned object is whatever stands there when it is fetched."""
        version = {"VersionId": source.version_id} if source.version_id else {}
        try:
            signer = self._until(self.clock() + timedelta(seconds=valid_seconds))
        except (BotoCoreError, ClientError) as error:
            raise NothingSent(f"no link to the image could be signed ({type(error).__name__})") from None
        return signer.generate_presigned_url(
            "get_object",
            ExpiresIn=valid_seconds,
            Params={
                "Bucket": source.bucket,
                "Key": source.key,
                **version,
                "ResponseContentDisposition": f'attachment; filename="{filename}"',
            },
        )

    def _until(self, moment: datetime) -> S3Client:
        """A signer whose session lives longer than that."""
        if self._signer is None or self._ends is None or self._ends < moment + MARGIN:
            answer = self.sts.assume_role(
                RoleArn=self.role_arn, RoleSessionName="darkroom-link", DurationSeconds=SESSION_SECONDS
            )
            self._signer, self._ends = self.make(answer["Credentials"]), answer["Credentials"]["Expiration"]
        return self._signer
