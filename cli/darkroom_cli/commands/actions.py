"""Commands that change jobs and providers. Each command checks its arguments, calls one use case and prints the result."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from darkroom_cli.console.confirmation import Yes, agree
from darkroom_cli.console.errors import reported
from darkroom_cli.console.machine_output import AsJson, tell
from darkroom_cli.options import completion
from darkroom_cli.options.completion import Reference
from darkroom_cli.stack import deployment
from darkroom_cli.stack.deployment import DEFAULT_STACK, Stack

if TYPE_CHECKING:
    from darkroom.model import Job

app = typer.Typer()

Provider = Annotated[
    str, typer.Argument(help="The name of a provider, for example topaz.", autocompletion=completion.providers)
]


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
        help="With --adopt: even if the provider's list does not show the process. With --resubmit: though the list is no proof.",
    ),
]
Resubmit = Annotated[
    bool,
    typer.Option(
        "--resubmit",
        help="Use it if you are sure that the provider charged nothing. The job is sent again. If you are wrong, you pay twice.",
    ),
]
Abandon = Annotated[bool, typer.Option("--abandon", help="End the job without a result.")]
Credits = Annotated[
    Decimal | None,
    typer.Option(
        parser=_credits,
        metavar="N",
        help="With --abandon: the credits that were charged. [what the job says, or 0]",
    ),
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
    yes: Yes = False,
    as_json: AsJson = False,
    stack: Stack = DEFAULT_STACK,
) -> None:
    """Decide what happens to a job in doubt.

    Nobody knows whether the provider accepted such a job. Look into the provider's account first. Then give exactly one of
    --adopt, --resubmit and --abandon. --resubmit says what the job cost and asks.
    """
    if (adopt is not None) + resubmit + abandon != 1:
        raise typer.BadParameter("give exactly one of --adopt PROCESS_ID, --resubmit, --abandon")
    if (force and abandon) or (credits is not None and not abandon):
        raise typer.BadParameter(
            "--force can only be used with --adopt or --resubmit, and --credits only with --abandon"
        )
    with reported():
        operate = deployment.connect(stack).operate
        if adopt is not None:
            _tell_job(as_json, operate.adopt(reference, adopt, force=force, attempt=attempt))
        elif resubmit:
            job = operate.find(reference)
            seen = _agreed_attempt(job, yes) if attempt in (None, job.attempt) else attempt
            _tell_job(as_json, operate.resubmit(job.job_id, force=force, attempt=seen))
        else:
            _tell_job(as_json, operate.abandon(reference, credits, attempt=attempt))


@app.command()
def cancel(reference: Reference, as_json: AsJson = False, stack: Stack = DEFAULT_STACK) -> None:
    """End an unfinished job.

    If the provider works on the job, it is cancelled there too. If the provider has finished it, the credits are charged. AI/ML
    API and uwear.ai cannot cancel: a job that they have accepted is charged, so it is refused here and runs on to its result.
    """
    with reported():
        ended = deployment.connect(stack).operate.cancel(reference)
        later = (
            ()
            if ended.is_terminal
            else ("the cancellation is saved; the job ends as soon as the provider has answered",)
        )
        _tell_job(as_json, ended, *later)


@app.command()
def pause(
    provider: Provider,
    why: Annotated[
        str, typer.Option(metavar="TEXT", help="The reason. It is shown with waiting jobs.")
    ] = "by an operator",
    as_json: AsJson = False,
    stack: Stack = DEFAULT_STACK,
) -> None:
    """Stop submits to PROVIDER until `resume`.

    Jobs that the provider already works on continue. New uploads wait for `resume`, but not longer than their deadline.
    """
    with reported():
        deployment.connect(stack).operate.pause(provider, why)
        tell(
            as_json,
            {"provider": provider, "paused": True, "why": why},
            f"{provider} is paused: nothing is submitted to it until `darkroom resume {provider}`",
            "a job that waits longer than JobDeadlineHours fails; `darkroom rerun --code TimedOut` runs it again",
        )


@app.command()
def resume(provider: Provider, as_json: AsJson = False, stack: Stack = DEFAULT_STACK) -> None:
    """Allow submits to PROVIDER again.

    This ends a pause. It also ends the waiting after a problem with the account, for example a wrong key or no credits. Jobs
    that waited are handed on at once, 300 a minute.
    """
    with reported():
        deployed = deployment.connect(stack)
        was_allowed = deployed.container.adapters.circuits.get(provider) is None
        handed_on = deployed.operate.resume(provider)
        facts = {"provider": provider, "paused": False, "handed_on": handed_on}
        now = "were allowed already" if was_allowed else "are allowed again"
        tell(as_json, facts, f"submits to {provider} {now}; {_words_of_waiting(handed_on)}")


@app.command()
def redrive(as_json: AsJson = False, stack: Stack = DEFAULT_STACK) -> None:
    """Send dead letters back to the intake queue.

    Each message is received, sent and deleted before the next one. If the command is stopped in between, one message may be
    sent twice, which does no harm.
    """
    # StartMessageMoveTask of AWS would do the same, but the embedded cloud of `darkroom local` does not have it.
    with reported():
        sqs, dead_letters, intake = deployment.connect(stack).queues
        moved = 0
        try:
            while message := next(iter(_received(sqs, dead_letters)), None):
                sqs.send_message(QueueUrl=intake, MessageBody=message["Body"])
                sqs.delete_message(QueueUrl=dead_letters, ReceiptHandle=message["ReceiptHandle"])
                moved += 1
        finally:
            tell(as_json, {"sent_again": moved}, f"messages sent again: {moved}")


def _words_of_waiting(handed_on: int) -> str:
    from darkroom.pipeline.operator_commands import HANDED_ON_A_SECOND

    if not handed_on:
        return "no job waited for it"
    jobs = "1 job that waited is" if handed_on == 1 else f"{handed_on} jobs that waited are"
    seconds = handed_on // HANDED_ON_A_SECOND
    return f"{jobs} handed on now" + (f", the last in {seconds} s" if seconds else "")


def _agreed_attempt(job: Job, yes: bool) -> int:
    """Return the attempt that the person has decided about, after they agreed to what it may cost."""
    if job.status == "IN_DOUBT" and job.reservation is not None:
        from darkroom_cli.costs.price_words import spent

        held, provider = job.reservation, job.require_provider()
        price = spent({provider: held.credits_reserved}, held.credits_reserved * held.credit_price_usd)
        twice = f"If {provider} accepted the first submit too, you pay twice."
        agree(f"1 job is sent again: {job.source_key}, {price}. {twice} Send it?", yes)
    return job.attempt


def _tell_job(as_json: bool, job: Job, *more: str) -> None:
    from darkroom_cli.jobs.tables import one_line, public

    tell(as_json, public(job), one_line(job), *more)


def _received(sqs: object, queue: str) -> list[dict[str, str]]:
    """Return at most one message. With a wait of 2 s, SQS asks all servers of the queue and not only some."""
    answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=1, WaitTimeSeconds=2)  # type: ignore[attr-defined]
    found: list[dict[str, str]] = answer.get("Messages", [])
    return found
