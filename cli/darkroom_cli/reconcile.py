"""`darkroom reconcile`: compares the providers' accounts with the ledger. Only `--accept` changes anything."""

from __future__ import annotations

from typing import Annotated

import typer

from darkroom_cli import deployed_stack
from darkroom_cli.deployed_stack import DEFAULT_STACK, Stack
from darkroom_cli.error_handling import reported, say
from darkroom_cli.machine_output import AsJsonLines, print_json_lines

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
