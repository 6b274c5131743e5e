"""`darkroom rerun`: runs one ended job again, or all jobs that ended with the same error code."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from darkroom.errors import ErrorCode, Inapplicable, LostClaim
from darkroom_cli.console import exit_codes
from darkroom_cli.console.confirmation import Yes, agree
from darkroom_cli.console.errors import reported, say
from darkroom_cli.console.machine_output import AsJson, tell
from darkroom_cli.options.choices import offered, parser
from darkroom_cli.options.completion import JOB_HELP
from darkroom_cli.options.times import Since, first_moment
from darkroom_cli.stack import deployment
from darkroom_cli.stack.deployment import DEFAULT_STACK, Deployment, Stack

if TYPE_CHECKING:
    from darkroom.model import Job

app = typer.Typer()

Reference = Annotated[str | None, typer.Argument(metavar="JOB", help=JOB_HELP)]
Completed = Annotated[
    bool, typer.Option("--completed", help="Run JOB again even if it already has a result. You pay for it again.")
]
Code = Annotated[
    ErrorCode | None,
    typer.Option(
        parser=parser(ErrorCode, "error code"),
        metavar="CODE",
        help="Run all jobs again that ended with this error code.",
        autocompletion=offered(ErrorCode),
    ),
]


@app.command()
def rerun(
    reference: Reference = None,
    completed: Completed = False,
    code: Code = None,
    since: Since = None,
    yes: Yes = False,
    as_json: AsJson = False,
    stack: Stack = DEFAULT_STACK,
) -> None:
    """Run ended jobs again. Each job is checked again, and you pay for it again.

    Give either one JOB, or --code for all jobs that ended with this error code. --completed and --code say the price and ask.
    """
    first = _first_day(since)
    _check(reference is not None, completed, code is not None, bool(since))
    with reported():
        deployed = deployment.connect(stack)
        if reference is not None:
            from darkroom_cli.jobs.tables import one_line, public

            job = _agreed(deployed, reference, completed, yes)
            warnings = _of_budgets(deployed, job)
            again = deployed.operate.rerun(job.job_id, completed=completed)
            tell(as_json, public(again), one_line(again))
            for warning in warnings:
                say(warning, err=True)
        elif code is not None:
            today = datetime.now(UTC).date()
            found = list(deployed.operate.ended_with(code, first, today))
            _all(deployed, found, f"ended with {code} since {first}", yes, as_json)


def _agreed(deployed: Deployment, reference: str, completed: bool, yes: bool) -> Job:
    """Return the job. If the job has its result and shall have another, the person must agree to the price first."""
    job = deployed.operate.find(reference)
    if completed and job.is_terminal:
        from darkroom_cli.costs import rerun_price

        price = rerun_price.of(deployed, [job])
        for warning in price.warnings:
            say(warning, err=True)
        agree(f"{job.source_key} is {job.status}; {price.words}. Run it again?", yes)
    return job


def _of_budgets(deployed: Deployment, job: Job) -> list[str]:
    """Return what to say of a job that a budget stopped: that it will be refused again, if the budget is still too small."""
    from darkroom_cli.costs import rerun_price

    return rerun_price.of(deployed, [job]).warnings if job.error_code == ErrorCode.BUDGET_EXCEEDED else []


def _check(by_job: bool, completed: bool, by_code: bool, narrowed: bool) -> None:
    if by_job == by_code:
        raise typer.BadParameter("give either a JOB or --code CODE")
    if narrowed and by_job:
        raise typer.BadParameter("--since can only be used with --code")
    if completed and by_code:
        raise typer.BadParameter("--completed can only be used with a JOB")


def _first_day(since: datetime | None) -> date:
    return first_moment(since, None).date()


def _all(deployed: Deployment, jobs: list[Job], what: str, yes: bool, as_json: bool) -> None:
    """Run exactly these jobs again, after a question that says how many they are and what they cost.

    A job that has changed in the meantime is skipped and reported, and the command then ends with code 1.
    """
    from darkroom_cli.costs import rerun_price

    count = f"{len(jobs)} {'job' if len(jobs) == 1 else 'jobs'}"
    price = rerun_price.of(deployed, jobs) if jobs else None
    if not as_json:
        say(f"{count} {what}{f'; {price.words}' if price else ''}")
    for warning in price.warnings if price else ():
        say(warning, err=True)
    if jobs:
        agree(f"Run {count} again?", yes)
    sent = 0
    try:
        for job in jobs:
            try:
                deployed.operate.rerun(job.job_id)
                sent += 1
            except (Inapplicable, LostClaim) as moved:
                say(f"{job.job_id}: {moved}", err=True)
    finally:
        if jobs or as_json:
            tell(as_json, {"found": len(jobs), "run_again": sent}, f"{sent} of {len(jobs)} run again")
    if sent < len(jobs):
        raise typer.Exit(exit_codes.REPEAT)
