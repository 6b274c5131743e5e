"""Commands that act on jobs and providers. Each command checks its arguments, calls one use case and prints the result."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from darkroom_cli import deployed_stack
from darkroom_cli.deployed_stack import DEFAULT_STACK, Stack
from darkroom_cli.error_handling import reported, say

app = typer.Typer()

Reference = Annotated[
    str, typer.Argument(metavar="JOB", help="The job's id, its key, or s3://bucket/key (the newest upload).")
]
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
        str | None, typer.Option(metavar="PROCESS_ID", help="The provider has this process: follow it to its result.")
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Adopt a process that the list does not show, or resubmit without the list."),
    ] = False,
    resubmit: Annotated[
        bool, typer.Option("--resubmit", help="The provider has no process: send the job again. May pay twice.")
    ] = False,
    abandon: Annotated[bool, typer.Option("--abandon", help="End the job without a result.")] = False,
    credits: Annotated[
        Decimal | None, typer.Option(parser=_credits, metavar="N", help="With --abandon: the credits charged. [0]")
    ] = None,
    attempt: Annotated[
        int | None, typer.Option(metavar="N", help="Only while the job is at this attempt, as `darkroom job` shows it.")
    ] = None,
    stack: Stack = DEFAULT_STACK,
) -> None:
    """Decide a job that is IN_DOUBT.

    Give exactly one of --adopt, --resubmit and --abandon. Look into the provider's account first.
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
    """End an unfinished job.

    A job at the provider is cancelled there too. What the provider has finished is charged all the same.
    """
    with reported():
        ended = deployed_stack.connect(stack).operate.cancel(reference)
        from darkroom_cli.job_tables import one_line

        say(one_line(ended))
        if not ended.is_terminal:
            say("the cancellation is noted; it takes effect as soon as the provider answers")


@app.command()
def pause(
    provider: Provider,
    why: Annotated[str, typer.Option(metavar="TEXT", help="The reason. Waiting jobs show it.")] = "by an operator",
    stack: Stack = DEFAULT_STACK,
) -> None:
    """Submit nothing to PROVIDER for now.

    Jobs at the provider continue. New uploads wait for `resume`, at most until their deadline.
    """
    with reported():
        deployed_stack.connect(stack).operate.pause(provider, why)
        say(f"{provider} is paused: nothing is submitted to it until `darkroom resume {provider}`")
        say("a job that waits longer than JobDeadlineHours fails; `darkroom rerun --code TimedOut` runs it again")


@app.command()
def resume(provider: Provider, stack: Stack = DEFAULT_STACK) -> None:
    """Submit to PROVIDER again.

    This ends a pause, or the wait after a fault of the account.
    """
    with reported():
        deployed_stack.connect(stack).operate.resume(provider)
        say(f"submits to {provider} pass again; waiting jobs follow by themselves, `darkroom jobs` says when")


@app.command()
def redrive(stack: Stack = DEFAULT_STACK) -> None:
    """Send dead letters back to the intake.

    Each message is received, sent and deleted before the next one. If the command dies in between, one message is
    sent twice, which is harmless. AWS' own StartMessageMoveTask would do as well, but the embedded cloud of
    `darkroom local` does not have it.
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
    """Return at most one message. Waiting 2 s makes SQS ask all of the queue's servers, not only some."""
    answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=1, WaitTimeSeconds=2)  # type: ignore[attr-defined]
    found: list[dict[str, str]] = answer.get("Messages", [])
    return found
