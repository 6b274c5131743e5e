"""Makes the groups of commands, so that all of them behave alike: a group alone shows its help and ends with code 0.

`-h` works wherever `--help` does, because commands inherit the names of the help option from their group.
"""

from __future__ import annotations

from importlib.metadata import version

import typer

from darkroom_cli.console import exit_codes

HELP = {"help_option_names": ["-h", "--help"]}


def group(help_text: str) -> typer.Typer:
    """Return a group of commands. Its callback must call `help_if_alone`."""
    return typer.Typer(
        help=help_text,
        invoke_without_command=True,
        context_settings=HELP,
        pretty_exceptions_show_locals=False,  # local variables may hold API keys
        rich_markup_mode=None,
    )


def help_if_alone(context: typer.Context) -> None:
    """Print the group's help and end the command, if no command of the group was given."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(exit_codes.DONE)


def show_version(wanted: bool) -> None:
    """Print Darkroom's version and end the command, if it is wanted."""
    if wanted:
        typer.echo(f"darkroom {version('darkroom')}")
        raise typer.Exit(exit_codes.DONE)
