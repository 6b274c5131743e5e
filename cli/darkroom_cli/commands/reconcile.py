"""`darkroom reconcile`: compares the providers' accounts with the ledger. Only `--accept` changes anything."""

from __future__ import annotations

from typing import Annotated

import typer

from darkroom_cli.console.errors import reported, say
from darkroom_cli.console.machine_output import AsJsonLines, print_json_lines
from darkroom_cli.stack import deployment
from darkroom_cli.stack.deployment import DEFAULT_STACK, Stack

app = typer.Typer()


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
        reconciliation = deployment.connect(stack).reconciliation
        from darkroom_cli.console import terminal
        from darkroom_cli.jobs import tables

        compared = {name: reconciliation.compare(name) for name in sorted(reconciliation.providers)}
        if as_json:
            print_json_lines(tables.account_facts(*each) for each in compared.items())
        else:
            terminal.console().print(tables.accounts_table(compared))
        for name in [name for name, found in compared.items() if found is not None] if accept else []:
            reconciliation.accept(name)
            if not as_json:
                say(f"{name}: the drift is accepted; the next comparison starts from the account as it is now")
