"""`darkroom status`: one look at a stack."""

from __future__ import annotations

import typer

from darkroom_cli.console.errors import reported
from darkroom_cli.console.machine_output import AsJson, print_json
from darkroom_cli.stack import deployment
from darkroom_cli.stack.deployment import DEFAULT_STACK, Stack

app = typer.Typer()


@app.command()
def status(as_json: AsJson = False, stack: Stack = DEFAULT_STACK) -> None:
    """Show the stack at one look, and who must act.

    Buckets, providers with keys and circuits, this month's spend against each limit, open jobs, today's uploads, what waits for
    whom, alarms, dead letters.
    """
    with reported():
        deployed = deployment.connect(stack)
        from darkroom_cli.console import terminal
        from darkroom_cli.status import facts, page

        shown = facts.gather(deployed)
        if as_json:
            print_json(page.as_object(shown))
            return
        console = terminal.console()
        for part in page.page(shown):
            console.print(part)
