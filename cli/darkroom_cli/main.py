"""The command `darkroom` and its groups of commands. It must be possible to import this module without optional packages."""

from __future__ import annotations

import typer

from darkroom_cli import actions, adopt_ledger, explain, local, models, plan, presets, queries, rerun, samples, simulate

app = typer.Typer(
    help="Drop an image into a bucket; find the enhanced one in another; every credit accounted for.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # local variables may hold API keys
    rich_markup_mode=None,
)
# A group without a name adds its commands to `darkroom` itself. The help lists them in this order.
for group in (
    queries.app,
    actions.app,
    rerun.app,
    adopt_ledger.app,
    plan.app,
    explain.app,
    presets.app,
    models.app,
    samples.app,
):
    app.add_typer(group)
app.add_typer(local.app, name="local")
app.add_typer(simulate.app, name="simulate")
