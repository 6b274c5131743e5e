"""`darkroom models --probe topaz`: asks a live account how it spells settings. It costs one credit and asks first."""

from __future__ import annotations

import struct
import time
import zlib
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import typer

from darkroom.errors import ProcessUnknown, ProviderUnavailable, Throttled
from darkroom_cli import deployed_stack
from darkroom_cli.error_handling import say

PROVIDERS = ("topaz",)  # whose status repeats the settings
FOLDER = "_darkroom/probe/"  # no upload of a user's: the functions leave it alone, and lifecycle removes the result
SIDE_PIXELS = 64
INVOCATION = timedelta(minutes=10)
TRIES, WAIT_SECONDS = 30, 2.0


def run(provider: str, stack: str, sure: bool) -> None:
    """Send the picture and say which spelling the provider read. Exits with code 1 if that cannot be told."""
    if provider not in PROVIDERS:
        raise typer.BadParameter(f"only {', '.join(PROVIDERS)} repeats which settings it used", param_hint="--probe")
    if not sure:
        typer.confirm(f"This sends one small picture to {provider} and costs one credit. Go on?", abort=True)
    deployed = deployed_stack.connect(stack)
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
    say(f"sent: job {job.job_id}, process {process_id}, {reserved} credits reserved")
    spelling = _read(deployed.container.adapters.providers[provider], process_id)
    if spelling is None:
        say(f"{provider} does not say which spelling it read; both names go on being sent")
        raise typer.Exit(1)
    say(f"{provider} reads {spelling}: deploy with SettingSpelling={provider}={spelling}")


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
    """Return a small grey PNG, the same every time."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\x00" + bytes(SIDE_PIXELS) for _ in range(SIDE_PIXELS))
    header = struct.pack(">IIBBBBB", SIDE_PIXELS, SIDE_PIXELS, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body
