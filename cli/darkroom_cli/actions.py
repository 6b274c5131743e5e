"""Commands that act on jobs and providers. Each checks what it was given, calls one use case and says what came of it."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from darkroom_cli import deployed_stack
from darkroom_cli.deployed_stack import DEFAULT_STACK, Stack
from darkroom_cli.error_handling import reported, say

app = typer.Typer()

Reference = Annotated[str, typer.Argument(metavar="JOB", help="Its id, its key, or s3://bucket/key (the newest).")]
Provider = Annotated[str, typer.Argument(help="A provider, e.g. topaz.")]


def _credits(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise typer.BadParameter(f"{text!r} is not a number of 0 or more")
    return number


@app.command()
def resolve(
    reference: Reference,
    adopt: Annotated[
        str | None, typer.Option(metavar="PROCESS_ID", help="It is there: follow it to its result.")
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Adopt what is not listed under the job's handle, or resubmit without a list."),
    ] = False,
    resubmit: Annotated[
        bool, typer.Option("--resubmit", help="It is not there: send it again. May pay twice.")
    ] = False,
    abandon: Annotated[bool, typer.Option("--abandon", help="End it without a result.")] = False,
    credits: Annotated[
        Decimal | None, typer.Option(parser=_credits, metavar="N", help="What was charged for one abandoned. [0]")
    ] = None,
    attempt: Annotated[
        int | None, typer.Option(metavar="N", help="Only while the job is at this attempt, as `darkroom job` shows it.")
    ] = None,
    stack: Stack = DEFAULT_STACK,
) -> None:
    """Decide a job that is IN_DOUBT.

    By exactly one of --adopt, --resubmit and --abandon; the provider's account is the judge.
    """
    if (adopt is not None) + resubmit + abandon != 1:
        raise typer.BadParameter("give exactly one of --adopt PROCESS_ID, --resubmit, --abandon")
    if (force and abandon) or (credits is not None and not abandon):
        raise typer.BadParameter("--force goes with --adopt or --resubmit, --credits with --abandon")
    with reported():
        operate = deployed_stack.connect(stack).operate
        from darkroom_cli.job_tables import one_line

        if adopt is not None:
            say(one_line(operate.adopt(reference, adopt, force=force, attempt=attempt)))
        elif resubmit:
            say(one_line(operate.resubmit(reference, force=force, attempt=attempt)))
        else:
            say(one_line(operate.abandon(reference, credits or Decimal(0), attempt=attempt)))


@app.command()
def cancel(reference: Reference, stack: Stack = DEFAULT_STACK) -> None:
    """End a job that is not over.

    At the provider too; what it has finished is charged all the same.
    """
    with reported():
        ended = deployed_stack.connect(stack).operate.cancel(reference)
        from darkroom_cli.job_tables import one_line

        say(one_line(ended))
        if not ended.is_terminal:
            say("the cancellation is noted: it is carried out as soon as the provider answers for the job")


@app.command()
def pause(
    provider: Provider,
    why: Annotated[str, typer.Option(metavar="TEXT", help="Kept with the jobs that wait.")] = "by an operator",
    stack: Stack = DEFAULT_STACK,
) -> None:
    """Submit nothing to PROVIDER for now.

    What is there goes on; new uploads wait until `resume`, at most until their deadline.
    """
    with reported():
        deployed_stack.connect(stack).operate.pause(provider, why)
        say(f"{provider} is paused: nothing is submitted to it until `darkroom resume {provider}`")
        say("what waits longer than JobDeadlineHours fails; then `darkroom rerun --code TimedOut`")


@app.command()
def resume(provider: Provider, stack: Stack = DEFAULT_STACK) -> None:
    """Submit to PROVIDER again.

    Ends a pause, or the wait after a failure of the account.
    """
    with reported():
        deployed_stack.connect(stack).operate.resume(provider)
        say(f"{provider} takes submits again; what waits for it follows by itself, `darkroom jobs` says when")


@app.command()
def redrive(stack: Stack = DEFAULT_STACK) -> None:
    """Send dead letters to the intake again.

    One message at a time: received, sent, deleted. A death in between sends one twice, which is harmless. AWS's own
    StartMessageMoveTask would do as well, but the embedded cloud of `darkroom local` has none.
    """
    with reported():
        sqs, dead_letters, intake = deployed_stack.connect(stack).queues
        moved = 0
        try:
            while message := next(iter(_received(sqs, dead_letters)), None):
                sqs.send_message(QueueUrl=intake, MessageBody=message["Body"])
                sqs.delete_message(QueueUrl=dead_letters, ReceiptHandle=message["ReceiptHandle"])
                moved += 1
        finally:
            say(f"{moved} sent again")


def _received(sqs: object, queue: str) -> list[dict[str, str]]:
    """At most one message. It waits a little, since only then are all of a queue's servers asked."""
    answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=1, WaitTimeSeconds=2)  # type: ignore[attr-defined]
    found: list[dict[str, str]] = answer.get("Messages", [])
    return found
