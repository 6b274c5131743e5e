"""A batch of `darkroom enhance`: its pictures, and what becomes of each before anything is uploaded.

The checks are those of submit, on the same bytes and by the stack's own parameters. Nothing is sent here.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.model import Upload
from darkroom.pipeline.lost_uploads import MAX_AGE
from darkroom_cli.batch import earlier_uploads
from darkroom_cli.batch.earlier_uploads import Earlier, Standing
from darkroom_cli.batch.result_folder import NotSaved, ResultFolder
from darkroom_cli.console import bars
from darkroom_cli.costs import forecast
from darkroom_cli.costs.forecast import Forecast
from darkroom_cli.stack.batch_reader import jobs_by_id

if TYPE_CHECKING:
    from darkroom.model import Job
    from darkroom.setting_layers import Layer
    from darkroom_cli.batch.picked_files import PickedFile
    from darkroom_cli.stack.deployment import Deployment

READERS = 16  # files that are read and looked for at once: each waits for the disk, and then for the network


class Fate(StrEnum):
    """What becomes of a picture of the batch."""

    TO_SEND = "to send"
    SENT = "sent"
    KNOWN = "sent before"  # by this command: its job is followed
    REFUSED = "refused"  # not sent, because submit would refuse it, or its result could not be saved
    NOT_SENT = "not sent"  # its upload failed, or was interrupted
    PERHAPS_SENT = "perhaps sent"  # S3 may have all of it and has not answered; the same command again finds out


@dataclass(frozen=True)
class Picture:
    """One file of the batch, and what is known of it so far."""

    file: PickedFile
    fate: Fate
    mark: str = ""
    earlier: Earlier | None = None
    forecast: Forecast | None = None
    job_id: str | None = None
    job: Job | None = None
    result: Path | None = None  # where it was saved
    code: str = ""
    message: str = ""  # why there is no result

    def refused(self, message: str, code: str = "") -> Picture:
        """Return the picture as refused."""
        return replace(self, fate=Fate.REFUSED, message=message, code=code)


def check_settings(deployed: Deployment, above: Sequence[Layer]) -> None:
    """Raise InvalidSetting for the first setting of `--set` that is wrong for every picture. Raises WrongDefaults."""
    from darkroom import setting_checks

    quote = deployed.container.quote
    _ = quote.defaults
    for layer in above:
        setting_checks.check(layer, quote.allowed_providers, quote.default_provider)


@dataclass(frozen=True)
class Screening:
    """Says what becomes of files. `folder` is where results will be saved, None if nowhere."""

    deployed: Deployment
    above: Sequence[Layer]
    folder: ResultFolder | None = None
    again: bool = False  # whether files are sent that were sent before
    replaces: bool = False  # whether files are sent whose key has another picture

    def __call__(self, files: Sequence[PickedFile]) -> list[Picture]:
        """Return the pictures in the order of the files. Raises what boto3 raises, SourceDenied, WrongDefaults."""
        looked = self._looked_for(files)
        known = [picture.job_id for picture in looked if picture.fate is Fate.KNOWN and picture.job_id]
        jobs = jobs_by_id(self.deployed.operator_ledger, known)
        now = self.deployed.clock()
        return self._checked([_with_job(one, jobs.get(one.job_id or ""), now) for one in looked])

    def _looked_for(self, files: Sequence[PickedFile]) -> list[Picture]:
        bucket, name = self.deployed.container.adapters.sources, self.deployed.input_bucket
        settings = settings_of(self.above)
        with bars.counting("reading files", len(files)) as each, ThreadPoolExecutor(READERS) as readers:

            def look(file: PickedFile) -> Picture:
                try:
                    mark = earlier_uploads.mark_of(file.path, settings)
                except OSError as error:
                    unread = f"the file cannot be read: {error.strerror or error}"
                    return Picture(file, Fate.REFUSED, message=unread)
                found = self._standing(file, mark, earlier_uploads.look(bucket, name, file.key, mark))
                each()
                return found

            first = [look(file) for file in files[:1]]  # alone, because what is made at the first use is not made twice
            return [*first, *readers.map(look, files[1:])]

    def _standing(self, file: PickedFile, mark: str, earlier: Earlier) -> Picture:
        picture = Picture(file, Fate.TO_SEND, mark, earlier)
        if earlier.standing is Standing.SAME and earlier.source and not self.again:
            return replace(picture, fate=Fate.KNOWN, job_id=earlier.source.job_id)
        if earlier.standing is Standing.OTHER_PICTURE and not self.replaces:
            if earlier.source and earlier_uploads.MARK not in earlier.source.metadata:
                return picture.refused(
                    f"the bucket has an upload with the key {file.key!r} that this command did not send. "
                    f"It may be the same picture: `darkroom job {shlex.quote(file.key)}` shows its job. "
                    "Give --to FOLDER/ to send this one elsewhere, or --replace to replace that one: "
                    "with either, you pay for this one too"
                )
            return picture.refused(
                f"the bucket has another picture with the key {file.key!r}, whose result would be replaced: give --to FOLDER/ "
                "to send this one elsewhere, or --replace"
            )
        return picture

    def _checked(self, pictures: Sequence[Picture]) -> list[Picture]:
        to_send = [picture for picture in pictures if picture.fate is Fate.TO_SEND]
        with bars.counting("checking pictures", len(to_send)) as each:
            found = {one.key: one for one in self._forecasts([picture.file for picture in to_send], each)}
        return [
            self._after(picture, found[picture.file.key]) if picture.fate is Fate.TO_SEND else picture
            for picture in pictures
        ]

    def _forecasts(self, files: Sequence[PickedFile], each: Callable[[], None]) -> list[Forecast]:
        from darkroom_local.folder.source import FolderSource

        paths: Mapping[str, Path] = {file.key: file.path for file in files}
        quote = replace(self.deployed.container.quote, sources=FolderSource(Path(), paths))
        uploads = [Upload(self.deployed.input_bucket, file.key) for file in files]
        return forecast.of_uploads(quote, uploads, self.above, {}, each)

    def _after(self, picture: Picture, found: Forecast) -> Picture:
        picture = replace(picture, forecast=found)
        if found.fate is not forecast.Fate.PAID:
            return picture.refused(found.message or found.fate.value, found.code or "")
        try:
            if self.folder and found.output_key:
                self.folder.check(found.output_key)
        except NotSaved as problem:
            return picture.refused(str(problem))
        return picture


def _with_job(picture: Picture, job: Job | None, now: datetime) -> Picture:
    """Return the picture with its job. The sweep finds an upload whose event was lost until it is MAX_AGE old. An older one
    without a job has had one, whose row has expired."""
    source = picture.earlier.source if picture.earlier else None
    if picture.fate is Fate.KNOWN and job is None and source and now - source.last_modified > MAX_AGE:
        return picture.refused(
            "it was sent before, and the ledger no longer has its job: --again sends and pays it again"
        )
    return replace(picture, job=job)


def settings_of(above: Sequence[Layer]) -> dict[str, str]:
    """Return the settings of `--set`."""
    return {key: value for layer in above for key, value in layer.values.items()}
