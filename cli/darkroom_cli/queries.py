"""Commands that list jobs, show one job, and compare the providers' accounts with the ledger.

Only `reconcile --accept` changes anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from darkroom.model import TERMINAL, JobStatus
from darkroom_cli import deployed_stack
from darkroom_cli.deployed_stack import DEFAULT_STACK, Deployment, Stack
from darkroom_cli.error_handling import reported, say
from darkroom_cli.machine_output import AsJson, AsJsonLines, print_json, print_json_lines

if TYPE_CHECKING:
    from darkroom.model import Job

OPEN = tuple(status for status in JobStatus if status not in TERMINAL)
DAY = "%Y-%m-%d"
app = typer.Typer()


@app.command()
def jobs(
    status: Annotated[
        JobStatus | None,
        typer.Option(
            case_sensitive=False, metavar="STATUS", help="List only jobs with this status, for example FAILED."
        ),
    ] = None,
    day: Annotated[
        datetime | None,
        typer.Option(
            formats=[DAY],
            metavar="YYYY-MM-DD",
            help="List only jobs of uploads on this day (UTC). [today if STATUS is final, else any day]",
        ),
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="List only jobs of uploads with this key. bucket/key works too.")
    ] = None,
    as_json: AsJsonLines = False,
    stack: Stack = DEFAULT_STACK,
) -> None:
    """List unfinished jobs, or those with a status, day or key.

    With --json, each line is one JSON object.
    """
    with reported():
        deployed = deployed_stack.connect(stack)
        from darkroom_cli import job_tables, terminal

        found = _found(deployed, status, f"{day:{DAY}}" if day else None, key)
        if as_json:
            print_json_lines(map(job_tables.public, found))
        elif listed := sorted(found, key=lambda job: job.created_at):
            terminal.console().print(job_tables.jobs_table(listed))
        else:
            say("no such job" if status or day or key else "no job is open")


@app.command()
def job(
    reference: Annotated[
        str,
        typer.Argument(
            metavar="JOB", help="The job's id, or the key of its upload: key or s3://bucket/key (the newest job)."
        ),
    ],
    as_json: AsJson = False,
    stack: Stack = DEFAULT_STACK,
) -> None:
    """Show all facts about one job."""
    with reported():
        found = deployed_stack.connect(stack).operate.find(reference)
        from darkroom_cli import job_tables, terminal

        if as_json:
            print_json(job_tables.everything(found))
        else:
            terminal.console().print(job_tables.job_table(found))


@app.command()
def reconcile(
    accept: Annotated[
        bool,
        typer.Option(
            "--accept",
            help="Use it if you know why there is drift. The next comparison starts from the account as it is now.",
        ),
    ] = False,
    as_json: AsJsonLines = False,
    stack: Stack = DEFAULT_STACK,
) -> None:
    """Compare the providers' accounts with the ledger.

    Drift means that credits left a provider's account although no job in the ledger explains it.
    """
    with reported():
        reconciliation = deployed_stack.connect(stack).reconciliation
        from darkroom_cli import job_tables, terminal

        compared = {name: reconciliation.compare(name) for name in sorted(reconciliation.providers)}
        if as_json:
            print_json_lines(job_tables.account_facts(*each) for each in compared.items())
        else:
            terminal.console().print(job_tables.accounts_table(compared))
        for name in [name for name, found in compared.items() if found is not None] if accept else []:
            reconciliation.accept(name)
            if not as_json:
                say(f"{name}: the drift is accepted; the next comparison starts from the account as it is now")


def _found(deployed: Deployment, status: JobStatus | None, day: str | None, key: str | None) -> Iterator[Job]:
    """Yield the jobs that match all conditions. The index that gives the fewest jobs is read.

    An index may be out of date for a moment, so the conditions are checked again in the row of each job.
    """
    if status in TERMINAL and not key:
        day = day or f"{datetime.now(UTC):{DAY}}"
    wanted = {status} if status else set(JobStatus) if day or key else set(OPEN)
    for job in _indexed(deployed, status, day, key):
        if job.status in wanted and (day is None or f"{job.created_at.astimezone(UTC):{DAY}}" == day):
            yield job


def _indexed(deployed: Deployment, status: JobStatus | None, day: str | None, key: str | None) -> Iterable[Job]:
    look = deployed.operator_ledger.jobs
    if key:
        return _of_key(deployed, key)
    if status in OPEN:
        return look(status=status)
    if day:
        return look(day=day)
    return (job for each in OPEN for job in look(status=each))


def _of_key(deployed: Deployment, key: str) -> Iterable[Job]:
    named = key.removeprefix("s3://")
    for uri in dict.fromkeys((named, f"{deployed.input_bucket}/{named}")):
        if found := list(deployed.operator_ledger.jobs(source_uri=uri)):
            return found
    return []
