"""The command `darkroom` and its groups of commands. It must be possible to import this module without optional packages."""

from __future__ import annotations

from typing import Annotated

import typer

from darkroom_cli.commands import (
    actions,
    adopt_ledger,
    attach,
    enhance,
    explain,
    job,
    jobs,
    keys,
    local,
    models,
    plan,
    presets,
    reconcile,
    report,
    rerun,
    samples,
    simulate,
    status,
    tail,
)
from darkroom_cli.console.command_groups import group, help_if_alone, show_version
from darkroom_cli.stack.deployment import STACK_VARIABLE

app = group("Drop an image into a bucket; find the enhanced one in another; every credit accounted for.")


@app.callback()
def darkroom(
    context: typer.Context,
    stack: Annotated[
        str | None,
        typer.Option(
            "--stack",
            metavar="NAME",
            help=f"The stack's name, for any command; works after the command too. [env: {STACK_VARIABLE}; or else: darkroom]",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Show the help if no command is given. The commands read `stack` from the context."""
    help_if_alone(context)


# A group without a name adds its commands to `darkroom` itself. The help lists them in this order.
for commands in (
    status.app,
    enhance.app,
    jobs.app,
    job.app,
    tail.app,
    report.app,
    reconcile.app,
    actions.app,
    rerun.app,
    adopt_ledger.app,
    attach.app,
    plan.app,
    explain.app,
    presets.app,
    models.app,
    samples.app,
):
    app.add_typer(commands)
app.add_typer(keys.app, name="keys")
app.add_typer(local.app, name="local")
app.add_typer(simulate.app, name="simulate")
