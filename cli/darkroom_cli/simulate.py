"""`darkroom simulate`: a provider's simulator in the foreground, for trying things by hand and for the local stack."""

from __future__ import annotations

from typing import Annotated

import typer

from darkroom_cli.extras import local_extras

app = typer.Typer(help="Run a provider's simulator on this machine.", no_args_is_help=True)


@app.callback()
def simulate() -> None:
    """Run a provider's simulator on this machine."""


@app.command()
def topaz(
    api_key: Annotated[str, typer.Option(help="The key that callers must send.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 = any free port.")] = 0,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    speed: Annotated[float, typer.Option(min=0.001, help="How many times faster than a real provider.")] = 1.0,
    available_credits: Annotated[int, typer.Option("--credits", min=0, help="What the account holds.")] = 10_000,
    fault: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND[:ON[:TIMES]]", help="Misbehave, as in cut:result:2; TIMES may be *. Repeatable."),
    ] = None,
) -> None:
    """Serve the Topaz Labs image API until interrupted; the pictures are really processed."""
    with local_extras("simulate topaz"):
        from darkroom_local.simulator import announcement
        from darkroom_local.simulators.topaz import parse_fault, serve
    try:
        faults = [parse_fault(text) for text in fault or []]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--fault") from None
    serve(
        port,
        host,
        api_key=api_key,
        speed=speed,
        faults=faults,
        available_credits=available_credits,
        on_ready=lambda url: typer.echo(announcement(url)),
    )
