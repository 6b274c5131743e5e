"""Holds the AWS list prices of us-east-1 in US dollars, each with the page that it comes from. Free tiers are left out."""

from __future__ import annotations

from dataclasses import dataclass

SEEN = "2026-11"  # when somebody last checked the pages


@dataclass(frozen=True)
class Price:
    """A price of `usd` US dollars for `per` units. `source` is the page that says so."""

    usd: float
    per: float
    unit: str
    source: str

    def of(self, amount: float) -> float:
        """Return the price of `amount` units, in US dollars."""
        return self.usd * amount / self.per


LAMBDA = "https://aws.amazon.com/lambda/pricing/"
DYNAMO = "https://aws.amazon.com/dynamodb/pricing/on-demand/"
S3 = "https://aws.amazon.com/s3/pricing/"
EVENTS = "https://aws.amazon.com/eventbridge/pricing/"
WATCH = "https://aws.amazon.com/cloudwatch/pricing/"

PRICES: dict[str, Price] = {
    # The price of Standard workflows. A retry counts as a transition too.
    "transition": Price(0.025, 1e3, "state transition", "https://aws.amazon.com/step-functions/pricing/"),
    # The price of arm64 in the first tier. Since August 2025 the INIT phase is billed like the rest.
    "gb_second": Price(0.0000133334, 1, "GB-second", LAMBDA),
    "invocation": Price(0.20, 1e6, "invocation", LAMBDA),
    # A write of up to 1 KB is one unit, or two in a transaction. Each index entry that appears or disappears is one more.
    "write_unit": Price(0.625, 1e6, "write unit", DYNAMO),
    "read_unit": Price(0.125, 1e6, "read unit", DYNAMO),  # a consistent read of up to 4 KB
    "s3_put": Price(0.005, 1e3, "PUT, POST, COPY or LIST", S3),
    "s3_get": Price(0.0004, 1e3, "GET or other request", S3),
    "s3_delete": Price(0, 1, "DELETE", S3),
    "s3_gb_month": Price(0.023, 1, "GB-month, Standard", S3),
    "sqs_request": Price(0.40, 1e6, "request, standard queue", "https://aws.amazon.com/sqs/pricing/"),
    # Events that Darkroom sends, and events that S3 sends if the bucket's owner turned them on: one for each upload.
    "event": Price(1.00, 1e6, "event of up to 64 KB", EVENTS),
    "secret_read": Price(0.05, 1e4, "call", "https://aws.amazon.com/secrets-manager/pricing/"),
    "log_kb": Price(0.50, 1e6, "KB taken in", WATCH),
    "trace": Price(5.00, 1e6, "trace recorded", "https://aws.amazon.com/xray/pricing/"),
    "egress_gb": Price(0.09, 1, "GB sent to the internet", "https://aws.amazon.com/ec2/pricing/on-demand/"),
}

PUTS = {"PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "CopyObject"}
LISTS = {"ListObjectsV2", "ListObjectVersions", "ListMultipartUploads"}
DELETES = {"DeleteObject", "DeleteObjects", "AbortMultipartUpload"}


def s3_class(operation: str) -> str:
    """Return the key in `PRICES` that has the price of an S3 operation."""
    if operation in DELETES:
        return "s3_delete"
    return "s3_put" if operation in PUTS | LISTS else "s3_get"
