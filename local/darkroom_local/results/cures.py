"""What to do about a picture without a result in a local run. A deployed stack's cures name commands that find no stack here.

A failed picture is tried again by the same command: its job has ended, so it gets a new one.
"""

from __future__ import annotations

from darkroom.errors import ErrorCode

_AGAIN = "Then run the same command again."
IN_DOUBT = (
    "Nobody can tell whether it was charged, so it is not sent again by itself. Look for it in the provider's account. "
    "To have it made anew, and perhaps paid again, give the file another name."
)
CURES: dict[ErrorCode, str] = {
    ErrorCode.INVALID_SETTING: f"Correct the setting that the message names. {_AGAIN}",
    ErrorCode.UNKNOWN_MODEL: f"Set `model` to one of the names in the message. {_AGAIN}",
    ErrorCode.UNSUPPORTED_FORMAT: f"Replace the file by a whole picture in a format that the message names. {_AGAIN}",
    ErrorCode.IMAGE_TOO_LARGE: (
        "Make the picture smaller, ask for a smaller result, or choose a model with a higher limit. " + _AGAIN
    ),
    ErrorCode.PRICE_ABOVE_LIMIT: (
        "Raise --set max_credits or --parameter MaxCreditsPerJob, or ask for a smaller result. " + _AGAIN
    ),
    ErrorCode.BUDGET_EXCEEDED: (
        "Raise --parameter MonthlyCreditLimit or MonthlyBudgetUsd, or wait for next month. " + _AGAIN
    ),
    ErrorCode.PROVIDER_REJECTED: f"Read the provider's answer, and correct the picture or the settings. {_AGAIN}",
    ErrorCode.PROVIDER_FAILED: "Run the same command again. If it fails again, ask the provider about its process id.",
    ErrorCode.OUT_OF_CREDITS: f"Top up or subscribe in the provider's account. {_AGAIN}",
    ErrorCode.AUTH_FAILED: f"Put a valid API key into TOPAZ_API_KEY. {_AGAIN}",
    ErrorCode.TIMED_OUT: f"It was not done within JobDeadlineHours. Raise that --parameter if necessary. {_AGAIN}",
    ErrorCode.RESULT_LOST: (
        "The provider charged, but its result could not be fetched. Ask the provider about the process id. "
        "The same command sends it again, and pays once more."
    ),
    ErrorCode.SOURCE_GONE: "The file was removed before it was submitted. If that was a mistake, put it back. "
    + _AGAIN,
    ErrorCode.SOURCE_UNREADABLE: "The embedded cloud could not read its own copy. Run the same command again.",
    ErrorCode.OUTPUT_COLLISION: f"Rename one of the two files, or give them different output formats. {_AGAIN}",
}
