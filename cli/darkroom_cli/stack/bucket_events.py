"""Turns a bucket's events to EventBridge on and off, and leaves its other notifications as they are.

S3 keeps all notifications of a bucket in one document without a version, and every change replaces the whole document. So the
document is read, changed, written and read again. Nobody else should change it in the same second.
"""

from __future__ import annotations

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
        LostClaim if somebody else changed the notifications at the same time."""
        before = self._document()
        wanted = {name: value for name, value in before.items() if name != EVENT_BRIDGE}
        wanted |= {EVENT_BRIDGE: {}} if on else {}
        # Without a validation, a notification whose queue or function is gone stays too, and S3 sends no test messages.
        self.s3.put_bucket_notification_configuration(
            Bucket=self.bucket, NotificationConfiguration=wanted, SkipDestinationValidation=True
        )
        if self._document() != wanted:
            raise LostClaim(f"somebody else changed the notifications of {self.bucket} at the same time; look at them")
        return sum(len(value) for name, value in wanted.items() if name != EVENT_BRIDGE)

    def _document(self) -> dict[str, Any]:
        answer = self.s3.get_bucket_notification_configuration(Bucket=self.bucket)
        return {name: value for name, value in answer.items() if name != "ResponseMetadata"}
