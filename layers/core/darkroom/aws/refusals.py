"""What S3 says when a bucket refuses to be written. Pure; it must not call AWS."""

from __future__ import annotations

from botocore.exceptions import ClientError

from darkroom.aws.source_errors import DENIED_CODES, KMS_PREFIX

# These answers stay the same until somebody changes the bucket, its policy or its key (S3 API reference, "Error responses").
REFUSALS = DENIED_CODES | {
    "InvalidRequest",
    "InvalidBucketState",
    "MethodNotAllowed",
    "NoSuchBucket",
    "PermanentRedirect",
}

MESSAGE_CHARACTERS = 300  # of S3's own message


def is_refusal(error: ClientError) -> bool:
    """Whether repeating the request cannot help."""
    code = error.response["Error"]["Code"]
    return code in REFUSALS or code.startswith(KMS_PREFIX)


def in_words(error: ClientError) -> str:
    """Return the operation, S3's error code and the beginning of its message."""
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    return f"{error.operation_name}: {code}: {message[:MESSAGE_CHARACTERS]}"
