"""Translates S3's errors about objects of the input bucket into Darkroom's errors. All functions are pure."""

from __future__ import annotations

from botocore.exceptions import ClientError

from darkroom.errors import SourceDenied, SourceGone, SourceUnreadable

# NoSuchVersion and MethodNotAllowed mean that the version was deleted or is a delete marker; PreconditionFailed means that the
# object was overwritten.
GONE_CODES = frozenset(
    {"404", "NoSuchKey", "NoSuchVersion", "NotFound", "405", "MethodNotAllowed", "412", "PreconditionFailed"}
)
# After versioning was enabled, S3 may answer requests for a new object with these for a quarter of an hour (S3 user guide,
# "Enabling versioning on buckets"). Only a listing shows then whether the object is there.
NOT_SHOWN_CODES = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NotFound"})
# The object is archived and not restored (S3 API reference, GetObject). Its storage class does not show that, because a restored
# object keeps its class, and an object in an archive tier of Intelligent-Tiering does too.
ARCHIVED_CODE = "InvalidObjectState"
# A policy, a missing tag of a scan, or a KMS key forbids the access. HeadObject answers without a body, so its code is only the
# status (S3 API reference, HeadObject).
DENIED_CODES = frozenset({"403", "AccessDenied", "Forbidden", "AllAccessDisabled"})
KMS_PREFIX = "KMS."  # KMS.DisabledException and others: the object's KMS key is disabled or will soon be deleted
# The object is encrypted with a key that S3 does not keep (SSE-C), and the request did not bring it (S3 user guide, "Using
# server-side encryption with customer-provided keys").
UPLOADERS_KEY_CODES = frozenset({"400", "InvalidRequest", "BadRequest", "Bad Request"})


def as_source_error(
    error: ClientError, operation: str, bucket: str, key: str, *, for_person: bool = False
) -> Exception:
    """Return the SourceGone, SourceUnreadable or SourceDenied that the error means. Return any other error unchanged.

    With `for_person`, a person's own credentials were denied, which says nothing about the stack's roles."""
    code, place = error.response["Error"]["Code"], f"{bucket}/{key}"
    if code in GONE_CODES:
        return SourceGone(f"{place} is no longer there")
    if code == ARCHIVED_CODE:
        return SourceUnreadable(
            f"{place} is archived and cannot be read: the bucket's owner must restore it (S3 RestoreObject) before it is rerun"
        )
    if code in DENIED_CODES or code.startswith(KMS_PREFIX):
        return SourceDenied(f"{place} may not be read ({operation}: {code}): {_who_allows(error, code, for_person)}")
    if code in UPLOADERS_KEY_CODES:
        return SourceDenied(
            f"{place} cannot be read ({operation}: {code}), as if it were encrypted with its uploader's own key (SSE-C): "
            "the uploader must upload it without that key"
        )
    return error


def not_shown(bucket: str, key: str) -> SourceDenied:
    """Return the error of an object that S3 lists and does not give."""
    return SourceDenied(
        f"{bucket}/{key} is listed, but S3 answers that it does not exist, as it may within a quarter of an hour after the "
        "bucket's versioning was enabled: nobody need do anything; rerun the job if it was refused"
    )


def _who_allows(error: ClientError, code: str, for_person: bool) -> str:
    if for_person and not code.startswith(KMS_PREFIX):
        return (
            "your own credentials do not allow it, and the stack's may. Ask for s3:GetObject, s3:GetObjectTagging and "
            "s3:ListBucket there, and for kms:Decrypt where a customer key encrypts it; see docs/commands.md, "
            '"Permissions that you need"'
        )
    if code.startswith(KMS_PREFIX) or "kms:" in error.response["Error"].get("Message", ""):
        return "the operator must name the object's KMS key in KmsKeyArns, enable that key, and allow it in its policy"
    return (
        "the operator must let the stack's submit role read it, in the bucket's policy and by the object's KMS key (KmsKeyArns); "
        "it can read buckets of the stack's own account only; if a scan must tag the object first, find out why it did not"
    )
