"""The command that hands a ledger over to a stack."""

from __future__ import annotations

import typer

from darkroom_cli.console.confirmation import Yes, agree
from darkroom_cli.console.errors import reported
from darkroom_cli.console.machine_output import AsJson, tell
from darkroom_cli.stack import deployment
from darkroom_cli.stack.deployment import DEFAULT_STACK, Stack

app = typer.Typer()


@app.command()
def adopt_ledger(
    yes: Yes = False,
    as_json: AsJson = False,
    stack: Stack = DEFAULT_STACK,
) -> None:
    """Hand an existing ledger over to this stack.

    This is needed after another LedgerTableName or InputBucketName was deployed. Until then, this stack reads and writes
    nothing in the ledger, and its uploads wait. Another stack that owned the ledger stops within 15 minutes. Remove it first if
    it still exists.
    """
    with reported():
        ownership = deployment.connect(stack).ledger_ownership
        if ownership.refusal() is None:
            facts = {"stack": stack, "adopted": False}
            tell(as_json, facts, f"the ledger belongs to the stack {stack} already")
            return
        shown = ownership.owner()
        owner = f"the ledger belongs to {shown}" if shown else "the ledger names no owner"
        agree(f"{owner}. Hand it over to the stack {stack}?", yes)
        ownership.adopt(shown)
        now = f"the ledger belongs to the stack {stack} now; waiting uploads continue within 5 minutes"
        tell(as_json, {"stack": stack, "adopted": True, "earlier_owner": shown and str(shown)}, now)
