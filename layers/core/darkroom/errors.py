"""The exceptions of Darkroom, and the public error codes of jobs. This module knows no vendor and no part of AWS.

The tree of exceptions. The middle column says who must act::

    DarkroomError
    ├── Refusal                a job is rejected or ends; has an ErrorCode
    │   ├── InvalidSetting         uploader   a key or value is wrong
    │   ├── UnknownModel           uploader   `model` is not a model of the provider
    │   ├── UnsupportedFormat      uploader   not one complete JPEG, PNG or TIFF
    │   ├── ImageTooLarge          uploader   more bytes or megapixels than the model's limit
    │   ├── PriceAboveLimit        uploader   costs more than max_credits or MaxCreditsPerJob
    │   ├── OutputCollision        uploader   the output key is another source's, or holds an object that is not Darkroom's
    │   ├── SourceUnreadable       operator   the object is archived, or Darkroom is not allowed to read it
    │   ├── BudgetExceeded         operator   the rest of the month's budget is less than the price
    │   └── ProviderRejected       uploader   the vendor refused these bytes or values
    ├── ProviderSilent         –          the vendor did not answer the request, for one of three reasons
    │   ├── OperatorFault          operator   AuthFailed or OutOfCredits; the job waits
    │   │   └── KeyMissing             operator   the secret has no usable API key for the vendor
    │   ├── Throttled              nobody     the vendor asks to retry later; nothing was accepted
    │   └── ProviderUnavailable    nobody     a read got no usable answer; repeat it
    ├── NothingSent            nobody     no byte reached the vendor
    ├── SubmitInDoubt          us         the vendor may or may not have accepted the submit
    ├── ProcessUnknown         us         the vendor does not know this process id
    ├── ResultNotReady         nobody     the result or its link is not complete yet; fetch the result again
    │   ├── OutputBusy             nobody     another version's result is being written to the same key
    │   └── KeyTaken               nobody     an object came to the output key while the result was copied
    ├── ResultRefused          operator   the output bucket refuses a paid result; finalize tries again every half hour
    ├── StorageUnproven        operator   nobody can tell now whether the output bucket takes results; uploads wait
    ├── UnsafeLink             operator   a result link leads to a place that Darkroom does not connect to
    ├── WrongDefaults          operator   the stack parameter DefaultSettings is wrong; uploads wait for another deployment
    ├── LostClaim              nobody     another worker owns the job now; change nothing
    ├── ProcessTaken           nobody     another run is bound to the process; this one's must be looked for
    ├── ClaimHeld              nobody     the lease of this message's dead worker is not over; deliver the message again
    ├── LedgerBusy             nobody     DynamoDB's conflicts lasted longer than the retries
    ├── LedgerNotOwned         operator   the ledger is another stack's or input bucket's; uploads wait until it is handed over
    ├── JobExpired             nobody     the upload's job ended and its row has expired; do nothing
    ├── Inapplicable           operator   a command does not fit the job's status; nothing was changed
    │   └── NoSuchJob              operator   the command names no job, or several; nothing was changed
    ├── SourceDenied           operator   the object may not be read now; the job is tried again for a while
    └── SourceGone             uploader   the object or its version does not exist any more

Reads of a process, a list or an account handle the three kinds of ProviderSilent in the same way. Submits, and the estimates
before them, handle each kind differently. OperatorFault opens the provider's circuit. Throttled lets the job wait.
ProviderUnavailable lets the job wait if nothing was sent yet; after the submit, nobody knows whether the vendor accepted it.

The message about a setting names its key, its value, the allowed values and the nearest valid one. No message contains a link or
an API key.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum


class ErrorCode(StrEnum):
    """The error codes that users see in reports, events and the ledger. docs/errors.md has a row for each."""

    INVALID_SETTING = "InvalidSetting"
    UNKNOWN_MODEL = "UnknownModel"
    UNSUPPORTED_FORMAT = "UnsupportedFormat"
    IMAGE_TOO_LARGE = "ImageTooLarge"
    PRICE_ABOVE_LIMIT = "PriceAboveLimit"
    BUDGET_EXCEEDED = "BudgetExceeded"
    PROVIDER_REJECTED = "ProviderRejected"
    PROVIDER_FAILED = "ProviderFailed"
    OUT_OF_CREDITS = "OutOfCredits"
    AUTH_FAILED = "AuthFailed"
    TIMED_OUT = "TimedOut"
    RESULT_LOST = "ResultLost"
    SOURCE_GONE = "SourceGone"
    SOURCE_UNREADABLE = "SourceUnreadable"
    OUTPUT_COLLISION = "OutputCollision"


# Each code → what a person must do. Reports contain the text as `cure`. A test checks that docs/errors.md has the same texts.
CURES: dict[ErrorCode, str] = {
    ErrorCode.INVALID_SETTING: (
        "Correct the tag, metadata, darkroom.toml or parameter named in the message. Then upload the object again, or run "
        "`darkroom rerun --code InvalidSetting`."
    ),
    ErrorCode.UNKNOWN_MODEL: "Set `model` or `provider` to a name in the message and upload the object again.",
    ErrorCode.UNSUPPORTED_FORMAT: "Upload a whole, single-image JPEG, PNG or TIFF.",
    ErrorCode.IMAGE_TOO_LARGE: "Upload a smaller image, ask for a smaller output, or choose a model with a higher limit.",
    ErrorCode.PRICE_ABOVE_LIMIT: (
        "Raise `max_credits` (tag) or MaxCreditsPerJob (stack), or ask for a smaller output. "
        "Then run `darkroom rerun --code PriceAboveLimit`."
    ),
    ErrorCode.BUDGET_EXCEEDED: (
        "Wait for next month, or raise MonthlyCreditLimit or MonthlyBudgetUsd. "
        "Then run `darkroom rerun --code BudgetExceeded`."
    ),
    ErrorCode.PROVIDER_REJECTED: (
        "Read the provider's answer in the message, correct the image or the settings, and upload the object again. If the "
        "message names a base URL, whoever runs the stack must correct that parameter and run "
        "`darkroom rerun --code ProviderRejected`."
    ),
    ErrorCode.PROVIDER_FAILED: (
        "Run `darkroom rerun --code ProviderFailed`. If a job fails again, ask the provider about its process id."
    ),
    ErrorCode.OUT_OF_CREDITS: (
        "Top up or subscribe in the provider's account. Then run `darkroom rerun --code OutOfCredits`."
    ),
    ErrorCode.AUTH_FAILED: (
        "Put a valid API key into the stack's secret. Then run `darkroom rerun --code AuthFailed`."
    ),
    ErrorCode.TIMED_OUT: (
        "The job was not done within JobDeadlineHours. Raise that parameter if necessary. "
        "Then run `darkroom rerun --code TimedOut`."
    ),
    ErrorCode.RESULT_LOST: (
        "The provider charged, but its result could not be fetched. Ask the provider about the process id. "
        "`darkroom rerun --code ResultLost` pays once more."
    ),
    ErrorCode.SOURCE_GONE: "The object was deleted before it was submitted. If that was a mistake, upload it again.",
    ErrorCode.SOURCE_UNREADABLE: (
        "Restore the object if it is archived. Otherwise let the stack read it: check the bucket's policy, the object's KMS key "
        "(KmsKeyArns) and the scan that tags it. Then run `darkroom rerun --code SourceUnreadable`."
    ),
    ErrorCode.OUTPUT_COLLISION: (
        "Rename one of the two sources, or give them different output formats. If the message names an object that Darkroom did "
        "not write, move that object away or upload under another key. If it names the result of this very upload, you have it."
    ),
}


class DarkroomError(Exception):
    """The base of all errors. `str(error)` is safe to log, store and show."""


class Refusal(DarkroomError):
    """A reason for which a job is rejected or ends. `code` is the public error code."""

    code: ErrorCode


class InvalidSetting(Refusal):
    """A setting's key or value is wrong. The message names it, and says which keys or values are allowed or nearest."""

    code = ErrorCode.INVALID_SETTING


class UnknownModel(Refusal):
    """The setting `model` does not name a model that the chosen provider offers, or the provider has retired the model."""

    code = ErrorCode.UNKNOWN_MODEL


class UnsupportedFormat(Refusal):
    """The object is not one complete JPEG, PNG or TIFF image."""

    code = ErrorCode.UNSUPPORTED_FORMAT


class ImageTooLarge(Refusal):
    """The image or the result has more bytes or megapixels than the model's limit."""

    code = ErrorCode.IMAGE_TOO_LARGE


class PriceAboveLimit(Refusal):
    """The job costs more than `max_credits` or MaxCreditsPerJob."""

    code = ErrorCode.PRICE_ABOVE_LIMIT


class BudgetExceeded(Refusal):
    """The rest of the month's credits or dollars is less than the price. The message gives both."""

    code = ErrorCode.BUDGET_EXCEEDED


class OutputCollision(Refusal):
    """Another source has claimed the output key, or an object stands there: one that Darkroom did not write, or the upload's own
    result, of which the ledger does not know."""

    code = ErrorCode.OUTPUT_COLLISION


class SourceUnreadable(Refusal):
    """The object is archived, or Darkroom could not read it for a quarter of an hour. The message says who must do what."""

    code = ErrorCode.SOURCE_UNREADABLE


class ProviderRejected(Refusal):
    """The vendor refused the submit, and a retry would not help. It accepted and charged nothing."""

    code = ErrorCode.PROVIDER_REJECTED


class ProviderSilent(DarkroomError):
    """The vendor did not answer the request. That proves nothing about earlier submits."""


class OperatorFault(ProviderSilent):
    """The owner of the account at the vendor must act. The code is AuthFailed (401, 403) or OutOfCredits (402, 412, 425). Nothing
    was accepted."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class KeyMissing(OperatorFault):
    """The secret holds no usable API key for the vendor, so nothing can be sent to it."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.AUTH_FAILED, message)


class Throttled(ProviderSilent):
    """The vendor asks to retry later (429). Nothing was accepted."""

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ProviderUnavailable(ProviderSilent):
    """A call that spends nothing got no usable answer. The call may be repeated."""


class NothingSent(DarkroomError):
    """No connection was made, so that no byte reached the vendor."""


class SubmitInDoubt(DarkroomError):
    """A submit timed out, broke off or got a 5xx after its first byte was sent, so the vendor may have accepted it."""


class ProcessUnknown(DarkroomError):
    """The vendor does not know the process id (404). This never means that the process has succeeded."""


class ResultNotReady(DarkroomError):
    """The result or its link is not available or not complete yet. Nothing was published. The caller may fetch the result again
    with a new link."""


class OutputBusy(ResultNotReady):
    """Another version's result is being written to the same output key, until `until` at the latest."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class KeyTaken(ResultNotReady):
    """Another object came to the output key, or the one that was there is gone, while the result was copied. Nothing was
    written. The next attempt looks at the key again."""


class ResultRefused(DarkroomError):
    """The output bucket refuses a result that is paid for. That stays so until the operator changes the bucket, its policy or its
    key. Nothing was published. The state machine knows this name: it waits half an hour before it calls finalize again."""


class StorageUnproven(DarkroomError):
    """Nobody can tell now whether the output bucket takes results: finalize could not be called, or S3 did not answer."""


class UnsafeLink(DarkroomError):
    """A result link is not https, leads to an address that is not public, or redirects too often."""


class WrongDefaults(DarkroomError):
    """The stack parameter DefaultSettings is wrong for every upload, or names a retired model. The operator must correct it;
    uploads wait meanwhile."""


class LostClaim(DarkroomError):
    """A conditional write found another run, attempt or status, so another worker owns the job now."""


class ProcessTaken(DarkroomError):
    """Another run of a job is bound to the process. Nothing was changed, and the process must not be cancelled."""


class ClaimHeld(DarkroomError):
    """SQS delivered a message again, although the lease of the worker that received it before is not over. The message is not
    acknowledged, so that it comes once more after the lease. Only then the death of that worker is counted."""


class LedgerBusy(DarkroomError):
    """DynamoDB's conflicts, throttling or errors lasted longer than the retries of one invocation. After an error, the write may
    have been made even so. So the caller must read the row."""


class LedgerNotOwned(DarkroomError):
    """The ledger belongs to another stack or another input bucket, or it names no owner. Nothing was read or written. The message
    says what a person must do. Until then, uploads wait."""


class JobExpired(DarkroomError):
    """The upload's job has ended, and its row has expired. Nothing may be sent or paid for it again."""


class Inapplicable(DarkroomError):
    """An operator's command does not fit the job's status. The message names the command that does."""


class NoSuchJob(Inapplicable):
    """An operator's command names a job that the ledger does not know, or more than one. The message names it in one line, and
    `advice` says in one line how it is found."""

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(message)
        self.advice = advice


class SourceDenied(DarkroomError):
    """The source object may not be read now, because a policy, a KMS key or a scan forbids it. The message says who must do
    what."""


class SourceGone(DarkroomError):
    """The source object or its version does not exist any more, or was overwritten since the event."""
