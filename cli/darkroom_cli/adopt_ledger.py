"""The command that hands a ledger over to a stack."""

from __future__ import annotations

from typing import Annotated

import typer

from darkroom_cli import deployed_stack
from darkroom_cli.deployed_stack import DEFAULT_STACK, Stack
from darkroom_cli.error_handling import reported, say

app = typer.Typer()


@app.command()
def adopt_ledger(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    stack: Stack = DEFAULT_STACK,
) -> None:
    """Hand the ledger that LedgerTableName names over to this stack.

    Until then, this stack reads and writes nothing in the ledger, and its uploads wait. The earlier owner stops within 15
    minutes. Remove it first if it still exists.
    """
    with reported():
        ownership = deployed_stack.connect(stack).ledger_ownership
        if ownership.refusal() is None:
            say(f"the ledger belongs to the stack {stack} already")
            return
        shown = ownership.owner()
        say(f"the ledger belongs to {shown}" if shown else "the ledger names no owner")
        if not yes and not typer.confirm(f"Hand it over to the stack {stack}?"):
            say("nothing was changed")
            return
        ownership.adopt(shown)
        say(f"the ledger belongs to the stack {stack} now; waiting uploads continue within 5 minutes")
