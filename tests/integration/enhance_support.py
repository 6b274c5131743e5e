"""Helpers for tests of `darkroom enhance`: pictures in a folder, a run of the command, and an application that works."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fakes.application import ApplicationUnderTest, picture
from tests.fakes.aws_account import INPUT
from tests.unit.cli_support import run

from darkroom.model import Upload


def folder_of_photos(folder: Path, count: int) -> Path:
    """Make the folder with that many different pictures, `0.jpg` and so on, and return it."""
    folder.mkdir()
    for number in range(count):
        (folder / f"{number}.jpg").write_bytes(picture(40 + number, 30))
    return folder


def enhanced(*arguments: object, code: int = 0) -> list[dict[str, Any]]:
    """Run `darkroom enhance --json` and return its objects."""
    done = run("enhance", *map(str, arguments), "--json")
    assert done.exit_code == code, done.output + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def versions(application: ApplicationUnderTest) -> int:
    """Return how many uploads the input bucket has had."""
    return len(application.cloud.s3.list_object_versions(Bucket=INPUT).get("Versions", []))


def working(application: ApplicationUnderTest) -> Callable[[float], None]:
    """Return what replaces `batch_reader.pause`, so that the application processes all uploads whenever the command waits."""

    def work(seconds: float = 0) -> None:
        listed = application.cloud.s3.list_object_versions(Bucket=INPUT).get("Versions", [])
        known = {job.source_version for job in application.cloud.jobs()}
        for version in listed:
            if version["VersionId"] not in known:
                application.complete(Upload(INPUT, version["Key"], version["VersionId"], version["ETag"].strip('"')))

    return work
