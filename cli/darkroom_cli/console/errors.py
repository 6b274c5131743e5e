"""Ends a command that failed with a message on standard error and an exit code, never with a traceback.

`exit_codes` has the codes. docs/commands.md explains them.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import sys
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

import typer

from darkroom_cli.console import exit_codes

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

# The answer to a HEAD has no body, so its code is the HTTP status.
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation", "403"})
BAD_CREDENTIALS = frozenset(
    {
        "ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSignatureException",
        "RequestExpired", "SignatureDoesNotMatch", "UnrecognizedClientException",
    }
)  # fmt: skip
# AWS gives valid credentials these answers too, in a region that the account has not enabled, and there also for a session of the
# global STS endpoint. Which of the two depends on the service's protocol.
REGION_CODES = frozenset({"InvalidClientTokenId", "UnrecognizedClientException"})
HOW = "see docs/commands.md"


def visible(text: object) -> str:
    """Return the text so that it is safe to print. Characters that cannot be seen are replaced by escapes such as `\\x1b`."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def fitted(text: str, *, err: bool = False) -> str:
    """Return the text, visible. If standard output, or with `err` standard error, is a terminal, a line that is too long for it
    is broken between words."""
    shown, stream = visible(text), sys.stderr if err else sys.stdout
    if not stream.isatty():
        return shown
    columns = shutil.get_terminal_size().columns
    return textwrap.fill(shown, columns, replace_whitespace=False, break_long_words=False, break_on_hyphens=False)


def say(text: str, *, err: bool = False) -> None:
    """Print one line on standard output, or with `err` on standard error. Characters that could change the terminal are
    escaped."""
    typer.echo(fitted(text, err=err), err=err)


class _Visible(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


@contextlib.contextmanager
def reported() -> Iterator[None]:
    """Run a whole command inside this block. Errors and log lines are printed as text, and set the exit code."""
    handler = logging.StreamHandler()  # alarms are log lines in this process, and the operator must see them
    handler.setFormatter(_Visible("%(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        with _foreseen():
            yield
    except KeyboardInterrupt:
        _end("interrupted", exit_codes.INTERRUPTED)
    finally:
        logging.getLogger().removeHandler(handler)


def told(error: Exception) -> tuple[str, int] | None:
    """Return the sentence and the exit code of an error that a command may meet, None if it is a fault of this program."""
    from botocore.exceptions import BotoCoreError, ClientError

    from darkroom.configuration import BadConfiguration
    from darkroom.errors import DarkroomError, Inapplicable, LedgerBusy, LedgerNotOwned, LostClaim, SourceDenied
    from darkroom_cli.stack.deployment import NoDeployment

    match error:
        case Inapplicable() | LedgerNotOwned() | NoDeployment() | BadConfiguration() | SourceDenied():
            return str(error), exit_codes.NOT_POSSIBLE
        case LostClaim() | LedgerBusy():
            return f"{error}; try again", exit_codes.REPEAT
        case DarkroomError():
            return str(error), exit_codes.REPEAT
        case ClientError():
            return _refusal(error), exit_codes.NOT_POSSIBLE
        case BotoCoreError():  # no credentials, no region, an unknown profile or no connection
            why = _why_unreachable(error) or HOW
            return f"AWS cannot be used: {error} ({why})", exit_codes.NOT_POSSIBLE
    return None


@contextlib.contextmanager
def _foreseen() -> Iterator[None]:
    from darkroom.errors import NoSuchJob

    try:
        yield
    except NoSuchJob as unknown:
        typer.echo(visible(unknown), err=True)
        _end(unknown.advice, exit_codes.NOT_POSSIBLE)
    except Exception as error:
        found = told(error)
        if found is None:
            raise
        _end(*found)


def _why_unreachable(error: BotoCoreError) -> str:
    """Return what to do if the address is that of a local stack that has ended; otherwise an empty text."""
    from botocore.exceptions import EndpointConnectionError

    from darkroom_cli.stack.deployment import names_this_machine

    if not isinstance(error, EndpointConnectionError) or not names_this_machine():
        return ""
    return (
        'the local stack that AWS_ENDPOINT_URL names has ended: eval "$(darkroom local up)" starts one; for AWS, '
        "unset AWS_ENDPOINT_URL AWS_CA_BUNDLE AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_DEFAULT_REGION"
    )


def _refusal(error: ClientError) -> str:
    code, message = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    if code in DENIED:
        return f"AWS does not allow you to call {error.operation_name}: {message}. Ask for that permission, {HOW}"
    if code in BAD_CREDENTIALS:
        region = "; or the region that AWS_DEFAULT_REGION or the profile names is not enabled for this account"
        return (
            f"AWS does not accept your credentials ({code}). Sign in again or choose another AWS_PROFILE"
            f"{region if code in REGION_CODES else ''}, {HOW}"
        )
    return f"AWS refused {error.operation_name} ({code}): {message}"


def _end(sentence: str, code: int) -> NoReturn:
    say(sentence, err=True)
    raise typer.Exit(code) from None
