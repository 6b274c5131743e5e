"""Turns a bucket's events to EventBridge on and off, and leaves its other notifications as they are.

S3 keeps all notifications of a bucket in one document without a version, and every change replaces the whole document. So the
document is read, changed, written and read again. Nobody else should change it in the same seconds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from darkroom.errors import Inapplicable, LostClaim

EVENT_BRIDGE = "EventBridgeConfiguration"
# EventBridge's price of an event that the bucket's owner opts in to (https://aws.amazon.com/eventbridge/pricing/, 2026-11)
USD_A_MILLION_EVENTS = "1.00"
PRICE = (
    "S3 then sends every event of the bucket to EventBridge: each new object, deletion, new tag, restore and change of storage "
    f"class, also those that Darkroom does not use. AWS bills {USD_A_MILLION_EVENTS} USD a million; 100,000 events a day make "
    "3.04 USD a month."
)
# "After you enable EventBridge, it takes around five minutes for the changes to take effect" (S3 user guide, Enabling Amazon
# EventBridge, 2026-11)
TAKES_EFFECT = (
    "AWS needs about five minutes until events come. Upload then: an upload before that is found only by the sweep, up to half "
    "an hour later."
)
# A bucket's configuration is eventually consistent (S3 user guide, data consistency model, 2026-11).
READS, SECONDS_BETWEEN_READS = 6, 1.0


def exists(s3: Any, bucket: str) -> bool:
    """Return whether there is a bucket with this name. A bucket of somebody else, which S3 lets nobody look at, exists."""
    from botocore.exceptions import ClientError

    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        return str(error.response["Error"]["Code"]) not in ("404", "NoSuchBucket")
    return True


@dataclass(frozen=True)
class BucketEvents:
    """The events of one bucket. Every method may raise errors of boto3."""

    s3: Any = field(repr=False)
    bucket: str

    def are_on(self) -> bool:
        """Return whether the bucket sends its events to EventBridge."""
        return EVENT_BRIDGE in self._document()

    def check_owner(self, account_id: str) -> None:
        """Raise Inapplicable unless the bucket is the account's, in which the stack is. HeadBucket answers alike where the person
        may not look at a bucket."""
        from botocore.exceptions import ClientError

        from darkroom.aws.source_errors import DENIED_CODES

        try:
            self.s3.head_bucket(Bucket=self.bucket, ExpectedBucketOwner=account_id)
        except ClientError as error:
            if error.response["Error"]["Code"] not in DENIED_CODES:
                raise
            raise Inapplicable(
                f"the bucket {self.bucket} is not one of the account {account_id}, or you may not look at it (s3:ListBucket). "
                "The stack reads buckets of its own account only: take one of these, or deploy the stack in the bucket's account"
            ) from None

    def check_region(self, region: str) -> None:
        """Raise Inapplicable if the bucket is in another region than the stack: S3 sends a bucket's events to its own region."""
        found = self.s3.head_bucket(Bucket=self.bucket).get("BucketRegion", region)
        if found != region:
            raise Inapplicable(
                f"the bucket {self.bucket} is in {found} and the stack in {region}, but S3 sends a bucket's events to its own "
                f"region: deploy the stack in {found}"
            )

    def turn(self, on: bool) -> int:
        """Turn the events on or off, and return the number of other notifications, which are as before. Repeat safe. Raises
        LostClaim if S3 does not show the change within some seconds, for instance because somebody else made another one."""
        before = self._document()
        wanted = {name: value for name, value in before.items() if name != EVENT_BRIDGE}
        wanted |= {EVENT_BRIDGE: {}} if on else {}
        # Without a validation, a notification whose queue or function is gone stays too, and S3 sends no test messages.
        self.s3.put_bucket_notification_configuration(
            Bucket=self.bucket, NotificationConfiguration=wanted, SkipDestinationValidation=True
        )
        if not self._shows(wanted):
            raise LostClaim(
                f"S3 does not show the change of {self.bucket}'s notifications: it takes longer than usual, or somebody else "
                "changed them at the same time. Give the same command again in a minute, and look at them"
            )
        return sum(len(value) for name, value in wanted.items() if name != EVENT_BRIDGE)

    def _shows(self, wanted: dict[str, Any]) -> bool:
        """Return whether S3 shows the document that was written, by the last of some reads."""
        for number in range(READS):
            if number:
                time.sleep(SECONDS_BETWEEN_READS)
            if self._document() == wanted:
                return True
        return False

    def _document(self) -> dict[str, Any]:
        answer = self.s3.get_bucket_notification_configuration(Bucket=self.bucket)
        return {name: value for name, value in answer.items() if name != "ResponseMetadata"}
