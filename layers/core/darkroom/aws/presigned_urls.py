"""Makes presigned URLs of uploads. They are signed with a role that can only read the input bucket.

A link expires with the session that signed it, even if the link's own expiry is later. So a new session is begun if a link would
outlive the present one. A function may assume a role for at most one hour (AWS STS API reference, AssumeRole).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from darkroom.errors import ErrorCode, NothingSent, OperatorFault
from darkroom.model import SourceObject
from darkroom.ports import Clock

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_sts import STSClient

DENIED_CODES = frozenset({"AccessDenied", "AccessDeniedException"})
SESSION_SECONDS = 3600
CLOCK_SKEW = timedelta(seconds=60)
# The regional host is needed, because the global host answers with a redirect for which the signature is not valid.
SIGNING_CONFIG = Config(
    signature_version="s3v4", s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"}
)


def new_signer(credentials: Mapping[str, Any]) -> S3Client:
    """Return an S3 client that signs with a session's credentials. This makes no call."""
    session = boto3.Session(credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])
    return session.client("s3", config=SIGNING_CONFIG)


@dataclass
class S3PresignedUrls:
    """Signs links to uploads; implements `ports.PresignedUrls`. Its `repr` shows no credentials."""

    sts: STSClient
    role_arn: str
    clock: Clock
    make: Callable[[Mapping[str, Any]], S3Client] = field(default=new_signer, repr=False)
    _signer: S3Client | None = field(default=None, init=False, repr=False)
    _session_ends_at: datetime | None = field(default=None, init=False)

    def sign(self, source: SourceObject, filename: str, content_type: str, valid_seconds: int) -> str:
        """Return a presigned URL for a GET of that version. In an unversioned bucket, the link leads to the object that is at the
        key when the link is fetched. Raises OperatorFault if the role may not be assumed, and NothingSent if no session can be
        begun now.

        The answer has `content_type`. An object's own may be anything, and vendors refuse what does not call itself a picture
        (S3 API reference, GetObject, response-content-type).
        """
        version = {"VersionId": source.version_id} if source.version_id else {}
        try:
            signer = self._signer_until(self.clock() + timedelta(seconds=valid_seconds))
        except (BotoCoreError, ClientError) as error:
            if isinstance(error, ClientError) and error.response["Error"]["Code"] in DENIED_CODES:
                why = "submit may not assume the role that signs links (LinkRole): deploy the template again"
                raise OperatorFault(ErrorCode.AUTH_FAILED, why) from None
            raise NothingSent(f"no link to the image could be signed ({type(error).__name__})") from None
        return signer.generate_presigned_url(
            "get_object",
            ExpiresIn=valid_seconds,
            Params={
                "Bucket": source.bucket,
                "Key": source.key,
                **version,
                "ResponseContentDisposition": f'attachment; filename="{filename}"',
                "ResponseContentType": content_type,
            },
        )

    def _signer_until(self, moment: datetime) -> S3Client:
        """Return a client whose session lasts beyond `moment`."""
        if self._signer is None or self._session_ends_at is None or self._session_ends_at < moment + CLOCK_SKEW:
            answer = self.sts.assume_role(
                RoleArn=self.role_arn, RoleSessionName="darkroom-link", DurationSeconds=SESSION_SECONDS
            )
            self._signer, self._session_ends_at = self.make(answer["Credentials"]), answer["Credentials"]["Expiration"]
        return self._signer
