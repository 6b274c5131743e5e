"""`darkroom samples`: writes the picture by which an account's treatment of metadata can be seen, and says what to look for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from darkroom_cli.console import exit_codes
from darkroom_cli.console.machine_output import AsJson, tell
from darkroom_cli.console.optional_packages import local_extras

app = typer.Typer()

LOOK_FOR = """\
Wrote {path}: a JPEG with a Display P3 profile, stored on its side (EXIF orientation 6), with a place and rights.
Upload it without settings. Topaz charges one credit for it. Then look at the result, for instance with
`exiftool -G1 -Orientation -Rights -Copyright -By-line -GPSPosition -SerialNumber -ProfileDescription RESULT`:

- The arrow points up, and the result is higher than wide. If it lies on its side and `darkroom job` says
  orientation=assumed, the catalog's line `turns_pixels` is wrong for this provider.
- If the result is about twice as large as the sample, the provider ignores the orientation: set `turns_pixels = false`.
- Author, rights and the place are there. With keep_metadata=copyright, the place, the city and the serial number are gone.
  With keep_metadata=none, all of them are gone.
- ProfileDescription is Display P3, or the colours were converted to sRGB and look the same as in the sample. If the
  colours look dull and `darkroom job` says icc=lost, the provider dropped the profile without converting: set icc=keep."""


@app.command()
def samples(
    folder: Annotated[Path, typer.Argument(help="The folder that the sample is written to.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Write a picture that shows what your account keeps.

    It has metadata. The command says how to check with one credit what is kept of it.
    """
    with local_extras("samples"):
        from darkroom_local.samples import metadata_sample

        try:
            path = metadata_sample.write(folder)
        except OSError as error:
            typer.echo(f"cannot write to {folder}: {error.strerror}. Name a folder that you may write to.", err=True)
            raise typer.Exit(exit_codes.NOT_POSSIBLE) from None
        tell(as_json, {"path": str(path)}, *LOOK_FOR.format(path=path).splitlines())
