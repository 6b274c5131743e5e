"""`darkroom job`: shows one job: what became of it, what it cost, who set what, each step, and what happens next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from darkroom_cli import deployed_stack
from darkroom_cli.deployed_stack import DEFAULT_STACK, Deployment, Stack
from darkroom_cli.error_handling import reported
from darkroom_cli.job_reference import Reference
from darkroom_cli.machine_output import AsJson, print_json

if TYPE_CHECKING:
    from darkroom.model import Job

app = typer.Typer()

All = Annotated[bool, typer.Option("--all", "-a", help="Show the internal attributes of the job's row too.")]


@app.command()
def job(reference: Reference, internals: All = False, as_json: AsJson = False, stack: Stack = DEFAULT_STACK) -> None:
    """Show one job: its runs, cost, settings, steps, and what next."""
    with reported():
        deployed = deployed_stack.connect(stack)
        found = _found(deployed, reference)
        from darkroom_cli import job_facts, job_page, terminal

        facts = job_facts.gather(deployed, found, deployed.clock())
        if as_json:
            print_json(job_facts.as_object(facts, internals=internals))
            return
        console = terminal.console()
        for part in job_page.page(facts, internals=internals):
            console.print(part)


def _found(deployed: Deployment, reference: str) -> Job:
    """Return the job. Raises NoSuchJob, which names the bucket where uploads belong."""
    from darkroom.errors import NoSuchJob

    try:
        return deployed.operate.find(reference)
    except NoSuchJob as unknown:
        raise NoSuchJob(str(unknown), f"{unknown.advice}; uploads belong in s3://{deployed.input_bucket}") from None
