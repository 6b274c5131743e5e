"""`darkroom models --probe topaz`: finds out whether the provider reads setting names in snake_case or in camelCase.

The command sends a small picture to the provider's real API, which costs one credit. It asks for consent first.
"""

from __future__ import annotations

import struct
import time
import zlib
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import typer

from darkroom.errors import ProcessUnknown, ProviderUnavailable, Throttled
from darkroom_cli.console import exit_codes
from darkroom_cli.console.confirmation import agree
from darkroom_cli.console.errors import say
from darkroom_cli.console.machine_output import tell
from darkroom_cli.stack import deployment

PROVIDERS = ("topaz",)  # the providers whose status reports back which settings they used
# Objects in this folder are not uploads of users. The functions ignore them, and a lifecycle rule deletes the result.
FOLDER = "_darkroom/probe/"
SIDE_PIXELS = 64
INVOCATION = timedelta(minutes=10)
TRIES, WAIT_SECONDS = 30, 2.0


def run(provider: str, stack: str, yes: bool, as_json: bool = False) -> None:
    """Send the picture and print which form of setting names the provider read. Ends with code 1 if it does not say so."""
    if provider not in PROVIDERS:
        raise typer.BadParameter(
            f"give {' or '.join(PROVIDERS)}: no other provider reports back which settings it used",
            param_hint="--probe",
        )
    agree(f"This sends one small picture to {provider} and costs one credit. Do you agree?", yes, "nothing was sent")
    deployed = deployment.connect(stack)
    from darkroom.model import Upload
    from darkroom.pipeline import spelling_probe

    key = f"{FOLDER}{datetime.now(UTC):%Y%m%dT%H%M%S}.png"
    prefix = deployed.container.configuration.tag_prefix
    tags = {f"{prefix}{name}": value for name, value in spelling_probe.TAGS.items()}
    put = deployed.client("s3").put_object(
        Bucket=deployed.input_bucket, Key=key, Body=picture(), Tagging=urlencode(tags)
    )
    version = put.get("VersionId")
    upload = Upload(deployed.input_bucket, key, None if version == "null" else version, put["ETag"].strip('"'))
    job = deployed.container.probe(upload, datetime.now(UTC) + INVOCATION)
    process_id = job.require_process().process_id
    reserved = job.require_reservation().credits_reserved
    if not as_json:
        say(f"sent: job {job.job_id}, process {process_id}, {reserved} credits reserved")
    spelling = _read(deployed.container.adapters.providers[provider], process_id)
    facts = {"job_id": job.job_id, "process_id": process_id, "provider": provider, "spelling": spelling}
    if spelling is None:
        unsaid = (
            f"{provider} does not say whether it read snake_case or camelCase; Darkroom continues to send both names"
        )
        tell(as_json, facts, unsaid)
        raise typer.Exit(exit_codes.REPEAT)
    said = f"{provider} reads setting names in {spelling} case: deploy with SettingSpelling={provider}={spelling}"
    tell(as_json, facts, said)


def _read(vendor: object, process_id: str) -> str | None:
    from darkroom.pipeline import spelling_probe

    for _ in range(TRIES):
        try:
            found = spelling_probe.spelling_in(vendor.echoed_settings(process_id))  # type: ignore[attr-defined]
        except (ProcessUnknown, ProviderUnavailable, Throttled):
            found = None
        if found is not None:
            return found.value
        time.sleep(WAIT_SECONDS)
    return None


def picture() -> bytes:
    """Return a small black PNG. The bytes are always the same."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\x00" + bytes(SIDE_PIXELS) for _ in range(SIDE_PIXELS))
    header = struct.pack(">IIBBBBB", SIDE_PIXELS, SIDE_PIXELS, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body
