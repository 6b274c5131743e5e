"""`darkroom enhance`: uploads files with their settings, follows their jobs, and brings the results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from darkroom_cli.console.confirmation import Yes
from darkroom_cli.console.errors import reported
from darkroom_cli.console.machine_output import AsJsonLines
from darkroom_cli.costs.quoting import SetOption
from darkroom_cli.stack import deployment
from darkroom_cli.stack.deployment import DEFAULT_STACK, Deployment, Stack

if TYPE_CHECKING:
    from darkroom.setting_layers import Layer
    from darkroom_cli.batch.result_folder import ResultFolder

app = typer.Typer()

Files = Annotated[list[Path], typer.Argument(metavar="FILES", help="Pictures, or folders of pictures.")]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", file_okay=False, metavar="DIR", help="Save the results here. The command then waits for them."
    ),
]
Watch = Annotated[bool, typer.Option("--watch", help="Follow the jobs to their end. Ctrl-C leaves them running.")]
To = Annotated[
    str, typer.Option("--to", metavar="FOLDER/", help="The folder of the input bucket that the files go to. [its top]")
]
Again = Annotated[
    bool, typer.Option("--again", help="Also send files that were sent before with the same settings. You pay again.")
]
Replace = Annotated[
    bool, typer.Option("--replace", help="Also send files whose key another picture has. Its result is replaced.")
]


@app.command()
def enhance(
    files: Files,
    settings: SetOption = None,
    out: Out = None,
    watch: Watch = False,
    to: To = "",
    again: Again = False,
    replace: Replace = False,
    yes: Yes = False,
    as_json: AsJsonLines = False,
    stack: Stack = DEFAULT_STACK,
) -> None:
    """Upload pictures, follow their jobs, and bring the results.

    Everything is checked before the upload, as the stack checks it. A file that this command sent before, with the same
    settings, is not sent and paid again: its job is followed. So the same command may be given again after Ctrl-C, without
    --again.
    """
    with reported():
        from darkroom.errors import Inapplicable
        from darkroom_cli.batch import picked_files
        from darkroom_cli.batch.run import BatchRun
        from darkroom_cli.batch.screening import Screening
        from darkroom_cli.costs import quoting

        above = quoting.parse_settings(settings or [])
        deployed = deployment.connect(stack)
        configuration = deployed.container.configuration
        try:
            picked = picked_files.pick(files, configuration.prefix + _folder(to), configuration.suffixes, out)
        except picked_files.UnusableFiles as unusable:
            raise Inapplicable(str(unusable)) from None
        _check(deployed, above)
        folder = _result_folder(deployed, out) if out else None
        screen = Screening(deployed, above, folder, again, replace)
        run = BatchRun(deployed, _carriers(deployed, above), folder, bool(watch or out), as_json, again)
        raise typer.Exit(run(picked, screen, yes))


def _result_folder(deployed: Deployment, out: Path) -> ResultFolder:
    """Return the folder for the results. Raises Inapplicable if nothing could be written there."""
    from darkroom.errors import Inapplicable
    from darkroom_cli.batch.result_folder import NotSaved, ResultFolder

    configuration = deployed.container.configuration
    folder = ResultFolder(deployed.client("s3"), configuration.output_bucket, out, configuration.prefix)
    try:
        folder.prepare()
    except NotSaved as unwritable:
        raise Inapplicable(f"--out: {unwritable}") from None
    return folder


def _folder(to: str) -> str:
    name = to.strip("/")
    return f"{name}/" if name else ""


def _check(deployed: Deployment, above: list[Layer]) -> None:
    """Raise Inapplicable if no picture could have the settings, or no upload could carry them."""
    from darkroom.errors import Inapplicable, InvalidSetting
    from darkroom_cli.batch import screening, uploading
    from darkroom_local.folder.uploads import UnusableSetting

    try:
        screening.check_settings(deployed, above)
        if not uploading.fits(_carriers(deployed, above)[1]):
            raise UnusableSetting("the settings are too long together for an object's metadata")
    except InvalidSetting as wrong:  # which names the option
        raise Inapplicable(f"{wrong}{_providers_with_the_model(above)}") from None
    except UnusableSetting as wrong:
        raise Inapplicable(f"--set {wrong}") from None


def _providers_with_the_model(above: list[Layer]) -> str:
    """Return words that name the providers that have the model, if the provider that is set beside it has not."""
    from darkroom import catalog
    from darkroom_cli.batch.screening import settings_of

    given = settings_of(above)
    provider, model = given.get("provider", "").lower(), given.get("model", "")
    have = catalog.providers_with(model)
    if not model or not have or provider in have or provider not in catalog.providers():
        return ""
    return f". It is a model of {' and of '.join(have)}: give --set provider={have[0]}"


def _carriers(deployed: Deployment, above: list[Layer]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the tags and the metadata that carry the settings, as this stack reads them."""
    from darkroom_cli.batch.screening import settings_of
    from darkroom_local.folder.uploads import carriers

    configuration = deployed.container.configuration
    return carriers(settings_of(above), configuration.tag_prefix, configuration.metadata_prefix)
