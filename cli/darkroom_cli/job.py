"""`darkroom job`: shows one job: what became of it, what it cost, who set what, each step, and what happens next."""

from __future__ import annotations

from typing import Annotated

import typer

from darkroom_cli import deployed_stack
from darkroom_cli.deployed_stack import DEFAULT_STACK, Stack
from darkroom_cli.error_handling import reported
from darkroom_cli.job_reference import Reference
from darkroom_cli.machine_output import AsJson, print_json

app = typer.Typer()

All = Annotated[bool, typer.Option("--all", "-a", help="Show the internal attributes of the job's row too.")]


@app.command()
def job(reference: Reference, internals: All = False, as_json: AsJson = False, stack: Stack = DEFAULT_STACK) -> None:
    """Show one job: its runs, cost, settings, steps, and what next."""
    with reported():
        deployed = deployed_stack.connect(stack)
        found = deployed.operate.find(reference)
        from darkroom_cli import job_facts, job_page, terminal

        facts = job_facts.gather(deployed, found, deployed.clock())
        if as_json:
            print_json(job_facts.as_object(facts, internals=internals))
            return
        console = terminal.console()
        for part in job_page.page(facts, internals=internals):
            console.print(part)
