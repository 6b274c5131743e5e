"""`darkroom simulate`: runs the simulator of a provider in the foreground. An operator or the local stack calls it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Annotated, Any

import typer

from darkroom_cli.console.command_groups import group, help_if_alone
from darkroom_cli.console.optional_packages import local_extras

VENDORS = {
    "topaz": "Simulate the Topaz Labs image API until interrupted. Pictures are really processed.",
    "uwear": "Simulate the uwear.ai upscale API until interrupted. Pictures are really fetched and enlarged.",
    "aimlapi": "Simulate the Topaz models of AI/ML API until interrupted. A picture costs 210,000 credits.",
    "oxen": "Simulate the image upscaler of Oxen.ai until interrupted. A picture costs 500 credits of 0.0001 US dollars.",
}
app = group("Run a provider's simulator on this machine.")

ApiKey = Annotated[str, typer.Option(help="The key that callers must send.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on. 0 means any free port.")]
Host = Annotated[str, typer.Option(help="The address to listen on.")]
Speed = Annotated[float, typer.Option(min=0.001, help="How many times faster the simulator is than the real provider.")]
Credits = Annotated[
    int | None,
    typer.Option(
        "--credits", min=0, help="The credits in the simulated account.", show_default="enough for many pictures"
    ),
]
FaultLines = Annotated[
    list[str] | None,
    typer.Option(
        metavar="KIND[:ON[:TIMES]]",
        help="A fault to inject: its kind, the operation and how often (* means always), for example cut:result:2. May be given "
        "several times.",
    ),
]


@app.callback()
def simulate(context: typer.Context) -> None:
    """Show the help of the group if no command is given."""
    help_if_alone(context)


def _command(vendor: str) -> Callable[..., None]:
    """Return the command that runs the simulator of one vendor. All these commands have the same options."""

    def serve(
        api_key: ApiKey,
        port: Port = 0,
        host: Host = "127.0.0.1",
        speed: Speed = 1.0,
        available_credits: Credits = None,
        fault: FaultLines = None,
    ) -> None:
        with local_extras(f"simulate {vendor}"):
            from darkroom_local.stack.simulator_processes import announcement

            simulator = importlib.import_module(f"darkroom_local.simulators.{vendor}")
        held = {} if available_credits is None else {"available_credits": available_credits}
        simulator.serve(
            api_key=api_key,
            port=port,
            host=host,
            speed=speed,
            faults=_parsed(simulator.parse_fault, fault),
            **held,
            on_ready=lambda url: typer.echo(announcement(url)),
        )

    return serve


def _parsed(parse: Callable[[str], Any], lines: list[str] | None) -> list[Any]:
    """Parse the values of --fault. Raises BadParameter for a value that is not a valid fault."""
    try:
        return [parse(line) for line in lines or []]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--fault") from None


for _vendor, _promise in VENDORS.items():
    app.command(_vendor, help=_promise)(_command(_vendor))
