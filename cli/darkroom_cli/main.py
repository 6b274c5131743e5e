"""The command `darkroom` and its groups. It must stay importable without the local extras."""

from __future__ import annotations

import typer

from darkroom_cli import local, simulate

app = typer.Typer(
    help="Drop an image into a bucket; find the enhanced one in another; every credit accounted for.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # locals hold API keys
    rich_markup_mode=None,
)
app.add_typer(local.app, name="local")
app.add_typer(simulate.app, name="simulate")
