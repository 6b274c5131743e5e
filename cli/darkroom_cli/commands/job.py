"""`darkroom job`: shows one job: what became of it, what it cost, who set what, each step, and what happens next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from darkroom_cli.console.errors import reported
from darkroom_cli.console.machine_output import AsJson, print_json
from darkroom_cli.options.completion import Reference
from darkroom_cli.stack import deployment
from darkroom_cli.stack.deployment import DEFAULT_STACK, Deployment, Stack

if TYPE_CHECKING:
    from darkroom.model import Job

app = typer.Typer()

All = Annotated[bool, typer.Option("--all", "-a", help="Show the internal attributes of the job's row too.")]


@app.command()
def job(reference: Reference, internals: All = False, as_json: AsJson = False, stack: Stack = DEFAULT_STACK) -> None:
    """Show one job: its runs, cost, settings, steps, and what next."""
    with reported():
        deployed = deployment.connect(stack)
        found = _found(deployed, reference)
        from darkroom_cli.console import terminal
        from darkroom_cli.jobs import facts, page

        shown = facts.gather(deployed, found, deployed.clock())
        if as_json:
            print_json(facts.as_object(shown, internals=internals))
            return
        console = terminal.console()
        for part in page.page(shown, internals=internals):
            console.print(part)


def _found(deployed: Deployment, reference: str) -> Job:
    """Return the job. Raises NoSuchJob, which names the bucket where uploads belong."""
    from darkroom.errors import NoSuchJob

    try:
        return deployed.operate.find(reference)
    except NoSuchJob as unknown:
        raise NoSuchJob(str(unknown), f"{unknown.advice}; uploads belong in s3://{deployed.input_bucket}") from None
