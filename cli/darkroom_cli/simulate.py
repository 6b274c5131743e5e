"""`darkroom simulate`: a provider's simulator in the foreground, for trying things by hand and for the local stack."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from darkroom_cli.extras import local_extras

app = typer.Typer(help="Run a provider's simulator on this machine.", no_args_is_help=True)

ApiKey = Annotated[str, typer.Option(help="The key that callers must send.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 = any free port.")]
Host = Annotated[str, typer.Option(help="The address to listen on.")]
Speed = Annotated[float, typer.Option(min=0.001, help="How many times faster than a real provider.")]
Credits = Annotated[int, typer.Option("--credits", min=0, help="What the account holds.")]
FaultLines = Annotated[
    list[str] | None,
    typer.Option(metavar="KIND[:ON[:TIMES]]", help="Misbehave, as in cut:result:2; TIMES may be *. Repeatable."),
]


@app.callback()
def simulate() -> None:
    """Run a provider's simulator on this machine."""


@app.command()
def topaz(
    api_key: ApiKey,
    port: Port = 0,
    host: Host = "127.0.0.1",
    speed: Speed = 1.0,
    available_credits: Credits = 10_000,
    fault: FaultLines = None,
) -> None:
    """Serve the Topaz Labs image API until interrupted; the pictures are really processed."""
    with local_extras("simulate topaz"):
        from darkroom_local.simulator import announcement
        from darkroom_local.simulators.topaz import parse_fault, serve
    serve(
        port,
        host,
        api_key=api_key,
        speed=speed,
        faults=_parsed(parse_fault, fault),
        available_credits=available_credits,
        on_ready=lambda url: typer.echo(announcement(url)),
    )


@app.command()
def uwear(
    api_key: ApiKey,
    port: Port = 0,
    host: Host = "127.0.0.1",
    speed: Speed = 1.0,
    available_credits: Credits = 10_000,
    fault: FaultLines = None,
) -> None:
    """Serve the uwear.ai upscale API until interrupted; pictures are really fetched and enlarged."""
    with local_extras("simulate uwear"):
        from darkroom_local.simulator import announcement
        from darkroom_local.simulators.uwear import parse_fault, serve
    serve(
        port,
        host,
        api_key=api_key,
        speed=speed,
        faults=_parsed(parse_fault, fault),
        available_credits=available_credits,
        on_ready=lambda url: typer.echo(announcement(url)),
    )


def _parsed(parse: Callable[[str], Any], lines: list[str] | None) -> list[Any]:
    """The rules the lines ask for; a mistaken one is a usage error."""
    try:
        return [parse(line) for line in lines or []]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--fault") from None
