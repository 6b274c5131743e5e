"""`darkroom local`: runs the whole application on this machine, once over a folder or as a stack that stays.

This module reads options and the environment, and prints. `darkroom_local` does the work.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from darkroom_cli.optional_packages import local_extras

KEY_VARIABLE = "TOPAZ_API_KEY"
app = typer.Typer(
    help=f"Run Darkroom on this machine with simulated providers. With {KEY_VARIABLE} set, Darkroom uses the real Topaz API, "
    "which charges you, and no other provider: the others fetch pictures by link and cannot reach this machine. "
    "To simulate others beside Topaz, name them: --parameter AllowedProviders=topaz,uwear.",
    no_args_is_help=True,
)

Speed = Annotated[float, typer.Option(min=0.1, help="How many times faster a simulator is than its provider.")]
Faults = Annotated[
    list[str] | None,
    typer.Option(
        "--fault",
        metavar="[VENDOR/]KIND[:ON[:TIMES]]",
        help="A simulator's fault, as in oxen/failed_job. Without a vendor it is Topaz', as in cut:result:2. Repeatable.",
    ),
]
Parameters = Annotated[
    list[str] | None, typer.Option("--parameter", metavar="NAME=VALUE", help="A stack parameter. Repeatable.")
]
State = Annotated[
    Path | None,
    typer.Option("--state", envvar="DARKROOM_LOCAL_STATE", help="The folder that notes the stack of `up`."),
]


@app.command()
def run(
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="The folder with pictures.")],
    out: Annotated[Path, typer.Option(file_okay=False, help="The folder for results.")],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="A setting, as in scale=2 or 'prompt=sharp, clear'. Repeatable."
        ),
    ] = None,
    parameter: Parameters = None,
    speed: Speed = 10.0,
    fault: Faults = None,
    again: Annotated[bool, typer.Option("--again", help="Do pictures again that are in --out already.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a paid API is used.")] = False,
) -> None:
    """Enhance every picture of FOLDER that is not in --out yet. The exit code is 1 if any has no result."""
    with local_extras("local run"):
        from darkroom_local import (
            file_screening,
            folder_account,
            folder_uploads,
            leaving,
            left_out,
            option_checks,
            price_estimate,
            progress_display,
        )
        from darkroom_local.folder_run import close, run_over
        from darkroom_local.local_stack import local_stack
        from darkroom_local.provider_choice import cast
    console = progress_display.console()
    with _reported():
        chosen = folder_uploads.parse_parameters(parameter or [])
        option_checks.check_parameters(chosen)
        asked = folder_uploads.parse_settings(settings or [], chosen)
        who = cast(_api_key(), chosen)
        who.check(asked)
        option_checks.check_settings(asked, chosen, who.providers)
        real = set(who.providers) - set(who.simulated)
        items = file_screening.pictures(folder, out, asked, chosen)
        for line in left_out.lines(folder, out, items):
            typer.echo(progress_display.visible(line))
        paid = folder_account.paid_keys(out, is_real=bool(real))
        files = file_screening.screen(items, out, real, again, paid)
        if files.done_before:
            typer.echo(f"{len(files.done_before)} skipped: done before")
        if not files.to_do and not files.unusable:
            raise typer.Exit(0)
        to_pay = [item for item in files.to_do if file_screening.is_paid(item, real)]
        _agree_to_pay(price_estimate.question(to_pay, chosen, who.providers, folder_account.rows(out)), yes)
        with folder_account.opened(out, who.simulated, is_real=bool(real)) as account:
            # Looked at once more: another run may have ended since.
            files = file_screening.screen(account.in_order(items), out, real, again, paid)
            stack = local_stack(
                topaz_api_key=_api_key(), speed=speed, faults=fault or [], parameters=chosen, account=account
            )
            show = progress_display.progress(console)
            with leaving.heeded() as is_leaving:
                outcomes = run_over(stack, files, out, show, again, is_leaving)
            if not any(outcome.is_lost for outcome in outcomes):
                account.forget_results()
        failed = close(outcomes, out, console)
    raise typer.Exit(is_leaving.exit_code if is_leaving() else 1 if failed else 0)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(file_okay=False, help="The folder for pictures and table.")] = Path(
        "demo-results"
    ),
    speed: Speed = 10.0,
) -> None:
    """Draw sample pictures and enhance them by every provider. One has a typo in its tag and is refused."""
    with local_extras("local demo"):
        from darkroom_local import progress_display
        from darkroom_local.demo import demo as run_demo
        from darkroom_local.local_stack import local_stack
    console = progress_display.console()
    console.print("Starting the embedded cloud and deploying template.yaml …")
    with _reported(), local_stack(topaz_api_key=_api_key(), speed=speed) as stack:
        as_meant = run_demo(stack, out, console)
    raise typer.Exit(0 if as_meant else 1)


@app.command()
def up(parameter: Parameters = None, speed: Speed = 10.0, fault: Faults = None, state: State = None) -> None:
    """Start a stack that stays until `down`, and print how to reach it. If it is up already, only print."""
    with local_extras("local up"):
        from darkroom_local import background_stack, folder_uploads, option_checks
    with _reported():
        chosen = folder_uploads.parse_parameters(parameter or [])
        option_checks.check_parameters(chosen)
        stands = background_stack.up(
            _state(state), topaz_api_key=_api_key(), speed=speed, faults=fault or [], parameters=chosen
        )
    typer.echo("# started" if stands.started else "# already up")
    for name, value in stands.stack.outputs.items():
        typer.echo(f"# {name}: {value}")
    for vendor, url in stands.stack.simulator_urls.items():
        typer.echo(f"# {vendor} simulator: {url}")
    typer.echo("# for the AWS command line and SDKs:")
    for name, value in stands.stack.endpoint.environment().items():
        typer.echo(f"export {name}={shlex.quote(value)}")


@app.command()
def down(state: State = None) -> None:
    """End the stack that `up` started, and remove everything that it kept."""
    with local_extras("local down"):
        from darkroom_local import background_stack
    typer.echo("ended" if background_stack.down(_state(state)) else "there was none")


def _agree_to_pay(question: str, yes: bool) -> None:
    """Say what is about to be paid for. End the command before anything is sent, unless the operator agrees."""
    if not question:
        return
    typer.echo(question)
    if yes:
        return
    if not _is_terminal():
        typer.echo("Nothing was sent: there is no terminal to ask for your consent. Add --yes to give it.", err=True)
        raise typer.Exit(1)
    if not typer.confirm("Go on?"):
        typer.echo("Nothing was sent.", err=True)
        raise typer.Exit(1)


def _is_terminal() -> bool:
    return sys.stdin.isatty()


def _api_key() -> str | None:
    return os.environ.get(KEY_VARIABLE) or None


def _state(given: Path | None) -> Path:
    return given or Path(typer.get_app_dir("darkroom")) / "local"


@contextlib.contextmanager
def _reported() -> Iterator[None]:
    """End the command with a sentence for an expected failure. A termination signal leaves nothing running."""
    from botocore.exceptions import BotoCoreError

    from darkroom_local.child_processes import ChildFailed
    from darkroom_local.credits_csv import Unwritable
    from darkroom_local.folder_account import AccountInUse
    from darkroom_local.folder_run import Stalled
    from darkroom_local.folder_uploads import UnusableSetting
    from darkroom_local.progress_display import visible
    from darkroom_local.provider_choice import NotServed
    from darkroom_local.simulator_processes import UnknownVendor
    from darkroom_local.stack_deployment import DeploymentFailed

    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        yield
    except (
        AccountInUse,
        ChildFailed,
        DeploymentFailed,
        NotServed,
        Stalled,
        UnknownVendor,
        UnusableSetting,
        Unwritable,
    ) as error:
        for line in str(error).splitlines():
            typer.echo(visible(line), err=True)
        _echo_notes(error)
        raise typer.Exit(2 if isinstance(error, (NotServed, UnknownVendor, UnusableSetting)) else 1) from None
    except BotoCoreError as error:
        typer.echo(f"The embedded cloud answers no more: {visible(str(error))}", err=True)
        _echo_notes(error)
        raise typer.Exit(1) from None
    except KeyboardInterrupt as interrupt:
        typer.echo("interrupted", err=True)
        _echo_notes(interrupt)
        raise typer.Exit(130) from None
    except SystemExit as termination:
        _echo_notes(termination)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _echo_notes(error: BaseException) -> None:
    """Print the notes of a run that ended early: the pictures that it submitted without a result."""
    for note in getattr(error, "__notes__", ()):
        typer.echo(note, err=True)


def _terminated(number: int, frame: object) -> NoReturn:
    sys.exit(128 + number)
