"""Commands that change jobs and providers. Each command checks its arguments, calls one use case and prints the result."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from darkroom_cli import deployed_stack
from darkroom_cli.deployed_stack import DEFAULT_STACK, Stack
from darkroom_cli.error_handling import reported, say

app = typer.Typer()

Reference = Annotated[
    str,
    typer.Argument(
        metavar="JOB", help="The job's id, or the key of its upload: key or s3://bucket/key (the newest job)."
    ),
]
Provider = Annotated[str, typer.Argument(help="The name of a provider, for example topaz.")]


def _credits(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise typer.BadParameter(f"{text!r} must be a number of at least 0")
    return number


Adopt = Annotated[
    str | None,
    typer.Option(
        metavar="PROCESS_ID",
        help="Use it if the provider has this process for the job. Darkroom waits for its result.",
    ),
]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="With --adopt: even if the provider's list does not show the process. With --resubmit: without reading the list.",
    ),
]
Resubmit = Annotated[
    bool,
    typer.Option(
        "--resubmit",
        help="Use it if the provider has no process for the job. The job is sent again. If you are wrong, you pay twice.",
    ),
]
Abandon = Annotated[bool, typer.Option("--abandon", help="End the job without a result.")]
Credits = Annotated[
    Decimal | None,
    typer.Option(parser=_credits, metavar="N", help="With --abandon: the credits that the provider charged. [0]"),
]
Attempt = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Do nothing unless the job still has this attempt number (`darkroom job` shows it)."
    ),
]


@app.command()
def resolve(
    reference: Reference,
    adopt: Adopt = None,
    force: Force = False,
    resubmit: Resubmit = False,
    abandon: Abandon = False,
    credits: Credits = None,
    attempt: Attempt = None,
    stack: Stack = DEFAULT_STACK,
) -> None:
    """Decide what happens to a job that is IN_DOUBT: nobody knows whether the provider accepted it.

    Look into the provider's account first. Then give exactly one of --adopt, --resubmit and --abandon.
    """
    if (adopt is not None) + resubmit + abandon != 1:
        raise typer.BadParameter("give exactly one of --adopt PROCESS_ID, --resubmit, --abandon")
    if (force and abandon) or (credits is not None and not abandon):
        raise typer.BadParameter(
            "--force can only be used with --adopt or --resubmit, and --credits only with --abandon"
        )
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

    If the provider works on the job, it is cancelled there too. If the provider has finished it, the credits are charged.
    """
    with reported():
        ended = deployed_stack.connect(stack).operate.cancel(reference)
        from darkroom_cli.job_tables import one_line

        say(one_line(ended))
        if not ended.is_terminal:
            say("the cancellation is saved; the job ends as soon as the provider has answered")


@app.command()
def pause(
    provider: Provider,
    why: Annotated[
        str, typer.Option(metavar="TEXT", help="The reason. It is shown with waiting jobs.")
    ] = "by an operator",
    stack: Stack = DEFAULT_STACK,
) -> None:
    """Stop submits to PROVIDER until `resume`.

    Jobs that the provider already works on continue. New uploads wait for `resume`, but not longer than their deadline.
    """
    with reported():
        deployed_stack.connect(stack).operate.pause(provider, why)
        say(f"{provider} is paused: nothing is submitted to it until `darkroom resume {provider}`")
        say("a job that waits longer than JobDeadlineHours fails; `darkroom rerun --code TimedOut` runs it again")


@app.command()
def resume(provider: Provider, stack: Stack = DEFAULT_STACK) -> None:
    """Allow submits to PROVIDER again.

    This ends a pause. It also ends the waiting after a problem with the account, for example a wrong key or no credits.
    """
    with reported():
        deployed_stack.connect(stack).operate.resume(provider)
        say(f"submits to {provider} are allowed again; waiting jobs continue automatically, `darkroom jobs` shows when")


@app.command()
def redrive(stack: Stack = DEFAULT_STACK) -> None:
    """Send the messages of the dead-letter queue back to the intake queue.

    Each message is received, sent and deleted before the next one. If the command is stopped in between, one message may be
    sent twice, which does no harm.
    """
    # StartMessageMoveTask of AWS would do the same, but the embedded cloud of `darkroom local` does not have it.
    with reported():
        sqs, dead_letters, intake = deployed_stack.connect(stack).queues
        moved = 0
        try:
            while message := next(iter(_received(sqs, dead_letters)), None):
                sqs.send_message(QueueUrl=intake, MessageBody=message["Body"])
                sqs.delete_message(QueueUrl=dead_letters, ReceiptHandle=message["ReceiptHandle"])
                moved += 1
        finally:
            say(f"messages sent again: {moved}")


def _received(sqs: object, queue: str) -> list[dict[str, str]]:
    """Return at most one message. With a wait of 2 s, SQS asks all servers of the queue and not only some."""
    answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=1, WaitTimeSeconds=2)  # type: ignore[attr-defined]
    found: list[dict[str, str]] = answer.get("Messages", [])
    return found
