"""Every way a job can go wrong, in the words of the contract. Nothing here knows a vendor or AWS.

The tree, by who must act::

    DarkroomError
    ├── Refusal                a job ends unpaid, or paid and settled; carries an ErrorCode
    │   ├── InvalidSetting         uploader   a key or value is wrong
    │   ├── UnknownModel           uploader   `model` names no model of the provider
    │   ├── UnsupportedFormat      uploader   not a whole single jpeg, png or tiff
    │   ├── ImageTooLarge          uploader   bytes or megapixels over the model's limit
    │   ├── PriceAboveLimit        uploader   dearer than max_credits or MaxCreditsPerJob
    │   ├── OutputCollision        uploader   another source already owns the output key
    │   ├── BudgetExceeded         operator   the month's limit would be passed
    │   └── ProviderRejected       provider   the vendor refused these bytes or values
    ├── OperatorFault          operator   AuthFailed or OutOfCredits: wait, do not fail
    ├── Throttled              nobody     the vendor asks to come back later; nothing was accepted
    ├── NothingSent            nobody     no byte reached the vendor
    ├── SubmitInDoubt          us         the vendor may or may not have accepted
    ├── ProviderUnavailable    nobody     a read call got no usable answer; ask again
    ├── ProcessUnknown         us         the vendor does not know this process id
    ├── ResultNotReady         nobody     Completed, but the link or its bytes are not whole yet
    │   └── OutputBusy             nobody     another version's result is being written to the same key
    ├── UnsafeLink             operator   a result link points where Darkroom will not go
    ├── LostClaim              nobody     another worker owns the job now; change nothing
    ├── LedgerBusy             nobody     DynamoDB conflicts outlasted this invocation
    ├── Inapplicable           operator   a command does not fit the job as it stands; nothing was changed
    └── SourceGone             uploader   the object or version is no longer there

A message names the key, the value, what is allowed and the nearest right value. No message carries a link or a key.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum


class ErrorCode(StrEnum):
    """The closed set of codes that users see in reports, events and the ledger; docs/errors.md has a row for each."""

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
    OUTPUT_COLLISION = "OutputCollision"


# What a person does about each code; reports carry it as `cure`, docs/errors.md repeats it (a test compares).
CURES: dict[ErrorCode, str] = {
    ErrorCode.INVALID_SETTING: "Correct the tag or setting named in the message and upload the object again.",
    ErrorCode.UNKNOWN_MODEL: "Set `model` to one of the names in the message and upload the object again.",
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
        "Read the provider's answer in the message, correct the image or the settings, and upload the object again."
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
        "The job was not done within JobDeadlineHours. Raise it if necessary. "
        "Then run `darkroom rerun --code TimedOut`."
    ),
    ErrorCode.RESULT_LOST: (
        "The provider charged, but its result could not be fetched. Ask the provider about the process id. "
        "`darkroom rerun --code ResultLost` pays once more."
    ),
    ErrorCode.SOURCE_GONE: "The object was deleted before it was submitted. If that was a mistake, upload it again.",
    ErrorCode.OUTPUT_COLLISION: "Rename one of the two sources, or give them different output formats.",
}


class DarkroomError(Exception):
    """The root. `str(error)` is safe to log, store and show."""


class Refusal(DarkroomError):
    """A reason for which a job ends; `code` is its closed word."""

    code: ErrorCode


class InvalidSetting(Refusal):
    """A setting's key or value is wrong; says which, what is allowed and the closest valid names."""

    code = ErrorCode.INVALID_SETTING


class UnknownModel(Refusal):
    """`model` names no model that the chosen provider offers; says which it has, and which follows a retired one."""

    code = ErrorCode.UNKNOWN_MODEL


class UnsupportedFormat(Refusal):
    """The bytes are not one whole jpeg, png or tiff image."""

    code = ErrorCode.UNSUPPORTED_FORMAT


class ImageTooLarge(Refusal):
    """Bytes or megapixels, in or out, pass the model's limit."""

    code = ErrorCode.IMAGE_TOO_LARGE


class PriceAboveLimit(Refusal):
    """The job would cost more than one job may."""

    code = ErrorCode.PRICE_ABOVE_LIMIT


class BudgetExceeded(Refusal):
    """The month's credits or dollars do not suffice; says what was left and what was asked."""

    code = ErrorCode.BUDGET_EXCEEDED


class OutputCollision(Refusal):
    """Another source key owns this output key."""

    code = ErrorCode.OUTPUT_COLLISION


class ProviderRejected(Refusal):
    """The vendor answered a 4xx that no retry mends; it accepted and charged nothing."""

    code = ErrorCode.PROVIDER_REJECTED


class OperatorFault(DarkroomError):
    """The vendor's account needs its owner: AuthFailed (401, 403) or OutOfCredits (402, 412, 425). Nothing was accepted."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class Throttled(DarkroomError):
    """The vendor asks to come back later (429). Nothing was accepted."""

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class NothingSent(DarkroomError):
    """The connection was never made: no byte reached the vendor."""


class SubmitInDoubt(DarkroomError):
    """Time-out, reset or 5xx after the first byte: the vendor may have accepted and may charge."""


class ProviderUnavailable(DarkroomError):
    """A call that changes nothing got no usable answer; asking again is safe."""


class ProcessUnknown(DarkroomError):
    """The vendor answered 404 for a process id. Unknown, never success."""


class ResultNotReady(DarkroomError):
    """The result's link or its bytes are not whole: fetch again with a fresh link. Nothing was published."""


class OutputBusy(ResultNotReady):
    """Another version's result is being written to the same output key, at the latest until `until`."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class UnsafeLink(DarkroomError):
    """A result link that is not https, not public, or redirects too often."""


class LostClaim(DarkroomError):
    """A conditional write found another run, attempt or status: this worker was given up for dead."""


class LedgerBusy(DarkroomError):
    """Transaction conflicts, throttling or errors of DynamoDB outlasted one invocation's retries. After an error of its own, what
    was asked for may have been written: the row decides."""


class Inapplicable(DarkroomError):
    """An operator's command does not fit the job as it stands; the message names the one that does."""


class SourceGone(DarkroomError):
    """The source object or version is missing, or was overwritten since the event."""
