"""`darkroom status`: one look at a stack."""

from __future__ import annotations

import typer

from darkroom_cli import deployed_stack
from darkroom_cli.deployed_stack import DEFAULT_STACK, Stack
from darkroom_cli.error_handling import reported
from darkroom_cli.machine_output import AsJson, print_json

app = typer.Typer()


@app.command()
def status(as_json: AsJson = False, stack: Stack = DEFAULT_STACK) -> None:
    """Show the stack at one look, and who must act.

    Buckets, providers with keys and circuits, this month's spend against each limit, open jobs, today's uploads, what waits for
    whom, alarms, dead letters.
    """
    with reported():
        deployed = deployed_stack.connect(stack)
        from darkroom_cli import status_facts, status_page, terminal

        facts = status_facts.gather(deployed)
        if as_json:
            print_json(status_page.as_object(facts))
            return
        console = terminal.console()
        for part in status_page.page(facts):
            console.print(part)
