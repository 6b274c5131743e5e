"""`darkroom local`: runs the whole application on this machine, once over a folder or as a stack that keeps running.

This module reads the options and the environment, and prints. The package `darkroom_local` does the work.
"""

from __future__ import annotations

import os
import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from darkroom_cli.console.command_groups import group, help_if_alone
from darkroom_cli.console.confirmation import Yes
from darkroom_cli.console.errors import visible
from darkroom_cli.console.machine_output import AsJson, AsJsonLines, print_json, print_json_lines, tell
from darkroom_cli.console.optional_packages import local_extras
from darkroom_cli.html_report import make_page
from darkroom_cli.local import wording
from darkroom_cli.local.errors import reported
from darkroom_cli.options import completion

if TYPE_CHECKING:
    from darkroom_local.stack.background import Standing

KEY_VARIABLE = "TOPAZ_API_KEY"
app = group(
    f"Run Darkroom on this machine with simulated providers. If {KEY_VARIABLE} is set, `run` and `up` use the real Topaz API, "
    "which charges you; `demo` never does. The other real providers cannot be used, because they fetch pictures by link and "
    "cannot reach this machine. To simulate other providers together with the real Topaz, name them: "
    "--parameter AllowedProviders=topaz,uwear."
)

Speed = Annotated[
    float, typer.Option(min=0.1, help="How many times faster the simulators are than the real providers.")
]
Faults = Annotated[
    list[str] | None,
    typer.Option(
        "--fault",
        metavar="[VENDOR/]KIND[:ON[:TIMES]]",
        help="A fault that a simulator injects, for example oxen/failed_job. Without a vendor, the Topaz simulator injects "
        "it, for example cut:result:2. May be given several times.",
    ),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option("--parameter", metavar="NAME=VALUE", help="A stack parameter. May be given several times."),
]
State = Annotated[
    Path | None,
    typer.Option(
        "--state", envvar="DARKROOM_LOCAL_STATE", help="The folder in which `up` saves how to find its stack."
    ),
]


@app.callback()
def local(context: typer.Context) -> None:
    """Show the help of the group if no command is given."""
    help_if_alone(context)


@app.command()
def run(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The folder with pictures.")],
    out: Annotated[Path, typer.Option(file_okay=False, help="The folder for results.")],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            autocompletion=completion.settings,
            help="A setting, for example scale=2 or 'prompt=sharp, clear'. May be given several times.",
        ),
    ] = None,
    parameter: Parameters = None,
    speed: Speed = 10.0,
    fault: Faults = None,
    again: Annotated[bool, typer.Option("--again", help="Also enhance pictures that have a result in --out.")] = False,
    yes: Yes = False,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch", help="Then wait for new pictures until Ctrl-C. A picture is sent once its file stopped growing."
        ),
    ] = False,
    as_json: AsJsonLines = False,
) -> None:
    """Enhance every picture in FOLDER that has no result yet.

    Results are in --out. The exit code is 1 if a picture has no result.
    """
    with local_extras("local run"):
        from darkroom_cli.local.run import Request, run_folder
    with reported():
        request = Request(
            folder, out, settings or [], parameter or [], _api_key(), speed, fault or [], again, yes, watch, as_json
        )
        raise typer.Exit(run_folder(request))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(file_okay=False, help="The folder for the pictures and the table.")] = Path(
        "demo-results"
    ),
    speed: Speed = 10.0,
    as_json: AsJsonLines = False,
) -> None:
    """Draw sample pictures and enhance them with every simulated provider. One picture has a typo in its tag and is refused.

    The demo spends nothing: it never uses a real API key.
    """
    if _api_key():
        typer.echo("demo uses simulators and spends nothing; your key is for darkroom local run", err=as_json)
    typer.echo(f"Starting the embedded cloud with {wording.providers(None)} …", err=as_json)
    with local_extras("local demo"):
        from darkroom_cli.local.wording import facts
        from darkroom_local.run import progress_display
        from darkroom_local.samples.demo import ENHANCED, ORIGINALS
        from darkroom_local.samples.demo import demo as run_demo
        from darkroom_local.stack.local_stack import local_stack
    console = progress_display.console(stderr=as_json)
    with reported(), local_stack(speed=speed) as stack:
        outcomes, as_meant = run_demo(stack, out, console)
        make_page.of_demo(stack, out, out / ORIGINALS, out / ENHANCED, partial(_say, as_json))
    if as_json:
        print_json_lines(map(facts, outcomes))
    raise typer.Exit(0 if as_meant else 1)


@app.command()
def up(
    parameter: Parameters = None,
    speed: Speed = 10.0,
    fault: Faults = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Start a stack that runs until `down`.

    It prints how to reach the stack. If the stack already runs, it only prints.
    """
    with local_extras("local up"):
        from darkroom_local.folder import uploads
        from darkroom_local.run import option_checks
        from darkroom_local.stack import background, provider_choice, simulator_processes
    with reported():
        chosen = uploads.parse_parameters(parameter or [])
        option_checks.check_parameters(chosen)
        faults = simulator_processes.faults_by_vendor(fault or [])
        option_checks.check_faults(faults)
        provider_choice.cast(_api_key(), chosen).check_simulated(faults, speed)
        if background.standing_stack(_state(state)) is None:
            # On standard error, because `eval "$(darkroom local up)"` hides standard output, and the real API charges.
            typer.echo(f"# starting the embedded cloud with {wording.providers(_api_key())} …", err=True)
        stands = background.up(
            _state(state), topaz_api_key=_api_key(), speed=speed, faults=fault or [], parameters=chosen
        )
    for line in stands.differs:
        typer.echo(f"# with another {visible(line)}", err=True)
    if stands.differs:
        typer.echo("# To change that: darkroom local down, and then this command again.", err=True)
    if as_json:
        print_json(_standing(stands))
    else:
        _print_standing(stands)


def _standing(stands: Standing) -> dict[str, object]:
    """Return how the stack is reached, for programs."""
    return {
        "started": stands.started,
        "outputs": dict(stands.stack.outputs),
        "simulators": dict(stands.stack.simulator_urls),
        "environment": dict(stands.stack.endpoint.environment()),
    }


def _print_standing(stands: Standing) -> None:
    """Print how the stack is reached, as lines that a shell can evaluate."""
    typer.echo("# started" if stands.started else "# already running")
    for name, value in stands.stack.outputs.items():
        typer.echo(f"# {name}: {value}")
    for vendor, url in stands.stack.simulator_urls.items():
        typer.echo(f"# {vendor} simulator: {url}")
    typer.echo("# for the AWS command line and SDKs:")
    for name, value in stands.stack.endpoint.environment().items():
        typer.echo(f"export {name}={shlex.quote(value)}")


@app.command()
def down(state: State = None, as_json: AsJson = False) -> None:
    """End the stack that `up` started, and delete its data."""
    with local_extras("local down"):
        from darkroom_local.stack import background
    ended = background.down(_state(state))
    tell(as_json, {"ended": ended}, "ended" if ended else "no stack was running")


def _say(as_json: bool, text: str) -> None:
    """Print a line for people: on standard output, or with --json on standard error."""
    typer.echo(visible(text), err=as_json)


def _api_key() -> str | None:
    return os.environ.get(KEY_VARIABLE) or None


def _state(given: Path | None) -> Path:
    return given or Path(typer.get_app_dir("darkroom")) / "local"
